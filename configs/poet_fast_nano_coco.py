"""Fast POET-nano: MobileNetV2, 2 + 2 layers of 128 channels, 416 pixels.

Expect  not yet trained here.
Cost    batch 32, 50 epochs, time not measured
Run     python tools/train.py configs/poet_fast_nano_coco.py \
            --data-root COCO --amp

All else is as in poet_fast_r50_coco.py. Width and feed-forward layers are
those of DETRPose-N. All of the backbone is trained, as in
poet_fast_small_coco.py.
"""

_base_ = ['./poet_fast_r50_coco.py']

attention = dict(embed_dims=128)
ffn = dict(embed_dims=128, feedforward_channels=512)
model = dict(
    backbone=dict(
        _delete_=True,
        type='MobileNetV2',
        out_indices=(1, 2, 4, 6),  # strides 4, 8, 16, 32
        init_cfg=dict(type='Pretrained', checkpoint='mmcls://mobilenet_v2'),
    ),
    head=dict(
        in_channels=320,
        pyramid=dict(in_channels=[32, 96]),
        detail=dict(
            in_channels=[24, 32, 96, 320], channels=32, joint_channels=64
        ),
        encoder=dict(
            num_layers=2, layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=ffn)
        ),
        decoder=dict(
            num_layers=2,
            layer_cfg=dict(
                self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=ffn
            ),
        ),
        positional_encoding=dict(num_feats=64),
    ),
)

max_size = 416
train_pipeline = _base_.train_pipeline
train_pipeline[2].transforms[1].transforms[1].update(
    short_edges=list(range(256, 321, 32)), max_size=max_size
)
test_pipeline = _base_.test_pipeline
test_pipeline[1].update(short_edges=max_size, max_size=max_size)
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
