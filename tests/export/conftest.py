"""A tiny model, and its ONNX file with and without a padding mask."""

import pytest
import torch
from helpers import FAST_LOSS, tiny_head_cfg
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

from poet_mm.export import graph as export

SIZE = (48, 64)

FAST = dict(
    propose=True,
    refine=True,
    predict_oks=True,
    loss=FAST_LOSS,
    detail=dict(in_channels=[16, 64], channels=4, joint_channels=8, points=3),
)
LEVELS = dict(FAST, pyramid=dict(in_channels=[16]))


def make_model(**pieces):
    """Make a model of Q = 6, with batch norms with statistics."""
    torch.manual_seed(0)
    init_default_scope('mmpose')
    preprocessor = dict(
        type='PoseDataPreprocessor',
        mean=[120.0, 110.0, 100.0],
        std=[60.0, 55.0, 50.0],
        bgr_to_rgb=True,
    )
    widths = dict(stem_channels=8, base_channels=8)
    backbone = dict(type='ResNet', depth=18, out_indices=(1, 3), **widths)
    cfg = dict(
        type='BottomupPoseEstimator',
        data_preprocessor=preprocessor,
        backbone=backbone,
        head=tiny_head_cfg(in_channels=64, **pieces),
    )
    model = MODELS.build(cfg)
    model.train().extract_feat(torch.rand(4, 3, 64, 64))  # statistics
    K = model.head.num_keypoints
    names = dict(enumerate(['nose', 'neck', 'tail', 'paw', 'claw'][:K]))
    links = [(0, 1), (1, 2), (2, 3)] if K > 1 else []
    model.dataset_meta = dict(keypoint_id2name=names, skeleton_links=links)
    pipeline = [
        dict(type='LoadImage'),
        dict(type='ShortEdgeResize', short_edges=48, max_size=64),
        dict(type='PackBottomupInputs'),
    ]
    dataset = dict(dataset=dict(pipeline=pipeline))
    model.cfg = Config(dict(test_dataloader=dataset))
    return model.eval()


@pytest.fixture(scope='module')
def model():
    return make_model()


@pytest.fixture(
    scope='module',
    params=[({}, False), ({}, True), (FAST, True), (LEVELS, True)],
)
def exported(request, tmp_path_factory):
    """Model, path, whether it has a padding mask, and the error found."""
    pieces, padding = request.param
    model = make_model(**pieces)
    path = str(tmp_path_factory.mktemp('onnx') / 'poet.onnx')
    graph, error = export.build_onnx(model, SIZE, padding_mask=padding)
    export.write_onnx(graph, path)
    return model, path, padding, error
