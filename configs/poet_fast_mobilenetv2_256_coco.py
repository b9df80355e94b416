"""Fast POET on MobileNetV2 at 256 pixels, for two CPU cores.

Expect  docs/results: not yet trained to the end here.
Cost    batch 16, 12 epochs of a part of COCO (2,105 images): 2.5 hours on one
        CPU core (measured here)
Run     python tools/train.py configs/poet_fast_mobilenetv2_256_coco.py \
            --data-root COCO_MINI \
            --cfg-options model.backbone.init_cfg.checkpoint=FILE

FILE has the MobileNetV2 (width 1.5) of MoveNet, which has learned keypoints of
people. Its convolutions pad as TensorFlow's do.
"""

_base_ = ['./poet_fast_r50_512_coco.py']

size = 256
codec = _base_.codec
attention = dict(dropout=0.0)  # on a CPU torch fuses attention without it
ffn = dict(feedforward_channels=1024, ffn_drop=0.0)
model = dict(
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3),
    backbone=dict(
        _delete_=True,
        type='MobileNetV2',
        widen_factor=1.5,
        out_indices=(1, 2, 4, 6),
        frozen_stages=2,
        norm_eval=True,
        conv_cfg=dict(type='Conv2dAdaptivePadding'),
        init_cfg=dict(type='Pretrained', checkpoint=''),
    ),
    head=dict(
        in_channels=144,
        feat_index=2,  # stride 16
        detail=dict(in_channels=[40, 48, 144, 480]),
        encoder=dict(
            num_layers=3, layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=ffn)
        ),
        decoder=dict(
            num_layers=3,
            layer_cfg=dict(
                self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=ffn
            ),
        ),
    ),
)

train_pipeline = [
    dict(type='LoadIntactImage'),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='WarpOnce',
        transforms=[
            dict(
                type='ShortEdgeResize',
                short_edges=list(range(160, size + 1, 32)),
                max_size=size,
            )
        ],
    ),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackBottomupInputs'),
]
test_pipeline = [
    dict(type='LoadIntactImage'),
    dict(type='ShortEdgeResize', short_edges=size, max_size=size),
    dict(type='PackBottomupInputs'),
]
loader = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(
    batch_size=16, dataset=dict(pipeline=train_pipeline), **loader
)
val_dataloader = dict(
    batch_size=8, dataset=dict(pipeline=test_pipeline), **loader
)
test_dataloader = val_dataloader

train_cfg = dict(max_epochs=6, val_interval=1)
optim_wrapper = dict(
    optimizer=dict(lr=4e-4),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.25))),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=100),
    dict(
        type='CosineAnnealingLR',
        T_max=6,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
auto_scale_lr = dict(base_batch_size=16)
