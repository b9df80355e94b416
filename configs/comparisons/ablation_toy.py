"""Ablation of the fast POET on synthetic people: its pieces, and its sizes.

Expect  docs/results/ablation_toy/table.md
Cost    18 rows: batch 16, 2 epochs; about 3 minutes a row on one CPU core
Run     python tools/make_toy_coco.py --out data/toy_strides --train 3000 \
            --val 200 --size 128 --seed 1
        python tools/compare_strides.py configs/comparisons/ablation_toy.py

All rows see the same images, with the same learning rate and schedule. The
model as it is has three seeds; other rows have one.
"""

title = 'Synthetic people, 128 pixels: pieces and sizes of the fast POET'
data_root = 'data/toy_strides/'
budget = dict(epochs=2)
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
    'no points around keypoints': {'model.head.detail.points': 1},
    'without detail': {'model.head.detail': None},
    'proposals and refinement': {**proposals, 'model.head.refine': True},
    'proposals alone': proposals,
    'no piece': {
        **proposals,
        'model.head.loss.nobody_weight': 0.1,
        'model.head.propose': False,
    },
}


def width(channels):
    """Return options for D channels of the transformer instead of 128."""
    options = {'model.head.positional_encoding.num_feats': channels // 2}
    for part, attentions in (
        ('encoder', ['self_attn']),
        ('decoder', ['self_attn', 'cross_attn']),
    ):
        for layer in (*attentions, 'ffn'):
            key = f'model.head.{part}.layer_cfg.{layer}_cfg.embed_dims'
            options[key] = channels
    return options


sizes = {
    '5 queries': {'model.head.num_queries': 5},
    '1 encoder layer': {'model.head.encoder.num_layers': 1},
    '1 decoder layer': {'model.head.decoder.num_layers': 1},
    '6 decoder layers': {'model.head.decoder.num_layers': 6},
    '64 channels': width(64),
    '256 channels': width(256),
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
    for name, options in {**pieces, **sizes}.items()
    for seed in ((0, 1, 2) if name == 'all' else (0,))
]
