"""Graphs in fp16 and int8: what is converted, and that the poses stay."""

from collections import Counter

import numpy as np
import pytest

from poet_mm.errors import UserError
from poet_mm.export import precision
from poet_mm.export.parity import pad_images, random_images
from poet_mm.export.precision import FIRST, to_fp16, to_int8
from poet_mm.export.runtimes import run_in_onnxruntime

onnx = pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

ARRAYS = pad_images(random_images((48, 64), 1, False))[:1]
UNCHANGED = ({}, False)  # the paper's POET, without a padding mask


def convert(path, kind):
    graph = onnx.load(path)
    if kind == 'fp16':
        return to_fp16(graph)
    return to_int8(graph, [ARRAYS] * 2)


@pytest.mark.parametrize(('kind', 'error'), [('fp16', 0.01), ('int8', 0.1)])
@pytest.mark.parametrize('exported', [UNCHANGED], indirect=True)
def test_poses_stay(exported, kind, error):
    """Same names and types; other numbers, a little."""
    graph = onnx.load(exported[1])
    lower = convert(exported[1], kind)
    for part in ('input', 'output'):
        assert [
            (value.name, value.type.tensor_type.elem_type)
            for value in getattr(lower.graph, part)
        ] == [
            (value.name, value.type.tensor_type.elem_type)
            for value in getattr(graph.graph, part)
        ]
    meta = {entry.key: entry.value for entry in lower.metadata_props}
    assert meta['keypoint_names'].startswith('["nose"')
    expected = run_in_onnxruntime(graph)(*ARRAYS)
    found = run_in_onnxruntime(lower)(*ARRAYS)
    gaps = [abs(a - b).max() for a, b in zip(found, expected)]
    assert 0 < max(gaps) < error


@pytest.mark.parametrize('exported', [UNCHANGED], indirect=True)
def test_weights(exported):
    """fp16 converts all, int8 those of later convolutions, by channel."""
    types = onnx.TensorProto
    graph, half, low = (
        onnx.load(exported[1]),
        convert(exported[1], 'fp16'),
        convert(exported[1], 'int8'),
    )
    counts = [
        Counter(
            weight.data_type
            for weight in each.graph.initializer
            if np.prod(weight.dims) > 1
        )
        for each in (graph, half, low)
    ]
    assert counts[1][types.FLOAT16] == counts[0][types.FLOAT]
    assert counts[1][types.FLOAT] == 0
    convolutions = [n for n in graph.graph.node if n.op_type == 'Conv']
    kernels = [
        weight
        for weight in low.graph.initializer
        if weight.data_type == types.INT8 and len(weight.dims) == 4
    ]
    assert len(kernels) == len(convolutions) - FIRST > 0
    scales = {weight.name: weight for weight in low.graph.initializer}
    for kernel in kernels:
        name = kernel.name.replace('_quantized', '_scale')
        assert list(scales[name].dims) == [kernel.dims[0]]


@pytest.mark.parametrize('exported', [UNCHANGED], indirect=True)
def test_nothing_to_quantise(exported, monkeypatch):
    monkeypatch.setattr(precision, 'FIRST', 99)
    with pytest.raises(UserError, match='leaves the first 99 in fp32'):
        convert(exported[1], 'int8')
