"""POET with ResNet-101, the recipe of study 1.

Expect  not published, not yet trained here.
Cost    as poet_r50_coco, with a backbone of twice the depth.
Run     bash tools/dist_train.sh configs/poet_r101_coco.py 2 --data-root COCO
"""
_base_ = ['./poet_r50_coco.py']

model = dict(
    backbone=dict(
        depth=101,
        init_cfg=dict(
            type='Pretrained', checkpoint='torchvision://resnet101')))
