"""AE-HRNet-W32 at 512 pixels, stride 4.

It reads HRNet's first branch, without deconvolution.

Expect  AP 65.6 on COCO val2017 (published by MMPose, with flip test and a
        short edge of 512 pixels); not yet trained here.
Cost    batch 192, 300 epochs, time not measured
Run     bash tools/dist_train.sh configs/ae_hrnet-w32_s4_512_coco.py 8 \
            --data-root COCO
Check   MMPose's checkpoint for these 65.6, with MMPose's test settings:
        python tools/test.py configs/mmpose_test/ae_hrnet-w32.py ae-hrnet-w32 \
            --data-root COCO
"""

_base_ = ['./ae_r50_s4_512_coco.py', './_base_/hrnet_w32.py']

model = dict(
    backbone=dict(_delete_=True, **_base_.hrnet_w32),
    head=dict(in_channels=32, deconv_out_channels=(), deconv_kernel_sizes=()),
)
del _base_.hrnet_w32
