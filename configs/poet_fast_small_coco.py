"""Fast POET-small: ResNet-18, 3 + 3 layers, 640 pixels.

Expect  not yet trained here.
Cost    batch 32, 50 epochs, time not measured
Run     bash tools/dist_train.sh configs/poet_fast_small_coco.py 2 \
            --data-root COCO --amp

All else is as in poet_fast_r50_coco.py. Three decoder layers are the number of
RT-DETR on ResNet-18 and of DETRPose-S. As theirs, a small backbone trains all
of its stages and batch norms.
"""

_base_ = ['./poet_fast_r50_coco.py']

model = dict(
    backbone=dict(
        depth=18,
        frozen_stages=-1,
        norm_cfg=dict(requires_grad=True),
        norm_eval=False,
        init_cfg=dict(checkpoint='torchvision://resnet18'),
    ),
    head=dict(
        in_channels=512,
        pyramid=dict(in_channels=[128, 256]),
        detail=dict(in_channels=[64, 128, 256, 512]),
        decoder=dict(num_layers=3),
    ),
)

max_size = 640
train_pipeline = _base_.train_pipeline
train_pipeline[2].transforms[1].transforms[1].update(
    short_edges=list(range(384, 481, 32)), max_size=max_size
)
test_pipeline = _base_.test_pipeline
test_pipeline[1].update(short_edges=max_size, max_size=max_size)
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
