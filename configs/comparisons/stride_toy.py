"""POET against AE over strides on drawn people: Figure 1 of the paper, small.

Expect  docs/stride_toy/table.md; a comparison of trends, not of COCO's AP.
Cost    30 minutes on 2 CPU cores.
Run     bash tools/toy_comparison.sh

Same images, seen as often, same backbone without pre-training, evaluated on
images that none has seen.
"""
title = 'Toy people, 128 pixels: POET and AE over strides'
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
