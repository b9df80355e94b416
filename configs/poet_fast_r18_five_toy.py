"""Fast POET-R18 on synthetic people with 5 keypoints: a skeleton of your own.

Expect  not yet trained to the end here.
Cost    batch 16, 6 epochs of 3,000 images, time not measured
Run     python tools/make_toy_coco.py --out data/toy_five --train 3000 \
            --val 200 --joints nose left_wrist right_wrist left_ankle \
            right_ankle
        python tools/train.py configs/poet_fast_r18_five_toy.py \
            --data-root data/toy_five

Only metainfo and num_keypoints differ from poet_fast_r18_toy.py, whose other
settings are repeated here.
"""

_base_ = ['./poet_r18_toy.py', './_base_/poet_fast.py']

metainfo = dict(from_file='{{ fileDirname }}/_base_/datasets/toy_five.py')
_base_.fast_head.loss.metainfo = metainfo
_base_.fast_head.detail.update(in_channels=[32, 64, 128], channels=32)
model = dict(
    data_preprocessor=dict(pad_size_divisor=16),  # whole cells
    backbone=dict(out_indices=(0, 1, 2)),
    head=dict(num_keypoints=5, **_base_.fast_head),
)
del _base_.fast_head

train_dataloader = dict(dataset=dict(metainfo=metainfo))
test_dataloader = _base_.test_dataloader
test_dataloader.dataset.metainfo = metainfo
val_dataloader = test_dataloader
val_evaluator = _base_.test_evaluator

train_cfg = dict(max_epochs=6, val_interval=1)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = _base_.param_scheduler
param_scheduler[1].T_max = 6
default_hooks = dict(checkpoint=dict(interval=1))
