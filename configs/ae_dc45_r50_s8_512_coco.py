"""AE-DC45-R50 at 512 pixels, stride 8 by dilation.

C4 and C5 keep the stride of C3, and there is no deconvolution.

Expect  not published, not yet trained here.
Cost    batch 192, 100 epochs from the weights of stride 4, time not
        measured
Run     bash tools/dist_train.sh configs/ae_dc45_r50_s8_512_coco.py 8 \
            --data-root COCO --cfg-options load_from=ae-r50

The alternative to ae_r50_s8_512_coco. Sigma is 1 cell: 8 pixels, as at stride
4.
"""

_base_ = ['./ae_r50_s8_512_coco.py']

model = dict(
    backbone=dict(strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4)),
    head=dict(deconv_out_channels=(), deconv_kernel_sizes=()),
)
