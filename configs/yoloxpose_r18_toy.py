"""YOLOX-Pose on the small ResNet-18, on synthetic people: a comparison's row.

Expect  docs/results/peers_toy/table.md
Cost    batch 16, 8 epochs
Run     python tools/train.py configs/yoloxpose_r18_toy.py

Head, codec, assigner and losses are those of MMPose's YOLOX-Pose-s, with a
quarter of the full width. It reads strides 8, 16 and 32: the backbone has all
four stages.
"""

_base_ = [
    'mmpose::body_2d_keypoint/yoloxpose/coco/'
    'yoloxpose_s_8xb32-300e_coco-640.py',
    './_base_/peer_toy.py',
]

_base_.peer.backbone.out_indices = (1, 2, 3)
model = dict(
    data_preprocessor=_base_.peer.data_preprocessor,
    backbone=_base_.peer.backbone,
    neck=dict(in_channels=[64, 128, 256], out_channels=64),
    head=dict(head_module_cfg=dict(widen_factor=0.25)),
)

_base_.peer.train_dataloader.dataset.pipeline = [
    *_base_.peer.load,
    dict(type='StockPeople'),
    dict(type='GenerateTarget', encoder=_base_.codec),
    dict(type='PackBottomupInputs'),
]
train_dataloader = _base_.peer.train_dataloader
test_dataloader = _base_.peer.test_dataloader
val_dataloader = test_dataloader
test_evaluator = _base_.peer.test_evaluator
val_evaluator = test_evaluator

train_cfg = _base_.peer.train_cfg
param_scheduler = _base_.peer.param_scheduler
auto_scale_lr = dict(base_batch_size=16)
default_hooks = _base_.peer.default_hooks
custom_hooks = []
del _base_.peer
