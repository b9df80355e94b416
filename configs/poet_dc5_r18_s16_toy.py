"""POET-DC5-R18 at stride 16 on synthetic people: a row of the toy comparison.

Expect  see docs/results/stride_toy/table.md
Cost    batch 16, 16 epochs (of the comparison; 320 in this file), 7 minutes on
        2 CPU cores (measured here)
Run     bash tools/toy_comparison.sh
"""

_base_ = ['./poet_r18_toy.py']

model = dict(
    backbone=dict(
        stem_channels=16,
        base_channels=16,  # a quarter as wide as usual
        num_stages=4,
        strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 2),
        out_indices=(3,),
    ),
    head=dict(in_channels=128),
)
