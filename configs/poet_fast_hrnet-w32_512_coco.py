"""Fast POET on HRNet-W32 at 512 pixels.

The backbone is that of poet_hrnet-w32_512_coco.py, all else is as in
poet_fast_r50_512_coco.py.

Expect  not yet trained here.
Cost    batch 64, 25 epochs, time not measured
Run     bash tools/dist_train.sh configs/poet_fast_hrnet-w32_512_coco.py 4 \
            --data-root COCO
"""

_base_ = ['./poet_fast_r50_512_coco.py', './_base_/hrnet_w32.py']

_base_.hrnet_w32.extra.stage4.multiscale_output = True
model = dict(
    backbone=dict(
        _delete_=True,
        norm_cfg=dict(type='BN', requires_grad=False),
        norm_eval=True,
        **_base_.hrnet_w32,
    ),
    head=dict(in_channels=256, detail=dict(in_channels=[32, 64, 128, 256])),
)
del _base_.hrnet_w32
