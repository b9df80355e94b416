"""AE-DC5-R50 at 512 pixels, stride 16 by dilation: no deconvolution, C5 keeps
the stride of C4, as in POET-DC5. The alternative to ae_r50_s16_512_coco.

Expect  not published, not yet trained here.
Cost    100 epochs of 192 images, from the weights of stride 4.
Run     bash tools/dist_train.sh configs/ae_dc5_r50_s16_512_coco.py 8 \
            --data-root COCO --cfg-options load_from=AE_R50_S4.pth

Sigma is 1 cell, 16 pixels.
"""
_base_ = ['./ae_r50_s16_512_coco.py']

model = dict(
    backbone=dict(strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2)),
    head=dict(deconv_out_channels=(), deconv_kernel_sizes=()))
