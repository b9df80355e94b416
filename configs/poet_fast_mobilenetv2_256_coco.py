"""Fast POET on MobileNetV2 at 256 pixels, for two CPU cores.

Expect  docs/model_card.md: the weights are in this repository
Cost    batch 16, 40 epochs of a part of COCO (2,105 images): 3.5 hours, 2.4 s
        a step, on two CPU cores (measured here; one process of two threads:
        2.8 s a step)
Run     OMP_NUM_THREADS=1 bash tools/dist_train.sh \
            configs/poet_fast_mobilenetv2_256_coco.py 2 \
            --data-root COCO_MINI --cfg-options \
            train_dataloader.batch_size=8 \
            model.backbone.init_cfg.checkpoint=WEIGHTS

WEIGHTS has the MobileNetV2 (width 1.5) of MoveNet, which has learned keypoints
of people: stages at stride 4, 8, 16 and 32 have 40, 48, 144 and 480 channels.
Its convolutions pad as TensorFlow's do, its batch norms are folded.
"""

_base_ = ['./poet_fast_r50_512_coco.py']

codec = _base_.codec
attention = dict(dropout=0.0)  # on a CPU torch fuses attention without it
ffn = dict(feedforward_channels=512, ffn_drop=0.0)
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
        init_cfg=dict(
            type='Pretrained',
            checkpoint='weights/mobilenetv2_w15_coco_keypoints_fp16.pth',
        ),
    ),
    head=dict(
        in_channels=144,
        feat_index=2,  # tokens at stride 16
        detail=dict(in_channels=[40, 48, 144, 480]),
        encoder=dict(
            num_layers=2, layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=ffn)
        ),
        decoder=dict(
            num_layers=3,
            layer_cfg=dict(
                self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=ffn
            ),
        ),
    ),
)

size = 256
__resize = dict(
    type='ShortEdgeResize',
    short_edges=list(range(160, size + 1, 32)),
    max_size=size,
)
train_pipeline = [
    dict(type='LoadIntactImage'),
    dict(type='PastePeople'),  # few images: more people in each
    dict(type='YOLOXHSVRandomAug'),  # before flips, which make views
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='WarpOnce',
        transforms=[
            dict(
                type='RandomChoice',
                prob=[0.5, 0.5],
                transforms=[
                    [__resize],
                    [
                        dict(
                            type='RandomSizeCrop', min_size=192, max_size=384
                        ),
                        __resize,
                    ],
                ],
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
train_dataloader = dict(num_workers=1, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(pipeline=test_pipeline),
)
test_dataloader = val_dataloader

# EMA: test the mean weights of about the last 500 steps (1 / momentum), four
# epochs, of fewer at first (gamma).
custom_hooks = _base_.custom_hooks + [
    dict(
        type='EMAHook',
        ema_type='ExpMomentumEMA',
        momentum=0.002,
        gamma=500,
        priority=49,
    )
]
train_cfg = dict(max_epochs=40, val_interval=2)
default_hooks = dict(checkpoint=dict(interval=2, max_keep_ckpts=-1))
optim_wrapper = dict(
    optimizer=dict(lr=4e-4),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.25))),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=100),
    dict(  # the last ten epochs
        type='LinearLR',
        start_factor=1.0,
        end_factor=0.01,
        by_epoch=True,
        begin=30,
        end=40,
        convert_to_iter_based=True,
    ),
]
find_unused_parameters = True  # frozen stages and `conv2` of MobileNetV2
auto_scale_lr = dict(base_batch_size=16)
