"""AE-HRNet-W32 with the test settings of MMPose 1.3.

Expect  AP 65.6 on COCO val2017 (published by MMPose 1.x)
Run     python tools/test.py configs/mmpose_test/ae_hrnet-w32.py ae-hrnet-w32 \
            --data-root COCO

ae_r50.py describes the settings.
"""

_base_ = ['./ae_r50.py', '../_base_/hrnet_w32.py']

model = dict(
    backbone=dict(_delete_=True, **_base_.hrnet_w32),
    head=dict(in_channels=32, deconv_out_channels=(), deconv_kernel_sizes=()),
)
del _base_.hrnet_w32
