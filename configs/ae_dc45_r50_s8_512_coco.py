"""AE-DC45-R50 at 512 pixels, stride 8 by dilation: no deconvolution, C4 and C5
keep the stride of C3. The alternative to ae_r50_s8_512_coco.

Expect  not published, not yet trained here.
Cost    100 epochs of 192 images, from the weights of stride 4.
Run     bash tools/dist_train.sh configs/ae_dc45_r50_s8_512_coco.py 8 \
            --data-root COCO --cfg-options load_from=AE_R50_S4.pth

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
    backbone=dict(strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4)),
    head=dict(
        deconv_out_channels=(), deconv_kernel_sizes=(),
        decoder=codec))
train_pipeline = [
    dict(type='LoadImage', backend_args={{_base_.backend_args}}),
    dict(type='RandomFlip', prob=0.5),
    {{_base_.affine}},
    dict(type='GenerateTarget', encoder=codec),
    dict(type='HeatmapMask'),
    dict(type='PackPoseInputs')
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

# the paper's lower strides: 100 epochs, MMPose's drops at the same shares
train_cfg = dict(max_epochs=100)
param_scheduler = [
    dict(
        type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500),
    dict(type='MultiStepLR', milestones=[67, 87], gamma=0.1, by_epoch=True)
]
