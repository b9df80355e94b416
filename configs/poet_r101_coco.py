"""POET-R101 on COCO keypoints, trained as in study 1.

Expect  not published, not yet trained here.
Cost    batch 12, 300 epochs, time not measured
Run     bash tools/dist_train.sh configs/poet_r101_coco.py 2 --data-root COCO
"""

_base_ = ['./poet_r50_coco.py']

model = dict(
    backbone=dict(
        depth=101,
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet101'),
    )
)
