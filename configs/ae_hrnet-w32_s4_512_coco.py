"""AE-HRNet-W32 at 512 pixels, stride 4: HRNet's first branch, no
deconvolution.

Expect  AP 65.6 on COCO val2017 (published by MMPose, with flip test and a
        short edge of 512 pixels); not yet trained here.
Cost    300 epochs of 192 images.
Run     bash tools/dist_train.sh configs/ae_hrnet-w32_s4_512_coco.py 8 \
            --data-root COCO
"""
_base_ = ['./ae_r50_s4_512_coco.py']

model = dict(
    backbone=dict(
        _delete_=True,
        type='HRNet',
        in_channels=3,
        extra=dict(
            stage1=dict(
                num_modules=1,
                num_branches=1,
                block='BOTTLENECK',
                num_blocks=(4, ),
                num_channels=(64, )),
            stage2=dict(
                num_modules=1,
                num_branches=2,
                block='BASIC',
                num_blocks=(4, 4),
                num_channels=(32, 64)),
            stage3=dict(
                num_modules=4,
                num_branches=3,
                block='BASIC',
                num_blocks=(4, 4, 4),
                num_channels=(32, 64, 128)),
            stage4=dict(
                num_modules=3,
                num_branches=4,
                block='BASIC',
                num_blocks=(4, 4, 4, 4),
                num_channels=(32, 64, 128, 256))),
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://download.openmmlab.com/mmpose/'
            'pretrain_models/hrnet_w32-36af842e.pth')),
    head=dict(
        in_channels=32, deconv_out_channels=(), deconv_kernel_sizes=()))
