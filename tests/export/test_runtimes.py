"""The exported graph in onnxruntime and OpenVINO, and in the examples."""

import sys
from functools import partial

import numpy as np
import pytest
from helpers import ROOT

from poet_mm.errors import UserError
from poet_mm.export import runtimes
from poet_mm.export.parity import pad_images, random_images, reference_poses

onnx = pytest.importorskip('onnx')


def test_openvino_is_onnxruntime(exported):
    pytest.importorskip('openvino')
    _, path, padding, _ = exported
    graph = onnx.load(path)
    arrays = pad_images(random_images((80, 50), 2, padding))
    expected = runtimes.run_in_onnxruntime(graph)(*arrays)
    found = runtimes.run_in_openvino(graph)(*arrays[: 1 + padding])
    for a, b in zip(found, expected):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_openvino_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, 'openvino', None)
    with pytest.raises(UserError, match='pip install openvino numpy=='):
        runtimes.run_in_openvino(onnx.ModelProto())


@pytest.mark.parametrize(
    'exported', [(dict(num_keypoints=1), True)], indirect=True
)
def test_examples_with_one_keypoint(exported, monkeypatch):
    """The people of the model, in pixels."""
    pytest.importorskip('onnxruntime')
    monkeypatch.syspath_prepend(str(ROOT / 'examples'))
    from onnx_numpy import OnnxPOET
    from rtmlib_poet import POET

    model, path, *_ = exported
    images = random_images((48, 64), 1, False)
    poses = reference_poses(model, images)
    scores, keypoints, visibility = (values[0] for values in poses[:3])
    expected = scores, keypoints * [64, 48], visibility
    assert keypoints.shape == (6, 1, 2)
    bgr = images[0][..., ::-1]
    example = OnnxPOET(path)
    assert example.names == ['nose']
    for got, values in zip(example(bgr, 0), expected, strict=True):
        np.testing.assert_allclose(got, values, atol=1e-3)
    points, products = POET(path, score_thr=0)(bgr)
    np.testing.assert_allclose(points, expected[1], atol=1e-3)
    np.testing.assert_allclose(products, scores[:, None] * visibility, 1e-3)


@pytest.mark.parametrize('exported', [({}, True)], indirect=True)
def test_rtmlib_takes_the_example(exported, monkeypatch):
    """Its `Custom` and its tracker, in the first frame."""
    pytest.importorskip('onnxruntime')
    rtmlib = pytest.importorskip('rtmlib')
    monkeypatch.syspath_prepend(str(ROOT / 'examples'))
    from rtmlib_poet import POET

    path, (image,) = exported[1], random_images((480, 640), 1, False)
    for score_thr, count in ((0, 6), (1, 0)):
        poet = partial(POET, score_thr=score_thr)
        monkeypatch.setattr(rtmlib, 'POET', poet, raising=False)
        custom = partial(rtmlib.Custom, pose_class='POET', pose=path)
        expected = poet(path)(image)
        assert [len(values) for values in expected] == [count, count]
        for model in (
            custom(),
            rtmlib.PoseTracker(custom),
            rtmlib.PoseTracker(partial(poet, path)),
        ):
            for got, values in zip(model(image), expected, strict=True):
                assert len(got) == count
                got = np.reshape(got, values.shape)  # (0, ) if N is 0
                np.testing.assert_array_equal(got, values)
