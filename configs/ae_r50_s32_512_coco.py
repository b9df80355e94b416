"""AE-R50 at 512 pixels, stride 32: no deconvolution.

Expect  AP 0.9 on COCO val2017 (published, Table 2); not yet trained here.
Cost    batch 192, 100 epochs from the weights of stride 4, hours not
        published
Run     bash tools/dist_train.sh configs/ae_r50_s32_512_coco.py 8 \
            --data-root COCO --cfg-options load_from=ae-r50

Schedule and start are those of ae_r50_s8_512_coco.
Sigma is 1 cell, 32 pixels: the 8 pixels of stride 4 would be a quarter of a
cell.
"""

_base_ = ['./ae_r50_s8_512_coco.py']

codec = _base_.codec
codec.update(heatmap_size=(16, 16))
model = dict(
    head=dict(deconv_out_channels=(), deconv_kernel_sizes=(), decoder=codec)
)

train_pipeline = _base_.train_pipeline
train_pipeline[-3].encoder = codec
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
