"""Fast POET-R50 with tokens of strides 8, 16 and 32, at 800 pixels: 50 epochs.

Expect  not yet trained here.
Cost    batch 32, 50 epochs, time not measured; estimate in docs/fast_poet.md
Run     bash tools/dist_train.sh configs/poet_fast_r50_coco.py 4 \
            --data-root COCO --amp

The largest of a family: poet_fast_small_coco.py and poet_fast_nano_coco.py are
differences from it. What is not set here is as in poet_fast_r50_512_coco.py.
Reasons refer to the recipes of RT-DETR (arXiv 2304.08069) for objects, and of
GroupPose (2308.07313), DETRPose (2506.13027) and RTMO (2312.07526) for people;
these three have 71 to 73 AP on COCO with models of this size.
"""

_base_ = ['./poet_fast_r50_512_coco.py']

# No dropout, as in the first three; the paper's 0.1 is for 300 epochs.
attention = dict(dropout=0.0)
ffn = dict(feedforward_channels=1024, ffn_drop=0.0)  # RT-DETR's width
model = dict(
    head=dict(
        # COCO scores the best 20 people of an image: three queries for each.
        num_queries=60,
        # A person of 30 pixels fills 1 token of stride 32, but 16 of stride 8.
        pyramid=dict(in_channels=[512, 1024]),
        # Self-attention sees stride 32 alone, as in RT-DETR (1 layer).
        encoder=dict(
            num_layers=3, layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=ffn)
        ),
        # With 4, prediction on the CPU is not slower than with the head of
        # RTMO-s (tools/benchmark.py peers).
        decoder=dict(
            num_layers=4,
            layer_cfg=dict(
                self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=ffn
            ),
        ),
    )
)

# Sizes: the long edge of COCO's usual image, 640 x 480 pixels, becomes 640 to
# 800. RTMO and DETRPose train with 480 to 800 and test with 640; GroupPose
# tests with up to 1333, at nearly three times the pixels of 800.
max_size = 800
resize = dict(
    type='ShortEdgeResize',
    short_edges=list(range(480, 609, 32)),
    max_size=max_size,
)
# Half of the images are parts, enlarged: the paper's crop, before the resize.
zoom = dict(
    type='RandomChoice',
    prob=[0.5, 0.5],
    transforms=[
        [],
        [
            dict(type='ShortEdgeResize', short_edges=[400, 500, 600]),
            dict(type='RandomSizeCrop', min_size=384, max_size=600),
        ],
    ],
)
train_pipeline = _base_.train_pipeline
# the transforms of SameInBatch in WarpOnce
train_pipeline[2].transforms[1].transforms = [zoom, resize]
test_pipeline = _base_.test_pipeline
test_pipeline[1].update(short_edges=max_size, max_size=max_size)

train_dataloader = dict(batch_size=8, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=1, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

# The rate is RT-DETR's and GroupPose's 1e-4 for batches of 16, here 2e-4 for
# 32, and a tenth of it for the backbone; they train 72 and 60 epochs. The
# cosine is the schedule of every fast POET that was trained here.
max_epochs = 50
train_cfg = dict(max_epochs=max_epochs, val_interval=5)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=1000),
    dict(
        type='CosineAnnealingLR',
        T_max=max_epochs,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
auto_scale_lr = dict(base_batch_size=32)

# EMA: test the mean weights of about the last 5,000 steps (1 / momentum, which
# is RTMO's), of fewer at first (gamma). RT-DETR has 10,000.
custom_hooks = _base_.custom_hooks + [
    dict(
        type='EMAHook',
        ema_type='ExpMomentumEMA',
        momentum=0.0002,
        gamma=2000,
        priority=49,
    )
]
