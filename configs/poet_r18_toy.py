"""POET-R18 overfits 96 images of synthetic people, on two CPU cores.

Expect  AP >= 0.90 on the 96 images it trains on: a proof that the model can
        learn people. It validates on these, and tests on unseen images.
Cost    batch 16, 320 epochs, 4 to 8 minutes on 2 CPU cores (measured here)
Run     python tools/make_toy_coco.py --out data/toy --train 96 --val 64 \
            --size 128 --seed 0
        python tools/train.py configs/poet_r18_toy.py

Stride 16, half the usual width, no dropout, no augmentation.
"""

_base_ = ['./poet_r50_coco.py', './_base_/toy.py']

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
        out_indices=(2,),
        frozen_stages=-1,
        norm_cfg=dict(requires_grad=True),
        norm_eval=False,
        init_cfg=None,
    ),
    head=dict(
        in_channels=128,
        num_queries=10,
        encoder=dict(
            num_layers=2, layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=ffn)
        ),
        decoder=dict(
            num_layers=3,
            layer_cfg=dict(
                self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=ffn
            ),
        ),
        positional_encoding=dict(num_feats=64),
        codec=codec,
    ),
)

data_root = 'data/toy/'
train_pipeline = [
    dict(type='LoadIntactImage'),
    _base_.toy.resize,
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackBottomupInputs'),
]
test_pipeline = _base_.toy.test_pipeline
train_dataloader = dict(
    dataset=dict(data_root=data_root, pipeline=train_pipeline),
    **_base_.toy.loader,
)
test_dataloader = dict(
    dataset=dict(data_root=data_root, pipeline=test_pipeline),
    **_base_.toy.loader,
)
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file='annotations/person_keypoints_train2017.json',
        data_prefix=dict(img='train2017/'),
        pipeline=test_pipeline,
    ),
    **_base_.toy.loader,
)

val_evaluator = dict(
    ann_file=data_root + 'annotations/person_keypoints_train2017.json'
)
test_evaluator = dict(
    ann_file=data_root + 'annotations/person_keypoints_val2017.json'
)

train_cfg = _base_.toy.train_cfg
optim_wrapper = dict(
    optimizer=dict(lr=5e-4),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=1.0))),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = _base_.toy.param_scheduler
auto_scale_lr = dict(base_batch_size=16)
default_hooks = dict(checkpoint=_base_.toy.checkpoint)
del _base_.toy
