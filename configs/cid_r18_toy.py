"""CID on the small ResNet-18, on synthetic people: a row of a comparison.

Expect  docs/results/peers_toy/table.md
Cost    batch 16, 8 epochs
Run     python tools/train.py configs/cid_r18_toy.py

Head, codec and losses are those of MMPose's CID, without its flip test. As
with HRNet, all levels of the backbone, here of strides 4, 8 and 16, are
resized to stride 4 and joined. `ScratchCIDHead` starts the inner layers as
PyTorch does: the backbone is not pre-trained. A heatmap cell of 4 pixels
bounds the AP: of 64 images of 128 pixels, the targets themselves, decoded,
have a mean OKS of 0.69. CID predicts one image at a time.
"""

_base_ = [
    'mmpose::body_2d_keypoint/cid/coco/'
    'cid_hrnet-w32_8xb20-140e_coco-512x512.py',
    './_base_/peer_toy.py',
]

codec = dict(input_size=(128, 128), heatmap_size=(32, 32))
_base_.codec.update(codec)
_base_.peer.backbone.update(
    num_stages=3, strides=(1, 2, 2), dilations=(1, 1, 1), out_indices=(0, 1, 2)
)
model = dict(
    data_preprocessor=_base_.peer.data_preprocessor,
    backbone=_base_.peer.backbone,
    head=dict(type='ScratchCIDHead', in_channels=32 + 64 + 128, decoder=codec),
    test_cfg=dict(flip_test=False),
)

_base_.peer.train_dataloader.dataset.pipeline = [
    *_base_.peer.load,
    dict(type='StockPeople', corners=True),
    dict(type='GenerateTarget', encoder=_base_.codec),
    dict(type='HeatmapMask'),
    dict(type='PackBottomupInputs'),
]
train_dataloader = _base_.peer.train_dataloader
_base_.peer.test_dataloader.batch_size = 1
_base_.peer.test_evaluator.update(
    score_mode='keypoint', nms_mode='oks_nms', nms_thr=0.8
)
test_dataloader = _base_.peer.test_dataloader
val_dataloader = test_dataloader
test_evaluator = _base_.peer.test_evaluator
val_evaluator = test_evaluator

train_cfg = _base_.peer.train_cfg
param_scheduler = _base_.peer.param_scheduler
auto_scale_lr = dict(base_batch_size=16)
default_hooks = _base_.peer.default_hooks
del _base_.peer
