"""Three or four learning rates for each row of peers_toy.py.

Expect  docs/results/peers_lr_toy/table.md: the rates that peers_toy.py names
Cost    21 rows: batch 16, 2 epochs of 4,000 images; 2.5 to 5 minutes a row on
        one CPU core, with another row on the other (measured here)
Run     python tools/compare_strides.py configs/comparisons/peers_lr_toy.py

The data are those of peers_toy.py.
"""

_base_ = './peers_toy.py'

title = 'Synthetic people, 128 pixels: learning rates'
budget = dict(epochs=2)
ap_after = [250, 500]
notes = _base_.notes[2:]

centers = {
    'POET': 5e-4,
    'fast POET': 2e-3,
    'AE': 1.5e-3,
    'RTMO': 1.5e-3,
    'YOLOX-Pose': 1.5e-3,
    'CID': 2e-3,
}
tried = dict.fromkeys(centers, (1 / 3, 1, 3))
for method in ('AE', 'RTMO', 'CID'):  # 3 x is better than 1 x
    tried[method] += (9,)
del method
rows = [
    dict(
        row,
        name=f'{row.method}, {factor:.3g} x',
        options={
            **row.options,
            'optim_wrapper.optimizer.lr': factor * centers[row.method],
        },
    )
    for row in _base_.rows
    for factor in tried[row.method]
]
