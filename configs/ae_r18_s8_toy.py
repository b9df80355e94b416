"""AE-R18 at stride 8 on drawn people: a row of the toy comparison.

Expect  see docs/stride_toy; no number of its own.
Cost    a few minutes on 2 CPU cores.
Run     bash tools/toy_comparison.sh
"""
_base_ = ['./ae_r18_s4_toy.py']

codec = dict(
    type='AECodec',
    input_size={{_base_.input_size}},
    heatmap_size=(16, 16),
    sigma=1,
    decode_keypoint_order={{_base_.codec.decode_keypoint_order}},
    decode_max_instances=30)
model = dict(
    head=dict(
        deconv_out_channels=(64, 64),
        deconv_kernel_sizes=(4, 4),
        decoder=codec))
train_pipeline = [
    dict(type='LoadIntactImage'), {{_base_.resize}},
    dict(type='GenerateTarget', encoder=codec),
    dict(type='HeatmapMask'),
    dict(type='PackBottomupInputs')
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
