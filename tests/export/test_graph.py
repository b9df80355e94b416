"""Exported graphs compute what the model computes, at any size."""
import json
import re
import subprocess
import sys
from types import SimpleNamespace

import cv2
import export_onnx
import numpy as np
import pytest
import torch
from helpers import ROOT, tiny_head_cfg
from make_toy_coco import make_toy_coco
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.apis import inference_bottomup, init_model
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from poet_mm.errors import UserError
from poet_mm.export import graph as export
from poet_mm.export.parity import (
    pad_images,
    random_images,
    reference_poses,
    sizes_to_check,
)

onnxruntime = pytest.importorskip('onnxruntime')
onnx = pytest.importorskip('onnx')

CONFIG = ROOT / 'configs' / 'poet_r18_toy.py'
TINY = {
    'model.backbone.base_channels': 8,
    'model.backbone.stem_channels': 8,
    'model.head.in_channels': 32
}
SIZE = (48, 64)
OTHER_SIZES = [(48, 64), (80, 50), (33, 97)]


FAST = dict(
    propose=True,
    refine=True,
    detail=dict(in_channels=[16, 64], channels=4, joint_channels=8))


def make_model(**pieces):
    """K = 5, Q = 6; BatchNorm with statistics, to see if it is in eval mode.
    """
    torch.manual_seed(0)
    init_default_scope('mmpose')
    model = MODELS.build(
        dict(
            type='BottomupPoseEstimator',
            data_preprocessor=dict(
                type='PoseDataPreprocessor',
                mean=[120.0, 110.0, 100.0],
                std=[60.0, 55.0, 50.0],
                bgr_to_rgb=True),
            backbone=dict(
                type='ResNet',
                depth=18,
                stem_channels=8,
                base_channels=8,
                out_indices=(1, 3)),
            head=tiny_head_cfg(in_channels=64, **pieces)))
    model.train().extract_feat(torch.rand(4, 3, 64, 64))  # statistics
    names = dict(enumerate(['nose', 'neck', 'tail', 'paw', 'claw']))
    model.dataset_meta = dict(
        keypoint_id2name=names, skeleton_links=[(0, 1), (1, 2), (2, 3)])
    pipeline = [
        dict(type='LoadImage'),
        dict(type='ShortEdgeResize', short_edges=48, max_size=64),
        dict(type='PackBottomupInputs')
    ]
    dataset = dict(dataset=dict(pipeline=pipeline))
    model.cfg = Config(dict(test_dataloader=dataset))
    return model.eval()


@pytest.fixture(scope='module')
def model():
    return make_model()


@pytest.fixture(
    scope='module', params=[({}, False), ({}, True), (FAST, False),
                            (FAST, True)])
def exported(request, tmp_path_factory):
    """Model, path, whether it has a padding mask, and the error found."""
    pieces, padding = request.param
    model = make_model(**pieces)
    path = str(tmp_path_factory.mktemp('onnx') / 'poet.onnx')
    error = export.export_onnx(model, path, SIZE, padding_mask=padding)
    return model, path, padding, error


def run_onnx(path, batch, mask):
    session = onnxruntime.InferenceSession(
        path, providers=['CPUExecutionProvider'])
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


def test_reference_is_what_the_model_predicts(model):
    """Two images of different sizes, through ``predict`` of MMPose."""
    images = random_images((64, 64), 2, padding=True)
    samples = []
    for image in images:
        height, width = image.shape[:2]
        samples.append(
            PoseDataSample(
                metainfo=dict(
                    img_shape=(height, width),
                    input_size=(width, height),
                    input_center=np.array([width, height]) / 2,
                    input_scale=np.array([width, height]))))
    inputs = [
        torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)
        for image in images
    ]
    with torch.no_grad():
        found = model.test_step(dict(inputs=inputs, data_samples=samples))
    scores, keypoints, visibility, _ = reference_poses(model, images)
    for i, sample in enumerate(found):
        people, size = sample.pred_instances, images[i].shape[1::-1]
        np.testing.assert_allclose(people.bbox_scores, scores[i], rtol=1e-5)
        np.testing.assert_allclose(
            people.keypoints, keypoints[i] * size, rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(
            people.visibility, visibility[i], rtol=1e-5)


@pytest.mark.parametrize('exported', [({}, True)], indirect=True)
def test_padding_does_not_matter(exported):
    """White or black beyond an image: the same poses."""
    path = exported[1]
    batch, mask = pad_images(random_images((64, 96), 2, True))
    assert mask[1].any()
    expected = run_onnx(path, batch, mask)
    got = run_onnx(path, np.where(mask[..., None], 0, batch).astype('u1'),
                   mask)
    for a, b in zip(got, expected):
        np.testing.assert_array_equal(a, b)


def test_metadata(exported):
    session = onnxruntime.InferenceSession(
        exported[1], providers=['CPUExecutionProvider'])
    meta = session.get_modelmeta().custom_metadata_map
    assert json.loads(meta['keypoint_names']) == [
        'nose', 'neck', 'tail', 'paw', 'claw'
    ]
    assert json.loads(meta['skeleton']) == [[0, 1], [1, 2], [2, 3]]
    assert json.loads(meta['mean']) == [120, 110, 100]
    assert json.loads(meta['std']) == [60, 55, 50]
    assert '[0, 1]' in meta['unit']
    assert [json.loads(meta[key]) for key in
            ('short_edge', 'max_size', 'size_divisor')] == [48, 64, 1]
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
    arrays = map(torch.from_numpy, pad_images(images)[:1 + padding])
    with torch.no_grad():
        got = script(*arrays)
    for a, b in zip(got, reference_poses(model, images)):
        np.testing.assert_allclose(a, b, atol=1e-5)


def of_a_value(memory):
    return memory + float(memory[0, 0, 0])


def of_a_size(memory):
    return memory.reshape(int(memory.shape[0]), -1, 16)


@pytest.mark.parametrize('write',
                         [export.export_onnx, export.export_torchscript])
@pytest.mark.parametrize(('change', 'said'), [(of_a_value, 'differs'),
                                              (of_a_size, 'fails on 1 image')])
def test_what_tracing_does_not_see(model, tmp_path, monkeypatch, write, change,
                                   said):
    """What becomes a constant of the graph: an error and no file."""
    decode, path = model.head.decode_queries, tmp_path / 'poet.onnx'
    monkeypatch.setattr(
        model.head, 'decode_queries', lambda queries, memory, *others: decode(
            queries, change(memory), *others))
    with pytest.raises(UserError, match=f'{said}.* was not written'):
        write(model, str(path), SIZE)
    assert not path.exists()


def test_sizes_are_multiples():
    assert sizes_to_check((60, 100), 32) == [(32, 96), (96, 32), (32, 32)]


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


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    """A model of the toy config that takes every query for a person."""
    torch.manual_seed(0)
    init_default_scope('mmpose')
    folder = tmp_path_factory.mktemp('checkpoint')
    make_toy_coco(folder, 2, 2, 96, 0)
    cfg = Config.fromfile(CONFIG)
    cfg.merge_from_dict(TINY)
    model = init_model(cfg, None, device='cpu')
    model.head.class_embed.bias.data[:] = torch.tensor([5.0, 0.0])
    path = folder / 'poet.pth'
    torch.save(dict(state_dict=model.state_dict(), meta={}), path)
    return path, model


def run(*args, check=True):
    """Run a tool or example in a process of its own."""
    result = subprocess.run([sys.executable, *map(str, args)],
                            capture_output=True,
                            text=True)
    assert (result.returncode == 0) == check, result.stderr[-3000:]
    return result.stdout if check else result.stderr


def test_tool_and_example(checkpoint, tmp_path, monkeypatch):
    """What the example prints is what MMPose's API finds, of an image that is
    padded to multiples of 16 pixels."""
    checkpoint, model = checkpoint
    path, = (checkpoint.parent / 'val2017').glob('*1.*')
    image = tmp_path / 'narrow.png'
    cv2.imwrite(str(image), cv2.imread(str(path))[:, :66])
    changes = {**TINY, 'model.data_preprocessor.pad_size_divisor': 16}
    monkeypatch.setattr(model.data_preprocessor, 'pad_size_divisor', 16)
    options = [f'{key}={value}' for key, value in changes.items()]
    said = run(ROOT / 'tools' / 'export_onnx.py', CONFIG, checkpoint,
               tmp_path / 'new' / 'poet.onnx', '--size', 96, 64,
               '--padding-mask', '--torchscript', tmp_path / 'poet.pt',
               '--cfg-options', *options)
    assert len(re.findall(r'largest difference from the model [\d.]+e[-+]0\d',
                          said)) == 2, said
    assert (tmp_path / 'poet.pt').is_file()
    printed = run(ROOT / 'examples' / 'onnx_numpy.py',
                  tmp_path / 'new' / 'poet.onnx', image)
    broken = tmp_path / 'broken.jpg'
    broken.touch()
    said = run(ROOT / 'examples' / 'onnx_numpy.py',
               tmp_path / 'new' / 'poet.onnx', image, broken, check=False)
    assert said.strip().split('\n')[-1] == f'{broken} is missing or no image'
    assert 'Traceback' not in said
    people = inference_bottomup(model, str(image))[0].pred_instances
    assert printed.count(': a person, ') == len(people) == 10
    joints = re.findall(r'^  \w+ +(-?[\d.]+) +(-?[\d.]+)  ([\d.]+)$', printed,
                        re.MULTILINE)
    joints = np.array(joints, dtype=float).reshape(10, 17, 3)
    np.testing.assert_allclose(joints[..., :2], people.keypoints, atol=0.06)
    np.testing.assert_allclose(joints[..., 2], people.visibility, atol=0.006)


def test_torchscript_alone(checkpoint, tmp_path, monkeypatch):
    """Without an ONNX file, and without the packages that one needs."""
    checkpoint, _ = checkpoint
    options = [f'{key}={value}' for key, value in TINY.items()]
    args = [CONFIG, checkpoint, '--torchscript', tmp_path / 'poet.pt',
            '--size', 96, 64, '--cfg-options', *options]
    monkeypatch.setattr('sys.argv', ['x', *map(str, args)])
    monkeypatch.setattr(export, 'find_spec', lambda name: None)
    export_onnx.main()
    assert [path.name for path in tmp_path.iterdir()] == ['poet.pt']


def test_nothing_to_export(monkeypatch, capsys):
    monkeypatch.setattr('sys.argv', ['x', str(CONFIG), 'none.pth'])
    with pytest.raises(SystemExit):
        export_onnx.parse_args()
    assert 'an ONNX file to write, or --torchscript' in capsys.readouterr().err


@pytest.mark.parametrize(('args', 'said'), [
    (['none.py', 'none.pth'], 'There is no config none.py'),
    ([CONFIG, 'none.pth'], 'There is no checkpoint none.pth'),
])
def test_mistakes_get_a_sentence(args, said, monkeypatch):
    monkeypatch.setattr('sys.argv', ['x', *map(str, args), 'poet.onnx'])
    with pytest.raises(UserError, match=said):
        export_onnx.load_model(export_onnx.parse_args())


def test_associative_embedding_is_no_poet():
    with pytest.raises(UserError, match='Only models with a POETHead'):
        export.POETGraph(SimpleNamespace(head=torch.nn.Identity()))
