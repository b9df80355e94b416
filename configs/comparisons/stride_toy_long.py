"""Figure 1 of the paper on synthetic people, POET and AE trained for long.

Expect  docs/results/stride_toy_long/table.md, figure1.png beside it
Cost    8 rows: batch 16, 11 epochs of 40,000 images, 1 for the fast POET
Run     python tools/make_toy_coco.py --out data/toy_long --train 43640 \
            --val 500 --size 128 --seed 1
        python tools/compare_strides.py \
            configs/comparisons/stride_toy_long.py

The models are those of stride_toy.py, and two fast POETs on their backbone.
Learning rates of AE and the fast POET are the best of peers_lr_toy.py, whose
backbone is twice as wide; POET, whose rates all had AP 0.1 or less there,
keeps that of its config.
"""

_base_ = './stride_toy.py'

title = 'Synthetic people, 128 pixels: POET and AE over strides, for long'
data_root = 'data/toy_long/'
budget = dict(epochs=11)
val_interval = 1
notes = [
    'The fast POET sees 40,000 images (1 epoch), the others 440,000 (11).',
    'Two rows ran at a time, on a core each, with other work beside, and were '
    'paused: compare no minutes and no milliseconds.',
]

fast = {
    'model.data_preprocessor.pad_size_divisor': 32,
    'model.backbone.stem_channels': 16,
    'model.backbone.base_channels': 16,
    'model.backbone.num_stages': 4,
    'model.backbone.strides': (1, 2, 2, 2),
    'model.backbone.dilations': (1, 1, 1, 1),
    'model.backbone.out_indices': (0, 1, 2, 3),
    'model.head.detail.in_channels': [16, 32, 64, 128],
}
rows = []
for name, level, channels in (
    ('fast POET 32', 3, 128),
    ('fast POET 16', 2, 64),
):
    options = {
        **fast,
        'model.head.feat_index': level,
        'model.head.in_channels': channels,
    }
    rows.append(
        dict(
            config='../poet_fast_r18_toy.py',
            name=name,
            method='fast POET',
            backbone='R18',
            epochs=1,
            options=options,
        )
    )
for row in _base_.rows:
    options = {}
    if '/ae_' in row.config:
        options['optim_wrapper.optimizer.lr'] = 4.5e-3
    rows.append(dict(row, options=options))
del channels, fast, level, name, options, row
