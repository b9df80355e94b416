"""POET on HRNet-W32 at 512 pixels: another backbone.

Expect  not published, not yet trained here.
Cost    batch 64, 250 epochs, time not measured
Run     bash tools/dist_train.sh configs/poet_hrnet-w32_512_coco.py 4 \
            --data-root COCO

The head reads the fourth branch (stride 32, 256 channels).
"""

_base_ = ['./poet_r50_512_coco.py', './_base_/hrnet_w32.py']

_base_.hrnet_w32.extra.stage4.multiscale_output = True
model = dict(
    # the branches fit together only at multiples of 32
    data_preprocessor=dict(pad_size_divisor=32),
    backbone=dict(
        _delete_=True,
        norm_cfg=dict(type='BN', requires_grad=False),
        norm_eval=True,
        **_base_.hrnet_w32,
    ),
    head=dict(in_channels=256),
)
del _base_.hrnet_w32
