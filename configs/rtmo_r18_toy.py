"""RTMO on the small ResNet-18, on synthetic people: a row of a comparison.

Expect  docs/results/peers_toy/table.md
Cost    batch 16, 8 epochs
Run     python tools/train.py configs/rtmo_r18_toy.py

Head, codec, assigner and losses are those of MMPose's RTMO-s, with a quarter
of the head's full width, and without two things. One is the attention among
keypoints (GAU) of its coordinate classifier: after 240 steps on 64 images,
the classifier with it is at an OKS of 0.19, the proxy poses at 0.56. The other
is the last training phase (proxy targets, the second half of 600 epochs).
RTMO reads strides 16 and 32, and its neck stride 8: the backbone has all four
stages. MMPose's loss fails at a batch in which no image has people.
"""

_base_ = [
    'mmpose::body_2d_keypoint/rtmo/coco/rtmo-s_8xb32-600e_coco-640x640.py',
    './_base_/peer_toy.py',
]

_base_.peer.backbone.out_indices = (1, 2, 3)
model = dict(
    data_preprocessor=_base_.peer.data_preprocessor,
    backbone=_base_.peer.backbone,
    neck=dict(
        in_channels=[64, 128, 256],
        hidden_dim=128,
        widen_factor=0.25,
        encoder_cfg=dict(
            self_attn_cfg=dict(embed_dims=128),
            ffn_cfg=dict(embed_dims=128, feedforward_channels=512),
        ),
        projector=dict(in_channels=[128, 128], out_channels=128),
    ),
    head=dict(
        head_module_cfg=dict(widen_factor=0.25, pose_vec_channels=128),
        dcc_cfg=dict(in_channels=128, gau_cfg=None),
    ),
    test_cfg=dict(score_thr=0.01),  # scores are low after few steps
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
