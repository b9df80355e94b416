"""AE-R18 at stride 4 on synthetic people: a row of the toy comparison.

Expect  see docs/results/stride_toy/table.md
Cost    batch 16, 16 epochs (of the comparison; 320 in this file), 5 minutes on
        2 CPU cores (measured here)
Run     bash tools/toy_comparison.sh

Backbone, images and schedule are those of poet_r18_s32_toy.py. There is no
flip test, because colours tell left from right.

Sigma is 1 cell at every stride, here 4 pixels. The 8 pixels of
ae_r50_s4_512_coco.py, scaled from 512 to 128 pixels, would be half a cell,
which is too narrow to learn.

The tags need a larger loss weight to separate in so short a training. 0.02 is
close to MMPose 1.x's: 0.001 for each image, summed over a batch of 24.
"""

_base_ = ['./ae_r50_s4_512_coco.py', './_base_/toy.py']

input_size = (128, 128)
codec = _base_.codec
codec.update(input_size=input_size, heatmap_size=(32, 32), sigma=1)
model = dict(
    backbone=dict(
        depth=18,
        stem_channels=16,
        base_channels=16,  # a quarter as wide as usual
        init_cfg=None,
    ),
    head=dict(
        in_channels=128,
        deconv_out_channels=(64, 64, 64),
        tag_loss=dict(loss_weight=0.02),
        decoder=codec,
    ),
    test_cfg=dict(flip_test=False),
)

data_root = 'data/toy/'
resize = _base_.toy.resize
train_pipeline = [
    dict(type='LoadIntactImage'),
    resize,
    dict(type='GenerateTarget', encoder=codec),
    dict(type='HeatmapMask'),
    dict(type='PackBottomupInputs'),
]
test_pipeline = _base_.toy.test_pipeline
train_dataloader = dict(
    dataset=dict(data_root=data_root, pipeline=train_pipeline),
    **_base_.toy.loader,
)
val_dataloader = dict(
    dataset=dict(data_root=data_root, pipeline=test_pipeline),
    **_base_.toy.loader,
)
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_file=data_root + 'annotations/person_keypoints_val2017.json'
)
test_evaluator = val_evaluator

train_cfg = _base_.toy.train_cfg
param_scheduler = _base_.toy.param_scheduler
auto_scale_lr = dict(base_batch_size=16)
default_hooks = dict(checkpoint=_base_.toy.checkpoint)
del _base_.toy
