"""The config in a checkpoint runs nothing."""

from pathlib import Path

import mmpose
import pytest
import torch
from helpers import ROOT
from mmengine.config import Config
from mmengine.registry import MODELS, Registry

from poet_mm.apis import POETInferencer
from poet_mm.checkpoints.safe_config import (
    CONFIG_FILES,
    check_config_of,
    check_config_text,
    read_plain,
)
from poet_mm.checkpoints.safe_load import safe_loading
from poet_mm.errors import UserError

CONFIGS = sorted(path.name for path in (ROOT / 'configs').glob('*.py'))


@pytest.mark.parametrize(
    'name',
    [
        name
        if name in ('poet_r18_toy.py', 'poet_swin-t_512_coco.py')
        else pytest.param(name, marks=pytest.mark.slow)
        for name in CONFIGS
    ],
)
def test_our_configs_are_plain(name):
    cfg = Config.fromfile(ROOT / 'configs' / name)
    check_config_text(cfg.pretty_text, name)


def test_what_mmengine_writes_is_read():
    data = dict(
        a={0: dict(x=-1), 'b.c': 1e-4, 'd e': {}},
        f=[dict(g=(1, [None, True])), {'h-i': b'j'}, 'k\n"l'],
    )
    assert read_plain(Config(data).pretty_text) == data


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('import os', 'Import'),
        ('x = open("made", "w")', 'calls open'),
        ('x = dict(a=[().__class__])', 'literals in line 1'),
        ('x = [i for i in (1, )]', 'literals'),
        ('x = dict(type="os.system", command="touch made")', 'os.system'),
        ('x = {"type": "subprocess.run"}', 'subprocess.run'),
        ('x = dict(**dict(type="os.system"))', 'calls dict'),
        ('x = dict({"type": "os.system"})', 'os.system'),
        ('x = dict([("type", "os.system")])', 'calls dict'),
        ('x = dict({"a": 1}, type="os.system")', 'calls dict'),
        ('custom_imports = dict(imports=["evil"])', 'imports evil'),
        ('default_scope = "evil"', "scope 'evil'"),
        ('default_scope = "mmpretrain"', "scope 'mmpretrain'"),
        ('custom_imports = "mmpretrain.models"', 'imports mmpretrain'),
        ('x = dict(type="mmdet.BertModel")', 'BertModel'),
        ('x = dict(type="CameraMotionCompensation")', 'CameraMotion'),
        ('_base_ = ["evil.py"]', 'other files'),
        ('x = (', 'not valid'),
        ('k = "type"\nx = {k: "os.system", "command": ""}', 'line 2'),
        ('x = dict(type="mmengine.load", file="x.pkl")', 'mmengine.load'),
        ('x = dict(type="evilmod")', 'evilmod'),
        ('x = dict(type=["os.system"])', 'has the type'),
        ('dict = open\nx = dict(file="made", mode="w")', 'assigns dict'),
        ('x = y = dict(a=1)', 'assigns x'),
        ('i = ["evil"]\ncustom_imports = dict(imports=i)', 'line 2'),
        ('x = {**{"type": "os.system"}}', 'literals'),
        ('x = {[1]: 2}', 'literals'),
        ('x = [dict(a=dict(type="os.system"))]', 'os.system'),
        ('custom_imports = ["evil"]', 'imports evil'),
        ('x = "{{$NONE:os.system}}"', '{{'),
        ('x = ' + 10**5 * '-' + '1', 'not valid'),
    ],
)
def test_config_of_a_checkpoint_runs_nothing(text, said):
    with pytest.raises(UserError, match=said):
        check_config_text(text, 'x.pth')


@pytest.mark.parametrize('scope', ['', 'mmpretrain.'])
def test_models_of_mmpretrain_are_refused(scope, monkeypatch):
    """Even after the user has imported it, which registers them."""
    monkeypatch.setattr(MODELS, '_children', dict(MODELS.children))
    registry = Registry('model', parent=MODELS, scope='mmpretrain')
    registry.register_module('AutoModelForCausalLM', module=dict)
    with pytest.raises(UserError, match='AutoModelForCausalLM'):
        check_config_text(
            f'x = dict(type="{scope}AutoModelForCausalLM")', 'x.pth'
        )


@pytest.mark.parametrize('key', CONFIG_FILES)
def test_python_files_are_not_run(key, tmp_path, monkeypatch):
    """Except the metainfo files of MMPose and of this repository."""
    monkeypatch.chdir(tmp_path)
    name = 'configs/_base_/datasets/coco.py'
    for path in (
        name,  # does not exist: MMPose takes its own
        ROOT / 'configs/_base_/datasets/toy_five.py',
        Path(mmpose.__file__).parent / '.mim' / name,
    ):
        check_config_text(f'x = dict({key}="{path}")', 'x.pth')
    Path(name).parent.mkdir(parents=True)
    for path in (name, tmp_path / 'evil.py'):
        Path(path).write_text('')
        with pytest.raises(UserError, match=rf'{path} \({key}\)'):
            check_config_text(f'x = [dict({key}="{path}")]', 'x.pth')


def test_type_that_is_also_a_module(tmp_path, monkeypatch):
    """mmengine would import it where the type is not registered."""
    check_config_text('x = dict(type="ResNet")', 'x.pth')
    (tmp_path / 'ResNet.py').write_text('')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match='ResNet'):
        check_config_text('x = dict(type="ResNet")', 'x.pth')


@pytest.mark.parametrize(
    ('content', 'said'),
    [
        (dict(meta=None), 'no config'),
        (dict(meta=[1]), 'no config'),
        (dict(message_hub=None), 'no config'),
        (dict(meta=dict(cfg=3)), 'is a int'),
    ],
)
def test_checkpoint_without_the_text_of_a_config(content, said, tmp_path):
    path = str(tmp_path / 'x.pth')
    torch.save(content, path)
    with pytest.raises(UserError, match=said), safe_loading():
        check_config_of(path)


def test_inference_with_the_config_of_a_checkpoint(model_files, tmp_path):
    """Ours is taken; one that calls a function needs the flag."""
    content = torch.load(model_files[1])
    path, made = str(tmp_path / 'x.pth'), tmp_path / 'made'
    text = Config.fromfile(model_files[0]).pretty_text
    content['message_hub'] = dict(runtime_info=dict(cfg=text))
    torch.save(content, path)
    POETInferencer(None, path, 'cpu')
    text += f'\nopened = open({str(made)!r}, "w")\n'
    content['message_hub'] = dict(runtime_info=dict(cfg=text))
    torch.save(content, path)
    with pytest.raises(UserError, match='calls open'):
        POETInferencer(None, path, 'cpu')
    assert not made.exists()
