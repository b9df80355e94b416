"""POET-R50, COCO keypoints, study 1 of the paper (arXiv 2103.12115).

Expect  AP 55.4 on COCO test-dev (published, Table 1); not yet trained here.
Cost    300 epochs of 12 images.
Run     bash tools/dist_train.sh configs/poet_r50_coco.py 2 --data-root COCO
        python tools/test.py configs/poet_r50_coco.py CHECKPOINT \
            --data-root COCO

Complete on its own; every other POET config is a difference from this one.

One thing is not the paper's: images of a batch have a similar aspect ratio
(SimilarShapeBatchSampler) and draw the same size and crop (SameInBatch), which
lowers the share of padding from 41 to 4 %, and with it the pixels of an epoch
by 38 %. What happens to an image keeps its distribution. Every image on its
own: train_dataloader.batch_sampler=None.
For torch.compile, few shapes of batches (some 50, 16 % of padding):
model.data_preprocessor.pad_size_divisor=128.
"""
_base_ = ['mmpose::_base_/default_runtime.py']
custom_imports = dict(imports=['poet_mm'], allow_failed_imports=False)

# model
num_keypoints = 17
codec = dict(type='POETCodec', supervise='visible')
attention = dict(embed_dims=256, num_heads=8, dropout=0.1)
ffn = dict(embed_dims=256, feedforward_channels=2048, ffn_drop=0.1)

model = dict(
    type='BottomupPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True),
    backbone=dict(
        type='ResNet',
        depth=50,
        out_indices=(3, ),
        frozen_stages=1,
        norm_cfg=dict(type='BN', requires_grad=False),
        norm_eval=True,
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50')),
    head=dict(
        type='POETHead',
        in_channels=2048,
        num_keypoints=num_keypoints,
        num_queries=25,
        encoder=dict(
            num_layers=6,
            layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=ffn)),
        decoder=dict(
            num_layers=6,
            layer_cfg=dict(
                self_attn_cfg=attention,
                cross_attn_cfg=attention,
                ffn_cfg=ffn)),
        positional_encoding=dict(num_feats=128, normalize=True),
        loss=dict(  # Eq. 1-4, keypoints measured as centre + offset
            type='PoseSetLoss',
            assigner=dict(
                type='PoseHungarianAssigner',
                match_costs=[
                    dict(type='PersonProbabilityCost', weight=1.0),
                    dict(type='KeypointL1Cost', field='keypoints', weight=4.0),
                    dict(type='L2Cost', field='visibility', weight=0.2),
                    dict(type='L2Cost', field='centers', weight=0.5)
                ]),
            loss_cls=dict(type='mmdet.CrossEntropyLoss', loss_weight=1.0),
            nobody_weight=0.1,
            terms=dict(
                keypoints=dict(type='mmdet.L1Loss', loss_weight=4.0),
                visibility=dict(type='mmdet.MSELoss', loss_weight=0.2),
                centers=dict(type='mmdet.MSELoss', loss_weight=0.5))),
        codec=codec))

# data
data_root = 'data/coco/'
data_mode = 'bottomup'  # for MMPose's inferencers
dataset_type = 'BottomupCocoDataset'
metainfo = dict(from_file='configs/_base_/datasets/coco.py')

max_size = 1333
multi_scale = dict(
    type='ShortEdgeResize',
    short_edges=list(range(480, 801, 32)),
    max_size=max_size)
random_scale_or_crop = dict(
    type='RandomChoice',
    prob=[0.5, 0.5],
    transforms=[[multi_scale],
                [
                    dict(type='ShortEdgeResize', short_edges=[400, 500, 600]),
                    dict(type='RandomSizeCrop', min_size=384, max_size=600),
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
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackBottomupInputs')
]
test_pipeline = [
    dict(type='LoadIntactImage', backend_args={{_base_.backend_args}}),
    dict(type='ShortEdgeResize', short_edges=800, max_size=max_size),
    dict(type='PackBottomupInputs')
]

train_dataloader = dict(
    batch_size=6,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='SimilarShapeBatchSampler'),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        metainfo=metainfo,
        ann_file='annotations/person_keypoints_train2017.json',
        data_prefix=dict(img='train2017/'),
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        metainfo=metainfo,
        ann_file='annotations/person_keypoints_val2017.json',
        data_prefix=dict(img='val2017/'),
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(
    type='FastCocoMetric',
    ann_file=data_root + 'annotations/person_keypoints_val2017.json',
    score_mode='bbox',
    nms_mode='none')
test_evaluator = val_evaluator

# schedule
train_cfg = dict(by_epoch=True, max_epochs=300, val_interval=10)
optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=1e-4, weight_decay=1e-4),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))),
    clip_grad=dict(max_norm=0.1, norm_type=2))
param_scheduler = [
    dict(type='MultiStepLR', milestones=[200, 250], gamma=0.1, by_epoch=True)
]
auto_scale_lr = dict(base_batch_size=12)

# runtime
visualizer = dict(type='POETVisualizer')
custom_hooks = [
    dict(type='SyncBuffersHook'),
    dict(type='ChannelsLastHook'),
    dict(type='MatchQualityHook'),
    dict(type='ValidationLossHook'),
    dict(type='SamplePredictionsHook')
]
default_hooks = dict(
    checkpoint=dict(
        interval=5, max_keep_ckpts=3, save_best='coco/AP', rule='greater'),
    checkpoint_guard=dict(type='CheckpointGuardHook'))
