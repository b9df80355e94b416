"""AE-R50 at 512 pixels, stride 4: the baseline of POET's study 2.

AE is associative embedding (arXiv 1611.05424).

Expect  AP 46.6 on COCO val2017 (published, Table 2, with flip test; MMPose
        0.x, short edge enlarged to 512 pixels); not yet trained here.
Cost    batch 192, 300 epochs, hours not published
Run     bash tools/dist_train.sh configs/ae_r50_s4_512_coco.py 8 \
            --data-root COCO
Check   MMPose's checkpoint for these 46.6, with MMPose's test settings:
        python tools/test.py configs/mmpose_test/ae_r50.py ae-r50 \
            --data-root COCO
        python tools/test.py ae-r50 --data-root COCO tests it with those of
        this config, which limit the long edge to 512 pixels.

Start reading here. _base_/ has the data loaders and the runtime. All other AE
configs are differences from this one. Data, evaluator and size of the test
images are those of poet_r50_512_coco.py. As the paper says, training differs:
one affine augmentation onto a fixed canvas instead of rotation, crop and
multi-scale, no coarse dropout, and MMPose's schedule for AE.

Sigma is 8 pixels, which is 2 cells here, as in MMPose. A Gaussian of less than
one cell is little more than a single cell (at half a cell the neighbours get
0.14), and a network learns almost only background from it. At strides 16 and
32 sigma is therefore one cell (neighbours 0.61), which is 16 and 32 pixels.
"""

_base_ = ['./_base_/runtime.py', './_base_/coco_keypoints.py']

# model
num_keypoints = 17
input_size = (512, 512)
codec = dict(
    type='AECodec',
    input_size=input_size,
    heatmap_size=(128, 128),
    sigma=2,
    decode_keypoint_order=[
        0,
        1,
        2,
        3,
        4,
        5,
        6,
        11,
        12,
        7,
        8,
        9,
        10,
        13,
        14,
        15,
        16,
    ],
    decode_max_instances=30,
)

model = dict(
    type='BottomupPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_size_divisor=32,
    ),  # whole cells, for flip and positions
    backbone=dict(
        type='ResNet',
        depth=50,
        out_indices=(3,),
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
    ),
    head=dict(
        type='AEHead',
        in_channels=2048,
        num_keypoints=num_keypoints,
        deconv_out_channels=(256, 256, 256),
        deconv_kernel_sizes=(4, 4, 4),
        keypoint_loss=dict(type='MaskedMSELoss', loss_weight=1.0),
        tag_loss=dict(type='AELoss', loss_weight=0.001, push_loss_factor=0.5),
        decoder=codec,
    ),
    test_cfg=dict(flip_test=True, restore_heatmap_size=True),
)

# data
affine = dict(
    type='RandomAffine',
    size=input_size,
    max_degrees=30,
    scale=(0.75, 1.5),
    max_shift=0.2,
)
train_pipeline = [
    dict(type='LoadIntactImage', backend_args=_base_.backend_args),
    dict(type='RandomFlip', prob=0.5),
    affine,
    dict(type='GenerateTarget', encoder=codec),
    dict(type='HeatmapMask'),
    dict(type='PackBottomupInputs'),
]
test_pipeline = [
    dict(type='LoadIntactImage', backend_args=_base_.backend_args),
    dict(type='ShortEdgeResize', short_edges=512, max_size=512),
    dict(type='PackBottomupInputs'),
]

train_dataloader = dict(batch_size=24, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=8, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

# schedule
train_cfg = dict(by_epoch=True, max_epochs=300, val_interval=10)
optim_wrapper = dict(optimizer=dict(type='Adam', lr=1.5e-3))
param_scheduler = [
    dict(
        type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500
    ),
    dict(type='MultiStepLR', milestones=[200, 260], gamma=0.1, by_epoch=True),
]
auto_scale_lr = dict(base_batch_size=192)
