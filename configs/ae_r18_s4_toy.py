"""AE-R18 at stride 4 on drawn people: a row of the toy comparison.

Expect  see docs/stride_toy; no number of its own.
Cost    a few minutes on 2 CPU cores.
Run     bash tools/toy_comparison.sh

Sigma is 1 cell at every stride: at 4 the same 4 pixels of an image a quarter
of 512. Backbone, images and schedule are those of poet_r18_s32_toy.py: no
augmentation, and no flip test (the drawn people's colours tell left from
right). The tags of so short a training only part with a larger weight: 0.02
is about what MMPose 1.x would give them, which sums 0.001 over a batch of 24.
"""
_base_ = ['./ae_r50_s4_512_coco.py']

input_size = (128, 128)
codec = dict(
    type='AECodec',
    input_size=input_size,
    heatmap_size=(32, 32),
    sigma=1,
    decode_keypoint_order={{_base_.codec.decode_keypoint_order}},
    decode_max_instances=30)
model = dict(
    backbone=dict(
        depth=18,
        stem_channels=16,
        base_channels=16,  # a quarter as wide as usual
        init_cfg=None),
    head=dict(
        in_channels=128,
        deconv_out_channels=(64, 64, 64),
        tag_loss=dict(loss_weight=0.02),
        decoder=codec),
    test_cfg=dict(flip_test=False))

data_root = 'data/toy/'
resize = dict(type='ShortEdgeResize', short_edges=128, max_size=128)
train_pipeline = [
    dict(type='LoadIntactImage'), resize,
    dict(type='GenerateTarget', encoder=codec),
    dict(type='HeatmapMask'),
    dict(type='PackBottomupInputs')
]
test_pipeline = [
    dict(type='LoadIntactImage'), resize,
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
    dataset=dict(data_root=data_root, pipeline=test_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_file=data_root + 'annotations/person_keypoints_val2017.json')
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=320, val_interval=40)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=50),
    dict(
        type='CosineAnnealingLR',
        T_max=320,
        by_epoch=True,
        convert_to_iter_based=True)
]
auto_scale_lr = dict(base_batch_size=16)
default_hooks = dict(
    checkpoint=dict(interval=40, max_keep_ckpts=2, save_best=None))
randomness = dict(seed=0)
