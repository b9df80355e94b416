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


FORMATS = pytest.mark.parametrize('zipped', [True, False])


def save_and_read(content, folder, zipped=True):
    path = str(folder / 'x.pth')
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with safe_loading():
        return CheckpointLoader.load_checkpoint(path, map_location='cpu')


def history():
    buffer = HistoryBuffer(max_length=100)
    for value in (1.0, 2.5):
        buffer.update(value)
    return buffer


@FORMATS
def test_what_checkpoints_hold(zipped, tmp_path):
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
    got = save_and_read(content, tmp_path, zipped)
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
@FORMATS
def test_nothing_runs(evil, zipped, tmp_path):
    content = dict(state_dict={}, x=evil(tmp_path / 'made'))
    with pytest.raises(UserError, match=FLAG):
        save_and_read(content, tmp_path, zipped)
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


def load_with_tool(name, config, path, folder, flags, monkeypatch):
    """Run a tool up to where the checkpoint has been loaded."""
    args = [config, path]
    if name == 'infer':
        args = ['x.jpg', '--config', config, '--weights', path, '--out']
        args += [str(folder), '--device', 'cpu', *flags]
        return infer.build_inferencer(infer.parse_args(args))
    if name == 'analyze':
        return analyze.main(['predictions', *args, *flags])
    if name == 'export_onnx':
        args.append(str(folder / 'x.onnx'))
    if name == 'train':
        args = [config, '--resume', path]
    tools = dict(export_onnx=export_onnx, test=test_tool, train=train)
    monkeypatch.setattr('sys.argv', [name, *args, *flags])
    return tools[name].main()


class Loaded(Exception):
    """Raised when a checkpoint has been read."""


@pytest.mark.parametrize(
    'tool', ['infer', 'analyze', 'export_onnx', 'test', 'train']
)
def test_tools_run_nothing_without_the_flag(
    tool, evil, model_files, tmp_path, monkeypatch
):
    """With the flag, a tool loads what it refuses without."""

    def build(cfg):  # a Runner that only loads
        def load():
            return CheckpointLoader.load_checkpoint(cfg.load_from)

        return argparse.Namespace(train=load, test=load)

    def stop(*_):
        raise Loaded

    session = 'poet_mm.analysis.session'
    for name, function in (
        ('mmengine.runner.Runner.from_cfg', build),
        (f'{session}.build_loader', lambda *_: None),
        (f'{session}.check_skeleton', lambda *_: None),
        ('analyze.build_analysis', stop),
        ('poet_mm.export.graph.build_onnx', stop),
    ):
        monkeypatch.setattr(name, function)
    path, made = evil
    with pytest.raises(UserError, match=f'_?io.open.*{FLAG}'):
        load_with_tool(tool, model_files[0], path, tmp_path, [], monkeypatch)
    assert not made.exists()
    with contextlib.suppress(Loaded):
        load_with_tool(
            tool, model_files[0], path, tmp_path, [FLAG], monkeypatch
        )
    assert made.exists()


def test_apis_run_nothing(evil, model_files):
    path, made = evil
    with pytest.raises(UserError, match=FLAG):
        read_weights(path)
    with pytest.raises(UserError, match=FLAG):
        POETInferencer(model_files[0], path, 'cpu')
    assert not made.exists()
    with safe_loading(trust=True), safe_loading() as trusted:
        assert trusted
        read_weights(path)
    assert made.exists()


def test_torch_and_mmengine_are_as_before(evil):
    def state():
        return CheckpointLoader._schemes.copy(), dict(os.environ), torch.load

    before = state()
    with safe_loading():
        inside = CheckpointLoader._schemes.copy()
    assert inside.keys() == before[0].keys()
    assert not set(inside.values()) & set(before[0].values())
    with pytest.raises(UserError, match=FLAG), safe_loading():
        load_checkpoint(nn.Linear(1, 1), evil[0])
    assert before == state()


@pytest.mark.parametrize(
    ('name', 'url'),
    [
        ('https://example.invalid/evil.pth', None),
        ('torchvision://resnet18', get_torchvision_models()['resnet18']),
        ('mmcls://mobilenet_v2', get_mmcls_models()['mobilenet_v2']),
    ],
)
@pytest.mark.parametrize('setting', [None, DATA_ONLY, ANYTHING])
def test_downloads_run_nothing(
    name, url, setting, evil, tmp_path, monkeypatch
):
    """They are where torch.hub keeps them, whatever the environment says."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    if setting:
        monkeypatch.setenv(setting, '1')
    folder = tmp_path / 'hub' / 'checkpoints'
    folder.mkdir(parents=True)
    Path(evil[0]).rename(folder / (url or name).split('/')[-1])
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
    path.write_bytes(damage(Path(model_files[1]).read_bytes()))
    with pytest.raises(UserError, match='damaged'):
        read_weights(str(path))


def test_files_of_something_else(tmp_path):
    path = str(tmp_path / 'x.pth')
    torch.save([1, 2], path)
    with pytest.raises(UserError, match='holds a list'):
        read_weights(path)
    torch.jit.script(nn.Linear(1, 1)).save(path)
    with pytest.raises(UserError, match='TorchScript'):
        read_weights(path)
    with pytest.raises(UserError, match='Error'):
        read_weights('https://127.0.0.1:9/x.pth')


def test_config_text_in_meta_is_not_run_when_resuming(tmp_path):
    """Runner.resume gives it to Config.fromstring, which runs it."""
    content = dict(state_dict={}, meta=dict(config='x = 1', epoch=1))
    assert save_and_read(content, tmp_path)['meta'] == dict(epoch=1)
