"""The exported graph at every size and batch: the numbers of the model."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from poet_mm.errors import UserError
from poet_mm.export import graph as export
from poet_mm.export.parity import pad_images, random_images, reference_poses

onnxruntime = pytest.importorskip('onnxruntime')
onnx = pytest.importorskip('onnx')

SIZE = (48, 64)
OTHER_SIZES = [(48, 64), (80, 50), (33, 97)]


def run_onnx(path, batch, mask):
    session = onnxruntime.InferenceSession(
        path, providers=['CPUExecutionProvider']
    )
    inputs = [i.name for i in session.get_inputs()]
    return session.run(None, dict(zip(inputs, (batch, mask))))


@pytest.mark.parametrize('size', OTHER_SIZES)
@pytest.mark.parametrize('count', [1, 3])
def test_onnx_at_every_size_and_batch(exported, size, count):
    model, path, padding, error = exported
    assert error < 1e-5
    images = random_images(size, count, padding)
    expected = reference_poses(model, images)
    got = run_onnx(path, *pad_images(images))
    shapes = [(count, 6), (count, 6, 5, 2), (count, 6, 5), (count, 6, 2)]
    assert [x.shape for x in got] == shapes
    for a, b in zip(got, expected):
        np.testing.assert_allclose(a, b, atol=1e-5)


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


def test_metadata(exported):
    session = onnxruntime.InferenceSession(
        exported[1], providers=['CPUExecutionProvider']
    )
    meta = session.get_modelmeta().custom_metadata_map
    assert json.loads(meta['keypoint_names']) == [
        'nose',
        'neck',
        'tail',
        'paw',
        'claw',
    ]
    assert json.loads(meta['skeleton']) == [[0, 1], [1, 2], [2, 3]]
    assert json.loads(meta['mean']) == [120, 110, 100]
    assert json.loads(meta['std']) == [60, 55, 50]
    assert '[0, 1]' in meta['unit']
    assert [
        json.loads(meta[key])
        for key in ('short_edge', 'max_size', 'size_divisor')
    ] == [48, 64, 1]
    assert [x.name for x in session.get_outputs()] == list(export.OUTPUTS)
    height, width = session.get_inputs()[0].shape[1:3]
    assert (height, width) == ('height', 'width')


def test_trained_on_bgr(model, tmp_path, monkeypatch):
    """The graph takes RGB whatever the network wants."""
    monkeypatch.setattr(model.data_preprocessor, '_channel_conversion', False)
    path = str(tmp_path / 'poet.onnx')
    assert export.export_onnx(model, path, SIZE) < 1e-5
    assert json.loads(export.make_metadata(model)['mean']) == [100, 110, 120]


@pytest.mark.parametrize('padding', [False, True])
def test_torchscript(model, tmp_path, padding):
    path = str(tmp_path / 'poet.pt')
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


def of_a_value(memory):
    return memory + float(memory[0, 0, 0])


def of_a_size(memory):
    return memory.reshape(int(memory.shape[0]), -1, 16)


@pytest.mark.parametrize(
    'write', [export.export_onnx, export.export_torchscript]
)
@pytest.mark.parametrize(
    ('change', 'said'),
    [(of_a_value, 'differs'), (of_a_size, 'fails on 1 image')],
)
def test_what_tracing_does_not_see(
    model, tmp_path, monkeypatch, write, change, said
):
    """What becomes a constant of the graph: an error and no file."""
    encode, path = model.head.encode, tmp_path / 'poet.onnx'

    def changed(*args):
        memory = encode(*args)
        return memory._replace(tokens=change(memory.tokens))

    monkeypatch.setattr(model.head, 'encode', changed)
    with pytest.raises(UserError, match=f'{said}.* was not written'):
        write(model, str(path), SIZE)
    assert not path.exists()


@pytest.mark.parametrize('module', ['onnx', 'onnxruntime'])
def test_missing_package(model, monkeypatch, tmp_path, module):
    monkeypatch.setattr(export, 'find_spec', lambda name: name != module)
    with pytest.raises(UserError, match=f'needs {module},.*pip install'):
        export.export_onnx(model, str(tmp_path / 'x.onnx'), SIZE)


def test_opset(model, tmp_path):
    with pytest.raises(UserError, match='--opset 16 or higher, not 11'):
        export.export_onnx(model, str(tmp_path / 'x.onnx'), SIZE, opset=11)
    with pytest.raises(UserError, match='--opset'):
        export.export_onnx(model, str(tmp_path / 'x.onnx'), SIZE, opset=99)


def test_associative_embedding_is_no_poet():
    with pytest.raises(UserError, match='Only models with a POETHead'):
        export.POETGraph(SimpleNamespace(head=torch.nn.Identity()))
