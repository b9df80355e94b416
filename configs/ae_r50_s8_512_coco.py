"""AE-R50 at 512 pixels, stride 8: two deconvolutions in place of three.

Expect  AP 24.9 on COCO val2017 (published, Table 2); not yet trained here.
Cost    100 epochs of 192 images, from the weights of stride 4.
Run     bash tools/dist_train.sh configs/ae_r50_s8_512_coco.py 8 \
            --data-root COCO --cfg-options load_from=AE_R50_S4.pth

Starts from the checkpoint of ae_r50_s4_512_coco given as `load_from`, as in
the paper (its remaining layers fit; those that do not are named in the log
and start anew), or without it from ImageNet.
Sigma is 1 cell: 8 pixels, as at stride 4.
"""
_base_ = ['./ae_r50_s4_512_coco.py']

codec = dict(
    type='AECodec',
    input_size={{_base_.input_size}},
    heatmap_size=(64, 64),
    sigma=1,
    decode_keypoint_order={{_base_.codec.decode_keypoint_order}},
    decode_max_instances=30)
model = dict(
    head=dict(
        deconv_out_channels=(256, 256),
        deconv_kernel_sizes=(4, 4),
        decoder=codec))
train_pipeline = [
    dict(type='LoadIntactImage', backend_args={{_base_.backend_args}}),
    dict(type='RandomFlip', prob=0.5),
    {{_base_.affine}},
    dict(type='GenerateTarget', encoder=codec),
    dict(type='HeatmapMask'),
    dict(type='PackBottomupInputs')
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

# the paper's lower strides: 100 epochs, MMPose's drops at the same shares
train_cfg = dict(max_epochs=100)
param_scheduler = [
    dict(
        type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500),
    dict(type='MultiStepLR', milestones=[67, 87], gamma=0.1, by_epoch=True)
]
