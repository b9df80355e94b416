"""POET against AE over strides on synthetic people.

This is Figure 1 of the paper, in miniature.

Expect  docs/results/stride_toy/table.md: trends, not COCO's AP.
Cost    6 rows: batch 16, 16 epochs, 30 minutes in all on 2 CPU cores (measured
        here)
Run     bash tools/toy_comparison.sh

All rows see the same images equally often, with a backbone of the same width
and no pre-training. Evaluation is on unseen images.
"""

title = 'Synthetic people, 128 pixels: POET and AE over strides'
data_root = 'data/toy_strides/'
budget = dict(epochs=16)

rows = [
    dict(config='../poet_r18_s32_toy.py', backbone='R18'),
    dict(config='../poet_dc5_r18_s16_toy.py', backbone='DC5-R18'),
    dict(config='../ae_r18_s32_toy.py', backbone='R18'),
    dict(config='../ae_r18_s16_toy.py', backbone='R18'),
    dict(config='../ae_r18_s8_toy.py', backbone='R18'),
    dict(config='../ae_r18_s4_toy.py', backbone='R18'),
]
