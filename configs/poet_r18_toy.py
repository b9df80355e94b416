"""POET-R18 on drawn people, small enough for two CPU cores.

Expect  AP >= 0.90 on the 96 images it trains on: that the model can learn
        people. Validation is on those; test is on images it has not seen.
Cost    4 minutes on 2 CPU cores.
Run     python tools/make_toy_coco.py --out data/toy --train 96 --val 64 \
            --size 128 --seed 0
        python tools/train.py configs/poet_r18_toy.py

Stride 16, half the usual width, no augmentation (the drawn people's colours
tell left from right, so they must not be flipped).
"""
_base_ = ['./poet_r50_coco.py']

codec = dict(type='POETCodec', supervise='labelled')
attention = dict(embed_dims=128, num_heads=8, dropout=0.0)
ffn = dict(embed_dims=128, feedforward_channels=512, ffn_drop=0.0)

model = dict(
    backbone=dict(
        depth=18,
        stem_channels=32,
        base_channels=32,  # half as wide as usual
        num_stages=3,  # stride 16
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(2, ),
        frozen_stages=-1,
        norm_cfg=dict(requires_grad=True),
        norm_eval=False,
        init_cfg=None),
    head=dict(
        in_channels=128,
        num_queries=10,
        encoder=dict(
            num_layers=2,
            layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=ffn)),
        decoder=dict(
            num_layers=3,
            layer_cfg=dict(
                self_attn_cfg=attention,
                cross_attn_cfg=attention,
                ffn_cfg=ffn)),
        positional_encoding=dict(num_feats=64),
        codec=codec))

data_root = 'data/toy/'
train_pipeline = [
    dict(type='LoadIntactImage'),
    dict(type='ShortEdgeResize', short_edges=128, max_size=128),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackBottomupInputs')
]
test_pipeline = [
    dict(type='LoadIntactImage'),
    dict(type='ShortEdgeResize', short_edges=128, max_size=128),
    dict(type='PackBottomupInputs')
]
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(data_root=data_root, pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        data_root=data_root,
        ann_file='annotations/person_keypoints_train2017.json',
        data_prefix=dict(img='train2017/'),
        pipeline=test_pipeline))
test_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(data_root=data_root, pipeline=test_pipeline))

val_evaluator = dict(
    ann_file=data_root + 'annotations/person_keypoints_train2017.json')
test_evaluator = dict(
    ann_file=data_root + 'annotations/person_keypoints_val2017.json')

train_cfg = dict(max_epochs=320, val_interval=40)
optim_wrapper = dict(
    optimizer=dict(lr=5e-4),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=1.0))),
    clip_grad=dict(max_norm=1.0))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=50),
    dict(
        type='CosineAnnealingLR',
        T_max=320,
        by_epoch=True,
        convert_to_iter_based=True)
]
auto_scale_lr = dict(base_batch_size=16)

# Two are kept, so that one is whole whenever training is interrupted.
default_hooks = dict(
    checkpoint=dict(interval=40, max_keep_ckpts=2, save_best=None))
randomness = dict(seed=0)
