"""AE-R101 at 512 pixels, stride 4.

Expect  AP 55.4 on COCO val2017 (MMPose 0.x with flip test and a short edge of
        512 pixels, cited in Table 1); not yet trained here.
Cost    batch 128, 300 epochs, time not measured
Run     bash tools/dist_train.sh configs/ae_r101_s4_512_coco.py 8 \
            --data-root COCO
"""

_base_ = ['./ae_r50_s4_512_coco.py']

model = dict(
    backbone=dict(
        depth=101, init_cfg=dict(checkpoint='torchvision://resnet101')
    )
)

train_dataloader = dict(batch_size=16)
auto_scale_lr = dict(base_batch_size=128)
