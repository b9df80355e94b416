"""The fast POET against the paper's POET on synthetic people.

Each is trained with three seeds.

Expect  docs/fast_toy/table.md, docs/fast_toy/convergence.png.
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
# The table is of the first fast POET.
first = {
    'fast POET': {
        'model.head.predict_oks': False,
        'model.head.detail.points': 1,
        'optim_wrapper.optimizer.lr': 1e-3,
    }
}
rows = [
    dict(
        config=config,
        name=f'{method}, seed {seed}',
        method=method,
        backbone='R18',
        seed=seed,
        options=first.get(method, {}),
    )
    for seed in (0, 1, 2)
    for method, config in methods.items()
]
