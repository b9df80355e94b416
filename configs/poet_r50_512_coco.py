"""POET-R50 at 512 pixels (stride 32), study 2 of the paper: POET against AE.

Expect  AP 46.6 on COCO val2017 (published, Table 2); not yet trained here.
Cost    250 epochs of 64 images.
Run     bash tools/dist_train.sh configs/poet_r50_512_coco.py 4 \
            --data-root COCO --cfg-options load_from=POET_R50_COCO.pth

The paper starts from a backbone trained on COCO keypoints: give any checkpoint
whose keys start with `backbone.` as `load_from`. Without one, training starts
from ImageNet (those weights are fetched in any case, unless
model.backbone.init_cfg=None). The paper names the limit of 512 pixels, not the
sizes below it: those of study 1 are scaled by 512 / 1333 and rounded.
"""
_base_ = ['./poet_r50_coco.py']

max_size = 512
multi_scale = dict(
    type='ShortEdgeResize',
    short_edges=list(range(192, 513, 32)),
    max_size=max_size)
random_scale_or_crop = dict(
    type='RandomChoice',
    prob=[0.5, 0.5],
    transforms=[[multi_scale],
                [
                    dict(type='ShortEdgeResize', short_edges=[256, 320, 384]),
                    dict(type='RandomSizeCrop', min_size=192, max_size=384),
                    multi_scale
                ]])
train_pipeline = [
    dict(type='LoadIntactImage', backend_args={{_base_.backend_args}}),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='WarpOnce',
        transforms=[
            dict(type='RandomRotation', prob=0.5, max_degrees=25),
            dict(type='SameInBatch', transforms=[random_scale_or_crop])
        ]),
    dict(type='CoarseDropout', prob=0.5),
    dict(type='GenerateTarget', encoder={{_base_.codec}}),
    dict(type='PackBottomupInputs')
]
test_pipeline = [
    dict(type='LoadIntactImage', backend_args={{_base_.backend_args}}),
    dict(type='ShortEdgeResize', short_edges=512, max_size=max_size),
    dict(type='PackBottomupInputs')
]

train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=8, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

train_cfg = dict(max_epochs=250)
auto_scale_lr = dict(base_batch_size=64)
