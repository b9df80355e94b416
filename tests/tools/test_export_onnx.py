"""tools/export_onnx.py, and the example that needs NumPy only."""

import re
import subprocess
import sys

import cv2
import export_onnx
import numpy as np
import pytest
import torch
from helpers import ROOT
from make_toy_coco import make_toy_coco
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.apis import inference_bottomup, init_model

from poet_mm.datasets.transforms.geometry import short_edge_size
from poet_mm.errors import UserError
from poet_mm.export import agreement

onnxruntime = pytest.importorskip('onnxruntime')
onnx = pytest.importorskip('onnx')

CONFIG = ROOT / 'configs' / 'poet_r18_toy.py'
TINY = {
    'model.backbone.base_channels': 8,
    'model.backbone.stem_channels': 8,
    'model.head.in_channels': 32,
}
OPTIONS = [f'{key}={value}' for key, value in TINY.items()]


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
    meta = dict(score_thr=0.25)
    torch.save(dict(state_dict=model.state_dict(), meta=meta), path)
    return path, model


def run(*args, check=True):
    """Run a tool or example in a process of its own."""
    result = subprocess.run(
        [sys.executable, *map(str, args)], capture_output=True, text=True
    )
    assert (result.returncode == 0) == check, result.stderr[-3000:]
    return result.stdout if check else result.stderr


@pytest.mark.slow
def test_tool_and_example(checkpoint, tmp_path, monkeypatch):
    """What the example prints is what MMPose's API finds, of an image that is
    padded to multiples of 16 pixels."""
    checkpoint, model = checkpoint
    (path,) = (checkpoint.parent / 'val2017').glob('*1.*')
    image = tmp_path / 'narrow.png'
    cv2.imwrite(str(image), cv2.imread(str(path))[:, :66])
    monkeypatch.setattr(model.data_preprocessor, 'pad_size_divisor', 16)
    onnx_file, script = tmp_path / 'new' / 'poet.onnx', tmp_path / 'poet.pt'
    tool = [ROOT / 'tools' / 'export_onnx.py', CONFIG, checkpoint, onnx_file]
    tool += ['--size', 96, 64, '--padding-mask', '--torchscript', script]
    divisor = 'model.data_preprocessor.pad_size_divisor=16'
    output = run(*tool, '--cfg-options', *OPTIONS, divisor)
    differences = re.findall(r'from the model [\d.]+e[-+]0\d', output)
    assert len(differences) == 2
    assert script.is_file()
    broken = tmp_path / 'broken.jpg'
    broken.touch()
    example = [ROOT / 'examples' / 'onnx_numpy.py', onnx_file, image]
    printed = run(*example)
    error = run(*example, broken, check=False)
    assert error.startswith(f'{broken} is missing')
    people = inference_bottomup(model, str(image))[0].pred_instances
    assert printed.count(': a person, ') == len(people) == 10
    joints = re.findall(
        r'^  \w+ +(-?[\d.]+) +(-?[\d.]+)  ([\d.]+)$', printed, re.MULTILINE
    )
    joints = np.array(joints, dtype=float).reshape(10, 17, 3)
    np.testing.assert_allclose(joints[..., :2], people.keypoints, atol=0.06)
    np.testing.assert_allclose(joints[..., 2], people.visibility, atol=0.006)
    check_rtmlib_form(onnx_file, cv2.imread(str(image)), people, monkeypatch)


def check_rtmlib_form(onnx_file, image, people, monkeypatch):
    """examples/rtmlib_poet.py, called as rtmlib's `Custom` and tracker do."""
    monkeypatch.syspath_prepend(str(ROOT / 'examples'))
    from rtmlib_poet import POET

    options = dict(to_openpose=False, backend='onnxruntime', device='cpu')
    model = POET(str(onnx_file), model_input_size=(1, 1), **options)
    assert model.score_thr == 0.25  # of the checkpoint
    keypoints, scores = model.pose_model(image)
    assert keypoints.dtype == scores.dtype == np.float32
    np.testing.assert_allclose(keypoints, people.keypoints, atol=0.01)
    np.testing.assert_allclose(scores, people.keypoint_scores, atol=1e-3)
    keypoints, scores = POET(str(onnx_file), score_thr=1)(image)
    assert (keypoints.shape, scores.shape) == ((0, 17, 2), (0, 17))
    with pytest.raises(ValueError, match='openvino'):
        POET(str(onnx_file), backend='openvino')


def test_example_resizes_as_the_pipeline_does(monkeypatch):
    """Same rounding, for photos of any shape."""
    monkeypatch.syspath_prepend(str(ROOT / 'examples'))
    from onnx_numpy import OnnxPOET

    rng = np.random.default_rng(0)
    model = OnnxPOET.__new__(OnnxPOET)  # without a file
    for short, longest in ((256, 256), (800, 1333), (480, None)):
        model.short, model.longest = short, longest
        for size in rng.integers(1, 2000, (300, 2)).tolist():
            assert model.size(*size) == short_edge_size(size, short, longest)
    model.short, model.longest = 0, None  # sizes stay
    assert model.size(301, 200) == (301, 200)


def test_torchscript_alone(checkpoint, tmp_path, monkeypatch):
    """Without an ONNX file, and without the packages that one needs."""
    args = [CONFIG, checkpoint[0], '--torchscript', tmp_path / 'poet.pt']
    args += ['--size', 96, 64, '--cfg-options', *OPTIONS]
    monkeypatch.setattr('sys.argv', ['x', *map(str, args)])
    monkeypatch.setitem(sys.modules, 'onnx', None)
    export_onnx.main()
    assert [path.name for path in tmp_path.iterdir()] == ['poet.pt']


@pytest.mark.slow
def test_lower_precision(checkpoint, tmp_path, monkeypatch, capsys):
    """The file is compared on images before it is written."""
    checkpoint, path = checkpoint[0], tmp_path / 'poet.onnx'
    args = [CONFIG, checkpoint, path, '--data-root', checkpoint.parent]
    args += ['--size', 96, 64, '--precision', 'int8', '--cfg-options']
    monkeypatch.setattr('sys.argv', ['x', *map(str, args), *OPTIONS])
    monkeypatch.setitem(
        agreement.LIMITS, 'int8', agreement.Limits(-1.0, 1.0, 1.0)
    )
    with pytest.raises(UserError, match=r'int8 differs .* pixels, more'):
        export_onnx.main()
    assert not path.exists()
    monkeypatch.setitem(
        agreement.LIMITS, 'int8', agreement.Limits(2.0, 1.0, 1.0)
    )
    capsys.readouterr()
    export_onnx.main()
    printed = capsys.readouterr().out
    assert 'int8 on 2 images with 20 people of the model' in printed
    rows = re.findall(r'^(model|onnxruntime) ', printed, re.MULTILINE)
    assert rows == ['model', 'onnxruntime']
    types = {node.op_type for node in onnx.load(path).graph.node}
    assert {'QuantizeLinear', 'DequantizeLinear'} <= types


@pytest.mark.parametrize('option', ['--openvino', '--precision=fp16'])
def test_options_of_an_onnx_file(option, monkeypatch, capsys):
    args = [CONFIG, 'none.pth', '--torchscript', 'poet.pt', option]
    monkeypatch.setattr('sys.argv', ['x', *map(str, args)])
    with pytest.raises(SystemExit):
        export_onnx.parse_args()
    assert 'need an ONNX file to write' in capsys.readouterr().err


def test_nothing_to_export(monkeypatch, capsys):
    monkeypatch.setattr('sys.argv', ['x', str(CONFIG), 'none.pth'])
    with pytest.raises(SystemExit):
        export_onnx.parse_args()
    assert 'an ONNX file to write, or --torchscript' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('args', 'part'),
    [
        (['none.py', 'none.pth'], 'none.py is neither a config'),
        ([CONFIG, 'none.pth'], 'There is no checkpoint none.pth'),
        ([CONFIG, 'none.pth', '--data-root=none'], 'none'),
    ],
)
def test_mistakes_get_a_sentence(args, part, monkeypatch):
    args = [*args[:2], 'poet.onnx', *args[2:]]
    monkeypatch.setattr('sys.argv', ['x', *map(str, args)])
    with pytest.raises(UserError, match=part):
        export_onnx.load_model(export_onnx.parse_args())
