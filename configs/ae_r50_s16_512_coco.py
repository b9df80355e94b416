"""AE-R50 at 512 pixels, stride 16: one deconvolution instead of three.

Expect  AP 10.5 on COCO val2017 (published, Table 2); not yet trained here.
Cost    batch 192, 100 epochs from the weights of stride 4, hours not
        published
Run     bash tools/dist_train.sh configs/ae_r50_s16_512_coco.py 8 \
            --data-root COCO --cfg-options load_from=ae-r50

Schedule and start are those of ae_r50_s8_512_coco.
Sigma is 1 cell, 16 pixels: the 8 pixels of stride 4 would be half a cell.
"""

_base_ = ['./ae_r50_s8_512_coco.py']

codec = _base_.codec
codec.update(heatmap_size=(32, 32))
model = dict(
    head=dict(
        deconv_out_channels=(256,), deconv_kernel_sizes=(4,), decoder=codec
    )
)

train_pipeline = _base_.train_pipeline
train_pipeline[-3].encoder = codec
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
