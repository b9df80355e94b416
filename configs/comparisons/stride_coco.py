"""POET against AE over strides on COCO: Table 2 and Figure 1 of the paper.

Expect  the published rows, which the table shows beside those trained.
Cost    6 rows: batch and epochs of each config (250 for POET, 300 for AE at
        stride 4, 100 for the other AE rows), time not measured
Run     python tools/compare_strides.py configs/comparisons/stride_coco.py \
            --data-root COCO --gpus 8

Each row trains for as many epochs as in the paper; with `--epochs E` all rows
train equally long. Learning rates are scaled from the batch of the config to
that of the GPUs. For a row that is trained already, add `checkpoint='FILE'`.
The paper starts AE at strides 8 to 32 from the checkpoint of stride 4: add
`options=dict(load_from='FILE')` to these rows.
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
