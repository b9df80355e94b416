"""POET-R50 on COCO keypoints: study 1 of the paper (arXiv 2103.12115v1).

Expect  AP 55.4 on COCO test-dev (published, Table 1); not yet trained here.
Cost    batch 12, 300 epochs, about 300 hours on 2 V100 (paper)
Run     bash tools/dist_train.sh configs/poet_r50_coco.py 2 --data-root COCO
        python tools/test.py configs/poet_r50_coco.py CHECKPOINT \
            --data-root COCO

Start reading here: model, loss (Eq. 1 to 4), pipelines and schedule. _base_/
has the data loaders and the runtime. All other POET configs are differences
from this one. "The paper" is v1 in all configs; docs/paper_vs_code.md compares
v1, v2 and the release.

Differences from the paper (all: docs/paper_vs_code.md): the keypoint term
compares centre + offset, as the release does; Eq. 3 as printed is
poet_r50_eq3_coco.py. The images of a batch have similar aspect ratios
(SimilarShapeBatchSampler) and share one random size and crop (SameInBatch),
for less padding. The distribution of what happens to one image is the same.
To treat every image on its own, set train_dataloader.batch_sampler=None.
For torch.compile, set model.data_preprocessor.pad_size_divisor=128: batches
then have only about 50 shapes, with more padding.
"""

_base_ = ['./_base_/runtime.py', './_base_/coco_keypoints.py']

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
        bgr_to_rgb=True,
    ),
    backbone=dict(
        type='ResNet',
        depth=50,
        out_indices=(3,),
        frozen_stages=1,
        norm_cfg=dict(type='BN', requires_grad=False),
        norm_eval=True,
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
    ),
    head=dict(
        type='POETHead',
        in_channels=2048,
        num_keypoints=num_keypoints,
        num_queries=25,
        encoder=dict(
            num_layers=6, layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=ffn)
        ),
        decoder=dict(
            num_layers=6,
            layer_cfg=dict(
                self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=ffn
            ),
        ),
        positional_encoding=dict(num_feats=128, normalize=True),
        loss=dict(  # Eq. 1-4, keypoints measured as centre + offset
            type='PoseSetLoss',
            assigner=dict(
                type='PoseHungarianAssigner',
                match_costs=[
                    dict(type='PersonProbabilityCost', weight=1.0),
                    dict(type='KeypointL1Cost', field='keypoints', weight=4.0),
                    dict(type='L2Cost', field='visibility', weight=0.2),
                    dict(type='L2Cost', field='centers', weight=0.5),
                ],
            ),
            loss_cls=dict(type='mmdet.CrossEntropyLoss', loss_weight=1.0),
            nobody_weight=0.1,
            terms=dict(
                keypoints=dict(type='mmdet.L1Loss', loss_weight=4.0),
                visibility=dict(type='mmdet.MSELoss', loss_weight=0.2),
                centers=dict(type='mmdet.MSELoss', loss_weight=0.5),
            ),
        ),
        codec=codec,
    ),
)

# data
max_size = 1333
multi_scale = dict(
    type='ShortEdgeResize',
    short_edges=list(range(480, 801, 32)),
    max_size=max_size,
)
random_scale_or_crop = dict(
    type='RandomChoice',
    prob=[0.5, 0.5],
    transforms=[
        [multi_scale],
        [
            dict(type='ShortEdgeResize', short_edges=[400, 500, 600]),
            dict(type='RandomSizeCrop', min_size=384, max_size=600),
            multi_scale,
        ],
    ],
)
train_pipeline = [
    dict(type='LoadIntactImage', backend_args=_base_.backend_args),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='WarpOnce',
        transforms=[
            dict(type='RandomRotation', prob=0.5, max_degrees=25),
            dict(type='SameInBatch', transforms=[random_scale_or_crop]),
        ],
    ),
    dict(type='CoarseDropout', prob=0.5),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackBottomupInputs'),
]
test_pipeline = [
    dict(type='LoadIntactImage', backend_args=_base_.backend_args),
    dict(type='ShortEdgeResize', short_edges=800, max_size=max_size),
    dict(type='PackBottomupInputs'),
]

train_dataloader = dict(
    batch_size=6,
    batch_sampler=dict(type='SimilarShapeBatchSampler'),
    dataset=dict(pipeline=train_pipeline),
)
val_dataloader = dict(batch_size=1, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

# schedule
train_cfg = dict(by_epoch=True, max_epochs=300, val_interval=10)
optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=1e-4, weight_decay=1e-4),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))),
    clip_grad=dict(max_norm=0.1, norm_type=2),
)
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
    dict(type='SamplePredictionsHook'),
]
