"""Faithful against fast POET on drawn people, three seeds each, from one
command.

Expect  docs/fast_toy/table.md, docs/fast_toy/convergence.png.
Cost    40 minutes on 2 CPU cores.
Run     python tools/make_toy_coco.py --out data/toy_strides --train 3000 \
            --val 200 --size 128 --seed 1
        python tools/compare_strides.py configs/comparisons/fast_toy.py

Same images seen, same backbone without pre-training, each with the learning
rate of its recipe; evaluated, epoch by epoch, on images that none has seen.
"""
title = 'Toy people, 128 pixels: faithful and fast POET'
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
        seed=seed) for seed in (0, 1, 2) for method, config in methods.items()
]
