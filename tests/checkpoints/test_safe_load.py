"""Nothing of a checkpoint runs, and all that ours hold is read."""

import argparse
import collections
import contextlib
import os
from pathlib import Path

import analyze
import export_onnx
import infer
import numpy as np
import pytest
import test as test_tool
import torch
import train
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader, load_checkpoint
from mmengine.runner.checkpoint import get_mmcls_models, get_torchvision_models
from torch import nn

from poet_mm.apis import POETInferencer
from poet_mm.checkpoints.loading import read_weights
from poet_mm.checkpoints.safe_load import (
    ANYTHING,
    DATA_ONLY,
    FLAG,
    safe_loading,
)
from poet_mm.errors import MissingFile, UserError


class Touch:
    """Pickled code that makes a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, 'w')


class SystemCall(Touch):
    def __reduce__(self):
        return os.system, (f'touch {self.path}',)


class SetAttribute(Touch):
    """A state for a class, not for one of its instances."""

    def __reduce__(self):
        return getattr, (HistoryBuffer, 'min'), (None, dict(hacked=self.path))


class Getattr(Touch):
    def __reduce__(self):
        return getattr, (HistoryBuffer, '__init__')


def save_and_read(content, folder, **kwargs):
    torch.save(content, folder / 'x.pth', **kwargs)
    with safe_loading():
        return CheckpointLoader.load_checkpoint(
            str(folder / 'x.pth'), map_location='cpu'
        )


def history():
    buffer = HistoryBuffer(max_length=100)
    for value in (1.0, 2.5):
        buffer.update(value)
    return buffer


@pytest.mark.parametrize(
    'options', [{}, dict(_use_new_zipfile_serialization=False)]
)
def test_what_checkpoints_hold(options, tmp_path):
    weight = torch.randn(3, 4)
    content = dict(
        state_dict=collections.OrderedDict(
            a=weight,
            view=weight[1:],
            half=weight.bfloat16(),
            p=nn.Parameter(weight),
        ),
        message_hub=dict(log=history(), names={'x', 'y'}, none=None),
        meta=dict(
            sigmas=np.array([0.1, 0.2], np.float32),
            scalar=np.float64(3.5),
            names=np.array(['nose', 'eye']),
            shape=torch.Size([2, 3]),
            dtype=torch.int8,
            device=torch.device('cpu'),
        ),
        args=argparse.Namespace(lr=1e-4, layers=[1, 2]),
        numbers=[2**70, -1, 1.5, 3j, True, b'bytes', (1,), frozenset({1})],
    )
    content['state_dict']._metadata = dict(version=1)
    got = save_and_read(content, tmp_path, **options)
    for name, value in content['state_dict'].items():
        assert torch.equal(got['state_dict'][name], value)
    assert got['state_dict']['a'].data_ptr() + 16 == (
        got['state_dict']['view'].data_ptr()
    )
    assert got['state_dict']._metadata == dict(version=1)
    assert got['message_hub']['log'].statistics('max') == 2.5
    assert got['message_hub']['log'].mean() == 1.75
    for name, value in content['meta'].items():
        assert np.array_equal(got['meta'][name], value)
    assert got['args'] == content['args']
    assert got['numbers'] == content['numbers']


@pytest.mark.parametrize('evil', [Touch, SystemCall, SetAttribute, Getattr])
@pytest.mark.parametrize('zipped', [True, False])
def test_nothing_runs(evil, zipped, tmp_path):
    with pytest.raises(UserError, match=FLAG):
        save_and_read(
            dict(state_dict={}, x=evil(tmp_path / 'made')),
            tmp_path,
            _use_new_zipfile_serialization=zipped,
        )
    assert not (tmp_path / 'made').exists()
    assert not hasattr(HistoryBuffer.min, 'hacked')


@pytest.fixture
def evil(tmp_path, model_files):
    """A good checkpoint, with something that makes a file."""
    content = torch.load(model_files[1])
    content['meta']['more'] = Touch(tmp_path / 'made')
    path = tmp_path / 'evil.pth'
    torch.save(content, path)
    return str(path), tmp_path / 'made'


def run_tool(name, config, checkpoint, folder, *flags):
    """A tool up to where the checkpoint has been loaded."""
    if name == 'infer':
        args = infer.parse_args(
            [
                'x.jpg',
                '--config',
                config,
                '--weights',
                checkpoint,
                '--out',
                str(folder),
                '--device',
                'cpu',
                *flags,
            ]
        )
        return infer.build_inferencer(args)
    common = [config, checkpoint, *flags]
    if name == 'export_onnx':
        common.insert(2, str(folder / 'x.onnx'))
    module = dict(
        analyze=analyze, export_onnx=export_onnx, test=test_tool, train=train
    )[name]
    if name == 'analyze':
        return module.main(['predictions', *common])
    if name == 'train':
        common = [config, '--resume', checkpoint, *flags]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('sys.argv', [name, *common])
        return module.main()


class Loaded(Exception):
    """Raised when a checkpoint has been read."""


@pytest.mark.parametrize(
    'tool', ['infer', 'analyze', 'export_onnx', 'test', 'train']
)
def test_tools_run_nothing_unless_told(
    tool, evil, model_files, tmp_path, monkeypatch
):
    """With the flag, a tool loads what it refuses without."""

    def build(cfg):  # a Runner that only loads
        return argparse.Namespace(
            train=lambda: CheckpointLoader.load_checkpoint(cfg.load_from),
            test=lambda: CheckpointLoader.load_checkpoint(cfg.load_from),
        )

    monkeypatch.setattr('mmengine.runner.Runner.from_cfg', build)
    monkeypatch.setattr(
        'poet_mm.analysis.session.build_loader', lambda *_: None
    )
    monkeypatch.setattr('poet_mm.analysis.session.check_skeleton', build)
    for name in ('analyze.build_analysis', 'poet_mm.export.graph.export_onnx'):
        monkeypatch.setattr(name, raise_loaded)
    path, made = evil
    with pytest.raises(UserError, match=f'_?io.open.*{FLAG}'):
        run_tool(tool, model_files[0], path, tmp_path)
    assert not made.exists()
    with contextlib.suppress(Loaded):
        run_tool(tool, model_files[0], path, tmp_path, FLAG)
    assert made.exists()


def raise_loaded(*_):
    raise Loaded


def test_apis_run_nothing(evil, model_files):
    path, made = evil
    for load in (
        read_weights,
        lambda path: POETInferencer(model_files[0], path, 'cpu'),
    ):
        with pytest.raises(UserError, match=FLAG):
            load(path)
    assert not made.exists()
    with safe_loading(trust=True), safe_loading() as trusted:
        assert trusted
        read_weights(path)
    assert made.exists()


def test_torch_and_mmengine_are_as_before(evil):
    before = CheckpointLoader._schemes.copy(), dict(os.environ)
    with safe_loading():
        inside = CheckpointLoader._schemes.copy()
    assert inside.keys() == before[0].keys()
    assert not set(inside.values()) & set(before[0].values())
    with pytest.raises(UserError, match=FLAG), safe_loading():
        load_checkpoint(nn.Linear(1, 1), evil[0])
    assert before == (CheckpointLoader._schemes, dict(os.environ))


@pytest.mark.parametrize(
    'name',
    [
        'https://example.invalid/evil.pth',
        'torchvision://resnet18',
        'mmcls://mobilenet_v2',
    ],
)
@pytest.mark.parametrize('setting', [None, DATA_ONLY, ANYTHING])
def test_downloads_run_nothing(name, setting, evil, tmp_path, monkeypatch):
    """They are where torch.hub keeps them, whatever torch was told."""
    urls = {
        'torchvision://resnet18': get_torchvision_models()['resnet18'],
        'mmcls://mobilenet_v2': get_mmcls_models()['mobilenet_v2'],
    }
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    if setting:
        monkeypatch.setenv(setting, '1')
    path = (
        tmp_path
        / 'hub'
        / 'checkpoints'
        / (urls.get(name, name).split('/')[-1])
    )
    path.parent.mkdir(parents=True)
    path.write_bytes(Path(evil[0]).read_bytes())
    with pytest.raises(UserError, match=FLAG), safe_loading():
        CheckpointLoader.load_checkpoint(name)
    assert not evil[1].exists()
    with safe_loading(trust=True):
        CheckpointLoader.load_checkpoint(name)
    assert evil[1].exists()


@pytest.mark.parametrize('name', ['none.pth', 'torchvision://none'])
def test_no_such_checkpoint(name):
    with pytest.raises(MissingFile, match=name), safe_loading():
        CheckpointLoader.load_checkpoint(name)


@pytest.mark.parametrize(
    'damage',
    [
        lambda data: b'',
        lambda data: data[: len(data) // 2],
        lambda data: b'GIF89a',
        lambda data: data[:40],
    ],
)
def test_damaged_file(damage, model_files, tmp_path):
    path = tmp_path / 'damaged.pth'
    with open(model_files[1], 'rb') as file:
        path.write_bytes(damage(file.read()))
    with pytest.raises(UserError, match='damaged or none'):
        read_weights(str(path))


def test_torchscript_is_a_program(tmp_path):
    path = str(tmp_path / 'script.pth')
    torch.jit.script(nn.Linear(1, 1)).save(path)
    with pytest.raises(UserError, match='TorchScript'):
        read_weights(path)


def test_config_text_in_meta_is_not_run_when_resuming(tmp_path):
    """Runner.resume gives it to Config.fromstring, which runs it."""
    path = str(tmp_path / 'x.pth')
    torch.save(dict(state_dict={}, meta=dict(config='x = 1', epoch=1)), path)
    with safe_loading():
        meta = CheckpointLoader.load_checkpoint(path)['meta']
    assert meta == dict(epoch=1)
