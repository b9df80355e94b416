"""The config in a checkpoint runs nothing."""

import pytest
import torch
from helpers import ROOT
from mmengine.config import Config

from poet_mm.apis import POETInferencer
from poet_mm.checkpoints.safe_config import check_config_text, read_plain
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
