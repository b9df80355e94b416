"""POET against AE over strides on COCO: Table 2 and Figure 1 of the paper.

Expect  the published rows, which the table shows beside those trained.
Cost    250 epochs of COCO for POET, 300 for AE at stride 4, 100 for the other
        AE rows; several GPUs for weeks.
Run     python tools/compare_strides.py configs/comparisons/stride_coco.py \
            --data-root COCO --gpus 8

Every row trains for the epochs that the paper gives it; with `--epochs E` or
`--minutes M` all train equally long. Learning rates are scaled from the batch
of the recipe to that of the GPUs. A trained row is given as
`checkpoint='FILE'`; `options=dict(load_from='FILE')` in the other AE rows,
with the checkpoint of AE at stride 4, starts them as the paper's did.
"""
title = 'COCO val2017, 512 pixels: POET and AE over strides'
data_root = 'data/coco/'
budget = dict(epochs=250)
options = {'auto_scale_lr.enable': True}

rows = [
    dict(config='../poet_r50_512_coco.py', backbone='R50'),
    dict(config='../poet_dc5_r50_512_coco.py', backbone='DC5-R50'),
    dict(config='../ae_r50_s4_512_coco.py', backbone='R50', epochs=300),
    dict(config='../ae_r50_s8_512_coco.py', backbone='R50', epochs=100),
    dict(config='../ae_r50_s16_512_coco.py', backbone='R50', epochs=100),
    dict(config='../ae_r50_s32_512_coco.py', backbone='R50', epochs=100),
]
