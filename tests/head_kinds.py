"""Small heads of every kind, with features for them."""

import torch
from helpers import FAST_LOSS, tiny_head
from torch import nn

HEADS = dict(
    paper={},
    fast=dict(
        propose=True,
        refine=True,
        predict_oks=True,
        detail=dict(in_channels=[8], channels=4, joint_channels=8, points=3),
        denoising=dict(
            groups=2, center_noise=0.3, scale_noise=0.2, joint_noise=0
        ),
        loss=FAST_LOSS,
    ),
)
HEADS['levels'] = dict(
    HEADS['fast'],
    pyramid=dict(in_channels=[6]),
    detail=dict(HEADS['fast']['detail'], in_channels=[6, 8]),
)


class LossOf(nn.Module):
    """A head whose forward is its loss, for DDP."""

    def __init__(self, head):
        super().__init__()
        self.head = head

    def forward(self, feats, samples):
        return self.head.loss(feats, samples)


def build(kind):
    torch.manual_seed(0)
    head = tiny_head(**HEADS[kind])
    for branch in head.branches or ():  # so that poses depend on all of it
        torch.nn.init.normal_(branch.pose_embed.layers[-1].weight, std=0.01)
    feats = [torch.randn(4, 8, 4, 3)]
    if head.pyramid:
        feats.insert(0, torch.randn(4, 6, 8, 6))  # a finer level
    return LossOf(head), feats


def same_noise(like):
    """Instead of random numbers, whose order depends on the batch. No noise
    would leave |prediction - ground truth| on its kink, with a gradient of
    either sign."""
    return torch.full_like(like, 0.5)
