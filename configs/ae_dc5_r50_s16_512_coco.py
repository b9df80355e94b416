"""AE-DC5-R50 at 512 pixels, stride 16 by dilation, as in POET-DC5.

C5 keeps the stride of C4, and there is no deconvolution.

Expect  not published, not yet trained here.
Cost    batch 192, 100 epochs from the weights of stride 4, time not
        measured
Run     bash tools/dist_train.sh configs/ae_dc5_r50_s16_512_coco.py 8 \
            --data-root COCO --cfg-options load_from=ae-r50

The alternative to ae_r50_s16_512_coco, on ae_r50_s8_512_coco for its schedule
and start. Sigma is 1 cell, 16 pixels.
"""

_base_ = ['./ae_r50_s8_512_coco.py']

codec = _base_.codec
codec.update(heatmap_size=(32, 32))
model = dict(
    backbone=dict(strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2)),
    head=dict(deconv_out_channels=(), deconv_kernel_sizes=(), decoder=codec),
)

train_pipeline = _base_.train_pipeline
train_pipeline[-3].encoder = codec
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
