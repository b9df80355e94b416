"""The fast POET against the paper's POET on synthetic people.

Each is trained with three seeds.

Expect  AP 89 for the fast POET; docs/fast_toy is of the first fast POET, at
        commit 9f50da6
Cost    6 rows: batch 16, 6 epochs, 40 minutes in all on 2 CPU cores (measured
        here)
Run     python tools/make_toy_coco.py --out data/toy_strides --train 3000 \
            --val 200 --size 128 --seed 1
        python tools/compare_strides.py configs/comparisons/fast_toy.py

All rows see the same images, with the same backbone and no pre-training. Each
method has the learning rate of its config. Evaluation is on unseen images,
after every epoch.
"""

title = "Toy people, 128 pixels: paper's POET and fast POET"
data_root = 'data/toy_strides/'
budget = dict(epochs=6)
val_interval = 1

methods = {
    'fast POET': '../poet_fast_r18_toy.py',
    'POET': '../poet_r18_toy.py',
}
rows = [
    dict(
        config=config,
        name=f'{method}, seed {seed}',
        method=method,
        backbone='R18',
        seed=seed,
    )
    for seed in (0, 1, 2)
    for method, config in methods.items()
]
