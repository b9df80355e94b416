"""POET-R50 at 512 pixels, stride 32: study 2 of the paper, POET against AE.

Expect  AP 46.6 on COCO val2017 (published, Table 2); not yet trained here.
Cost    batch 64, 250 epochs, hours not published
Run     bash tools/dist_train.sh configs/poet_r50_512_coco.py 4 \
            --data-root COCO --cfg-options \
            model.backbone.init_cfg.checkpoint=ae-r50 \
            model.backbone.init_cfg.prefix=backbone.

As in the paper, training starts from the ResNet-50 of MMPose's AE, which has
learned COCO's keypoints: ae-r50 of the zoo. Without these options it starts
from ImageNet weights.
"""

_base_ = ['./poet_r50_coco.py', './_base_/size_512.py']

max_size = 512
multi_scale = _base_.size_512.multi_scale
random_scale_or_crop = _base_.size_512.random_scale_or_crop
train_pipeline = _base_.train_pipeline
# the transforms of SameInBatch in WarpOnce
train_pipeline[2].transforms[1].transforms = [random_scale_or_crop]
test_pipeline = _base_.test_pipeline
test_pipeline[1] = _base_.size_512.test
del _base_.size_512

train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=8, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

train_cfg = dict(max_epochs=250)
auto_scale_lr = dict(base_batch_size=64)
