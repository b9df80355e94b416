"""Backbone, data and schedule of MMPose's own models on synthetic people.

`peer` is a building block, not a setting: a config uses its parts and deletes
it. The images, the evaluator and the ResNet-18 of half width are those of
poet_fast_r18_toy.py. There is no mosaic, mix-up, colour change, flip or EMA:
all rows of a comparison see the same images.
"""

custom_imports = dict(imports=['poet_mm'], allow_failed_imports=False)
randomness = dict(seed=0)

__root = 'data/toy/'
__metainfo = dict(from_file='configs/_base_/datasets/coco.py')
__resize = dict(type='ShortEdgeResize', short_edges=128, max_size=128)
__loader = dict(
    _delete_=True, batch_size=16, num_workers=0, persistent_workers=False
)
__test_dataloader = dict(
    **__loader,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='BottomupCocoDataset',
        data_root=__root,
        metainfo=__metainfo,
        ann_file='annotations/person_keypoints_val2017.json',
        data_prefix=dict(img='val2017/'),
        test_mode=True,
        pipeline=[
            dict(type='LoadIntactImage'),
            __resize,
            dict(type='PackBottomupInputs'),
        ],
    ),
)
peer = dict(
    data_preprocessor=dict(
        _delete_=True,
        type='PoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_size_divisor=32,
    ),
    backbone=dict(
        _delete_=True,
        type='ResNet',
        depth=18,
        stem_channels=32,
        base_channels=32,  # half as wide as usual: 32, 64, 128, 256
    ),
    load=[dict(type='LoadIntactImage'), __resize],
    train_dataloader=dict(
        **__loader,
        sampler=dict(type='DefaultSampler', shuffle=True),
        dataset=dict(
            type='BottomupCocoDataset',
            data_root=__root,
            metainfo=__metainfo,
            ann_file='annotations/person_keypoints_train2017.json',
            data_prefix=dict(img='train2017/'),
        ),
    ),
    test_dataloader=__test_dataloader,
    test_evaluator=dict(
        _delete_=True,
        type='FastCocoMetric',
        ann_file=__root + 'annotations/person_keypoints_val2017.json',
        score_mode='bbox',
        nms_mode='none',
    ),
    train_cfg=dict(_delete_=True, by_epoch=True, max_epochs=8, val_interval=1),
    param_scheduler=[
        dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=50),
        dict(
            type='CosineAnnealingLR',
            T_max=8,
            by_epoch=True,
            convert_to_iter_based=True,
        ),
    ],
    default_hooks=dict(
        checkpoint=dict(
            _delete_=True,
            type='AtomicCheckpointHook',
            interval=1,
            max_keep_ckpts=2,
        ),
        epoch_seed=dict(type='EpochSeedHook'),
        non_finite=dict(type='NonFiniteHook'),
        checkpoint_guard=dict(type='CheckpointGuardHook'),
    ),
)
