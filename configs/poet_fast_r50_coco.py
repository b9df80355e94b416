"""Fast POET-R50 at up to 1333 pixels, four feature levels: study 1 in 50
epochs.

Expect  not yet trained here.
Cost    50 epochs of 16 images.
Run     bash tools/dist_train.sh configs/poet_fast_r50_coco.py 8 \
            --data-root COCO

The pieces are those of poet_fast_r50_512_coco.py, the sizes those of
poet_r50_coco.py. Tokens are of stride 32; joints are corrected by what the
levels of stride 4 to 32 show there.
"""
_base_ = ['./poet_r50_coco.py']

codec = dict(type='POETCodec', supervise='labelled')
model = dict(
    data_preprocessor=dict(pad_size_divisor=32),  # whole cells
    backbone=dict(out_indices=(0, 1, 2, 3)),
    head=dict(
        num_queries=60,
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
train_dataloader = dict(batch_size=2, dataset=dict(pipeline=train_pipeline))

train_cfg = dict(max_epochs=50, val_interval=5)
optim_wrapper = dict(
    optimizer=dict(lr=2e-4), clip_grad=dict(max_norm=1.0, norm_type=2))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=500),
    dict(type='MultiStepLR', milestones=[40], gamma=0.1, by_epoch=True)
]
auto_scale_lr = dict(base_batch_size=16)
