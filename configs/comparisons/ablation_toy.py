"""Ablation of the fast POET on synthetic people.

Expect  docs/ablation_toy/table.md; summary: README, Fast POET.
Cost    10 rows, 3 seeds each: batch 16, 4 epochs; not yet measured
Run     python tools/make_toy_coco.py --out data/toy_strides --train 3000 \
            --val 200 --size 128 --seed 1
        python tools/compare_strides.py configs/comparisons/ablation_toy.py

All rows see the same images, with the same learning rate, schedule and seeds.
"""

title = 'Toy people, 128 pixels: the pieces of the fast POET'
data_root = 'data/toy_strides/'
budget = dict(epochs=4)
# Changes to poet_fast_r18_toy.py. Each removes a piece, the last several.
without_oks = {
    'model.head.loss.oks_weight': 0.0,
    'model.head.predict_oks': False,
}
proposals = {
    **without_oks,
    'model.head.denoising': None,
    'model.head.detail': None,
    'model.head.refine': False,
}
pieces = {
    'all': {},
    'no object weighs 0.1': {'model.head.loss.nobody_weight': 0.1},
    'without predicted OKS': {'model.head.predict_oks': False},
    'without OKS': without_oks,
    'without denoising': {'model.head.denoising': None},
    'one point, one layer for all keypoints': {'model.head.detail.points': 1},
    'without detail': {'model.head.detail': None},
    'proposals and refinement': {**proposals, 'model.head.refine': True},
    'proposals alone': proposals,
    'no piece': {
        **proposals,
        'model.head.loss.nobody_weight': 0.1,
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
