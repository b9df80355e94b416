"""The exported graph at every size and batch: the numbers of the model."""

import itertools
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from devices import on_every_device
from mmcv.cnn.bricks.conv2d_adaptive_padding import Conv2dAdaptivePadding

from poet_mm.errors import UserError
from poet_mm.export import graph as export
from poet_mm.export.parity import pad_images, random_images, reference_poses

onnxruntime = pytest.importorskip('onnxruntime')
onnx = pytest.importorskip('onnx')

SIZE = (48, 64)
ON_CUDA = 'CUDAExecutionProvider'
ATOL = dict(cpu=1e-5, cuda=1e-4)  # of positions in [0, 1]


def open_onnx(path, device='cpu'):
    if device == 'cpu':
        providers = ['CPUExecutionProvider']
    elif ON_CUDA not in onnxruntime.get_available_providers():
        pytest.skip('needs the package onnxruntime-gpu')
    else:
        onnxruntime.preload_dlls()  # those of torch
        providers = [(ON_CUDA, dict(use_tf32='0'))]
    session = onnxruntime.InferenceSession(path, providers=providers)
    # not another one instead
    assert (session.get_providers()[0] == ON_CUDA) == (device == 'cuda')
    return session


def run_onnx(path, batch, mask, device='cpu'):
    session = open_onnx(path, device)
    inputs = [i.name for i in session.get_inputs()]
    return session.run(None, dict(zip(inputs, (batch, mask))))


@on_every_device
@pytest.mark.parametrize(
    ('size', 'count'), [((48, 64), 3), ((80, 50), 1), ((33, 97), 2)]
)
def test_onnx_at_every_size_and_batch(exported, size, count, device):
    model, path, padding, error = exported
    assert error < 1e-5
    images = random_images(size, count, padding)
    expected = reference_poses(model, images)
    got = run_onnx(path, *pad_images(images), device)
    shapes = [(count, 6), (count, 6, 5, 2), (count, 6, 5), (count, 6, 2)]
    assert [x.shape for x in got] == shapes
    for a, b in zip(got, expected):
        np.testing.assert_allclose(a, b, atol=ATOL[device])


@pytest.mark.parametrize(
    ('kernel', 'stride', 'dilation'), [(1, 1, 1), (3, 2, 1), (5, 3, 2)]
)
def test_padding_of_tensorflow(kernel, stride, dilation):
    """Traced at one size, it is that of mmcv at all sizes."""
    conv = Conv2dAdaptivePadding(
        2, 3, kernel, stride=stride, dilation=dilation
    ).requires_grad_(False)
    images = [
        torch.rand(1, 2, *size)
        for size in itertools.product((7, 8, 9), (10, 11))
    ]
    expected = [conv(image) for image in images]
    conv.__class__ = export.TraceableConv
    traced = torch.jit.trace(conv, images[0])
    for image, values in zip(images, expected):
        assert torch.equal(traced(image), values)


@pytest.mark.parametrize('exported', [({}, True)], indirect=True)
def test_padding_does_not_matter(exported):
    """White or black beyond an image: the same poses."""
    path = exported[1]
    batch, mask = pad_images(random_images((64, 96), 2, True))
    assert mask[1].any()
    expected = run_onnx(path, batch, mask)
    got = run_onnx(
        path, np.where(mask[..., None], 0, batch).astype('u1'), mask
    )
    for a, b in zip(got, expected):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize('exported', [({}, True)], indirect=True)
def test_metadata(exported):
    session = open_onnx(exported[1])
    meta = session.get_modelmeta().custom_metadata_map
    for key, value in dict(
        keypoint_names=['nose', 'neck', 'tail', 'paw', 'claw'],
        skeleton=[[0, 1], [1, 2], [2, 3]],
        mean=[120, 110, 100],
        std=[60, 55, 50],
        short_edge=48,
        max_size=64,
        size_divisor=1,
    ).items():
        assert json.loads(meta[key]) == value, key
    assert '[0, 1]' in meta['unit']
    assert [x.name for x in session.get_outputs()] == list(export.OUTPUTS)
    assert session.get_inputs()[0].shape[1:3] == ['height', 'width']


def test_trained_on_bgr(model, monkeypatch):
    """The graph takes RGB whatever the network wants."""
    monkeypatch.setattr(model.data_preprocessor, '_channel_conversion', False)
    assert export.build_onnx(model, SIZE)[1] < 1e-5
    assert json.loads(export.make_metadata(model)['mean']) == [100, 110, 120]


def test_torchscript(model, tmp_path):
    padding, path = True, str(tmp_path / 'poet.pt')
    assert export.export_torchscript(model, path, SIZE, padding) < 1e-5
    names = {'keypoint_names': ''}
    script = torch.jit.load(path, _extra_files=names)
    assert json.loads(names['keypoint_names'])[0] == 'nose'
    images = random_images((80, 50), 3, padding)
    arrays = map(torch.from_numpy, pad_images(images)[: 1 + padding])
    with torch.no_grad():
        got = script(*arrays)
    for a, b in zip(got, reference_poses(model, images)):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_file_that_cannot_be_written(model, tmp_path):
    with pytest.raises(UserError, match=f'cannot write to {tmp_path}'):
        export.export_torchscript(model, str(tmp_path), SIZE)
    with pytest.raises(UserError, match=f'cannot write to {tmp_path}'):
        export.write_onnx(onnx.ModelProto(), str(tmp_path))


def of_a_value(memory):
    return memory + float(memory[0, 0, 0])


def of_a_size(memory):
    return memory.reshape(int(memory.shape[0]), -1, 16)


@pytest.mark.parametrize(
    ('torchscript', 'change', 'part'),
    [
        (False, of_a_value, 'differs'),
        (False, of_a_size, 'fails on 1 image'),
        (True, of_a_value, 'differs'),
    ],
)
def test_what_tracing_does_not_see(
    model, tmp_path, monkeypatch, torchscript, change, part
):
    """What becomes a constant of the graph: an error and no file."""
    encode, path = model.head.encode, tmp_path / 'poet.pt'

    def changed(*args):
        memory = encode(*args)
        return memory._replace(tokens=change(memory.tokens))

    monkeypatch.setattr(model.head, 'encode', changed)
    write, args = export.build_onnx, [SIZE]
    if torchscript:
        write, args = export.export_torchscript, [str(path), SIZE]
    with pytest.raises(UserError, match=part):
        write(model, *args)
    assert not path.exists()


@pytest.mark.parametrize('module', ['onnx', 'onnxruntime'])
def test_missing_package(model, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=f'{module} .*pip install'):
        export.build_onnx(model, SIZE)


@pytest.mark.parametrize('opset', [11, 99])
def test_opset(model, opset):
    with pytest.raises(UserError, match=f'--opset .*{opset}'):
        export.build_onnx(model, SIZE, opset=opset)


def test_associative_embedding_is_no_poet():
    with pytest.raises(UserError, match='Only models with a POETHead'):
        export.POETGraph(SimpleNamespace(head=torch.nn.Identity()))
