"""The exported graph in onnxruntime and OpenVINO."""

import sys

import numpy as np
import pytest

from poet_mm.errors import UserError
from poet_mm.export import runtimes
from poet_mm.export.parity import pad_images, random_images

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
    with pytest.raises(UserError, match=r'--openvino .*pip install openvino'):
        runtimes.run_in_openvino(onnx.ModelProto())
