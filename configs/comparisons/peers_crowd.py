"""The rows of peers_toy.py on crowds of synthetic people, 256 pixels.

Expect  docs/results/peers_crowd/table.md, convergence.png beside it
Cost    5 rows: batch 16, 4 epochs; 17 to 36 minutes a row on one CPU core,
        with another row on the other (measured here)
Run     python tools/make_toy_coco.py --out data/crowd_peers --crowd \
            --train 4364 --val 200 --seed 1
        python tools/compare_strides.py configs/comparisons/peers_crowd.py

The fast POET has tokens of two strides, and 25 queries for up to 12 people.
The paper's POET is left out: on the easier images of peers_toy.py it has AP
1.8 after 2,000 steps.
"""

_base_ = './peers_toy.py'

title = 'Crowds of synthetic people, 256 pixels'
data_root = 'data/crowd_peers/'
budget = dict(epochs=4)
ap_after = [250, 500, 1000]
notes = [
    'One seed. Two rows ran at a time, on a core each. Tests ran beside RTMO '
    'and CID, whose minutes are too many.',
    'Learning rates are those of peers_toy.py. AE has AP 0 with a third of '
    'its rate, too.',
    *_base_.notes[2:],
]

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
    if row.method != 'POET'
]
