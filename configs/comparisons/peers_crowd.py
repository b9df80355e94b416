"""The rows of peers_toy.py on crowds of synthetic people, 256 pixels.

Expect  a table with the AP after 250, 500 and 1,000 steps
Cost    6 rows: batch 16, 4 epochs; not yet measured
Run     python tools/make_toy_coco.py --out data/crowd_peers --crowd \
            --train 4364 --val 200 --seed 1
        python tools/compare_strides.py configs/comparisons/peers_crowd.py

POET has 25 queries, for up to 12 people. The fast POET has tokens of two
strides.
"""

_base_ = './peers_toy.py'

title = 'Crowds of toy people, 256 pixels: POET, AE, RTMO, YOLOX-Pose and CID'
data_root = 'data/crowd_peers/'
budget = dict(epochs=4)
ap_after = [250, 500, 1000]

size = 256
options = {
    f'{part}_dataloader.dataset.pipeline.1.{key}': size
    for part in ('train', 'test')
    for key in ('short_edges', 'max_size')
}
options['test_evaluator.small'] = True  # APS and ARS
maps = dict(input_size=(size, size), heatmap_size=(size // 4, size // 4))
configs = {'fast POET': '../poet_fast_r18_crowd.py'}
sizes = {
    'POET': {'model.head.num_queries': 25},
    'AE': {
        'model.head.decoder': maps,
        'train_dataloader.dataset.pipeline.2.encoder': maps,
    },
    'CID': {
        'model.head.decoder': maps,
        'train_dataloader.dataset.pipeline.3.encoder': maps,
    },
}
rows = [
    dict(
        row,
        config=configs.get(row.method, row.config),
        options={**row.options, **sizes.get(row.method, {})},
    )
    for row in _base_.rows
]
