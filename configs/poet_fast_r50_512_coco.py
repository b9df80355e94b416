"""Fast POET-R50 at 512 pixels (stride 32): study 2 in 25 epochs.

Expect  not yet trained here.
Cost    25 epochs of 64 images.
Run     bash tools/dist_train.sh configs/poet_fast_r50_512_coco.py 4 \
            --data-root COCO

The difference from the paper, all of it: the encoder's tokens propose people
(40 of them become queries), decoder layers correct their poses by what finer
feature levels show at the joints, noised people teach them to, OKS is a term
of the loss, queries without a person weigh 0.4 in that of classes, and joints
with v = 1, which COCO's OKS scores too, are learned.
"""
_base_ = ['./poet_r50_512_coco.py']

codec = dict(type='POETCodec', supervise='labelled')
model = dict(
    data_preprocessor=dict(pad_size_divisor=32),  # whole cells
    backbone=dict(out_indices=(0, 1, 2, 3)),
    head=dict(
        num_queries=40,
        propose=True,
        refine=True,
        detail=dict(
            in_channels=[256, 512, 1024, 2048],
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
