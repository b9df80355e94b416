"""POET-R50 overfits 16 real images: a proof that it can learn people.

Expect  AP >= 0.80 on the 16 images it trains on. Reached 1.00 on 62 people, 11
        images with 3 or more: docs/overfit16_scalars.json.
Cost    batch 8, 750 epochs, 22 minutes on 2 CPU cores (measured here)
Run     python tools/make_subset.py COCO data/coco_mini_16 --images 16
        python tools/train.py configs/poet_r50_overfit16_coco.py

COCO is any folder of person images in COCO's layout, for example val2017.
192 pixels, no augmentation, no dropout. Every labelled keypoint is supervised,
because COCO scores those. Training and validation use the same images.
"""

_base_ = ['./poet_r50_coco.py']

codec = dict(type='POETCodec', supervise='labelled')
# On a CPU torch fuses attention without dropout only.
attention = dict(embed_dims=256, num_heads=8, dropout=0.0)
ffn = dict(embed_dims=256, feedforward_channels=2048, ffn_drop=0.0)

model = dict(
    backbone=dict(frozen_stages=3),  # to save time
    head=dict(
        encoder=dict(layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=ffn)),
        decoder=dict(
            layer_cfg=dict(
                self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=ffn
            )
        ),
        codec=codec,
    ),
)

data_root = 'data/coco_mini_16/'
__resize = dict(type='ShortEdgeResize', short_edges=192, max_size=192)
train_pipeline = [
    dict(type='LoadIntactImage'),
    __resize,
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackBottomupInputs'),
]
test_pipeline = [
    dict(type='LoadIntactImage'),
    __resize,
    dict(type='PackBottomupInputs'),
]
__loader = dict(batch_size=8, num_workers=0, persistent_workers=False)
train_dataloader = dict(
    dataset=dict(data_root=data_root, pipeline=train_pipeline), **__loader
)
val_dataloader = dict(
    dataset=dict(data_root=data_root, pipeline=test_pipeline), **__loader
)
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_file=data_root + 'annotations/person_keypoints_val2017.json'
)
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=750, val_interval=50)
optim_wrapper = dict(
    optimizer=dict(lr=3e-4),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.5))),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=50),
    dict(
        type='CosineAnnealingLR',
        T_max=750,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(
    checkpoint=dict(interval=100, max_keep_ckpts=1), logger=dict(interval=10)
)
randomness = dict(seed=0)
