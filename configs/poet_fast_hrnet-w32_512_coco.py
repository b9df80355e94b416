"""Fast POET on HRNet-W32 at 512 pixels: the backbone and head settings of
poet_hrnet-w32_512_coco.py, the rest of poet_fast_r50_512_coco.py.

Expect  not yet trained here.
Cost    25 epochs of 64 images.
Run     bash tools/dist_train.sh configs/poet_fast_hrnet-w32_512_coco.py 4 \
            --data-root COCO
"""
_base_ = ['./poet_hrnet-w32_512_coco.py']

codec = dict(type='POETCodec', supervise='labelled')
model = dict(
    head=dict(
        num_queries=40,
        propose=True,
        refine=True,
        detail=dict(
            in_channels=[32, 64, 128, 256],
            channels=64,
            joint_channels=128),
        denoising=dict(
            groups=3, center_noise=0.5, scale_noise=0.4, joint_noise=0.2),
        loss=dict(
            nobody_weight=0.4,
            oks_weight=2.0,
            metainfo={{_base_.metainfo}}),
        codec=codec))

train_pipeline = [
    dict(type='LoadIntactImage', backend_args={{_base_.backend_args}}),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='WarpOnce',
        transforms=[
            dict(type='RandomRotation', prob=0.5, max_degrees=25),
            dict(
                type='SameInBatch',
                transforms=[{{_base_.random_scale_or_crop}}])
        ]),
    dict(type='CoarseDropout', prob=0.5),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackBottomupInputs')
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

train_cfg = dict(max_epochs=25, val_interval=5)
optim_wrapper = dict(
    optimizer=dict(lr=2e-4), clip_grad=dict(max_norm=1.0, norm_type=2))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=500),
    dict(type='MultiStepLR', milestones=[20], gamma=0.1, by_epoch=True)
]
