"""Ablation of the fast POET on synthetic people.

Expect  docs/ablation_toy/table.md; summary: README, Fast POET.
Cost    9 rows, 3 seeds each: batch 16, 4 epochs, 2 hours in all on 2 CPU cores
        (measured here)
Run     python tools/make_toy_coco.py --out data/toy_strides --train 3000 \
            --val 200 --size 128 --seed 1
        python tools/compare_strides.py configs/comparisons/ablation_toy.py

All rows see the same images, with the same learning rate, schedule and seeds.
"""

title = 'Toy people, 128 pixels: the pieces of the fast POET'
data_root = 'data/toy_strides/'
budget = dict(epochs=4)
# The table is of the first fast POET.
options = {
    'model.head.predict_oks': False,
    'model.head.detail.points': 1,
    'optim_wrapper.optimizer.lr': 1e-3,
}

averaged = [
    dict(type='ChannelsLastHook'),
    dict(
        type='EMAHook',
        ema_type='ExpMomentumEMA',
        momentum=0.01,
        gamma=100,
        priority=49,
    ),
]

# Changes to poet_fast_r18_toy.py. Most of them remove a piece.
pieces = {
    'all': {},
    'with EMA': {'custom_hooks': averaged},
    'no object weighs 0.1': {'model.head.loss.nobody_weight': 0.1},
    'without OKS': {'model.head.loss.oks_weight': 0.0},
    'without denoising': {'model.head.denoising': None},
    'without detail': {'model.head.detail': None},
    'proposals and refinement': {
        'model.head.loss.oks_weight': 0.0,
        'model.head.denoising': None,
        'model.head.detail': None,
    },
    'proposals alone': {
        'model.head.loss.oks_weight': 0.0,
        'model.head.denoising': None,
        'model.head.detail': None,
        'model.head.refine': False,
    },
    'no piece': {
        'model.head.loss.nobody_weight': 0.1,
        'model.head.loss.oks_weight': 0.0,
        'model.head.denoising': None,
        'model.head.detail': None,
        'model.head.refine': False,
        'model.head.propose': False,
    },
}
rows = [
    dict(
        config='../poet_fast_r18_toy.py',
        name=f'{name}, seed {seed}',
        method=name,
        backbone='R18',
        seed=seed,
        options=options,
    )
    for seed in (0, 1, 2)
    for name, options in pieces.items()
]
