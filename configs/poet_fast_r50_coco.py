"""Fast POET-R50 at up to 1333 pixels: study 1 in 50 epochs.

Expect  not yet trained here.
Cost    batch 16, 50 epochs, time not measured
Run     bash tools/dist_train.sh configs/poet_fast_r50_coco.py 8 \
            --data-root COCO

The head is that of poet_fast_r50_512_coco.py, the sizes are those of
poet_r50_coco.py. Tokens have stride 32. The features at the keypoints come
from four levels, stride 4 to 32.
"""

_base_ = ['./poet_r50_coco.py', './_base_/poet_fast.py']

codec = _base_.fast_head.codec
model = dict(
    data_preprocessor=dict(pad_size_divisor=32),  # whole cells
    backbone=dict(out_indices=(0, 1, 2, 3)),
    head=dict(num_queries=60, **_base_.fast_head),
)
del _base_.fast_head

train_pipeline = _base_.train_pipeline
train_pipeline[-2].encoder = codec
train_dataloader = dict(batch_size=2, dataset=dict(pipeline=train_pipeline))

train_cfg = dict(max_epochs=50, val_interval=5)
optim_wrapper = dict(optimizer=dict(lr=2e-4), clip_grad=dict(max_norm=1.0))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=500),
    dict(type='MultiStepLR', milestones=[40], gamma=0.1, by_epoch=True),
]
auto_scale_lr = dict(base_batch_size=16)
