"""Fast POET-R50 at 512 pixels, stride 32: study 2 in 25 epochs.

Expect  not yet trained here.
Cost    batch 64, 25 epochs, time not measured
Run     bash tools/dist_train.sh configs/poet_fast_r50_512_coco.py 4 \
            --data-root COCO

Differences of model and loss from the paper (the schedule is below):
* two-stage proposals: 40 tokens of the encoder become the queries;
* iterative refinement: each decoder layer corrects the pose by what finer
  feature levels show at its keypoints;
* denoising queries: noised ground truth, which the decoder learns to correct;
* each pose comes with its predicted OKS, which scales its score;
* OKS is a term of the loss, and "no object" weighs 0.4 in the class loss;
* keypoints with v = 1 are supervised, because COCO's OKS scores them.
"""

_base_ = [
    './poet_r50_coco.py',
    './_base_/size_512.py',
    './_base_/poet_fast.py',
]

codec = _base_.fast_head.codec
model = dict(
    data_preprocessor=dict(pad_size_divisor=32),  # whole cells
    backbone=dict(out_indices=(0, 1, 2, 3)),
    head=dict(num_queries=40, **_base_.fast_head),
)
del _base_.fast_head

max_size = 512
multi_scale = _base_.size_512.multi_scale
random_scale_or_crop = _base_.size_512.random_scale_or_crop
train_pipeline = _base_.train_pipeline
# the transforms of SameInBatch in WarpOnce
train_pipeline[2].transforms[1].transforms = [random_scale_or_crop]
train_pipeline[-2].encoder = codec
test_pipeline = _base_.test_pipeline
test_pipeline[1] = _base_.size_512.test
del _base_.size_512

train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=8, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

train_cfg = dict(max_epochs=25, val_interval=5)
optim_wrapper = dict(optimizer=dict(lr=2e-4), clip_grad=dict(max_norm=1.0))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=500),
    dict(type='MultiStepLR', milestones=[20], gamma=0.1, by_epoch=True),
]
auto_scale_lr = dict(base_batch_size=64)
