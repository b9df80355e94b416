"""The config in a checkpoint runs nothing."""

import pytest
import torch
from helpers import ROOT
from mmengine.config import Config

from poet_mm.apis import POETInferencer
from poet_mm.checkpoints.safe_config import check_config_text
from poet_mm.errors import UserError


@pytest.mark.parametrize(
    'name', sorted(path.name for path in (ROOT / 'configs').glob('*.py'))
)
def test_our_configs_are_plain(name):
    cfg = Config.fromfile(ROOT / 'configs' / name)
    check_config_text(cfg.pretty_text, name)


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('import os', 'has a Import in it'),
        ('x = open("made", "w")', r'calls open'),
        ('x = dict(a=[().__class__])', 'has a Attribute in it'),
        ('x = [i for i in (1, )]', 'has a ListComp in it'),
        (
            'x = dict(type="os.system", command="touch made")',
            "type 'os.system'",
        ),
        ('x = {"type": "subprocess.run"}', "type 'subprocess.run'"),
        ('x = dict(**dict(type="os.system"))', 'type'),
        ('custom_imports = dict(imports=["evil"])', 'imports evil'),
        ('default_scope = "evil"', "scope 'evil'"),
        ('_base_ = ["evil.py"]', 'built on other files'),
        ('x = (', 'is no Python'),
        (
            'k = "type"\nx = {k: "os.system", "command": "touch made"}',
            'keys that are not constant',
        ),
        (
            'x = dict(type="mmengine.load", file="x.pkl")',
            "type 'mmengine.load'",
        ),
        ('x = dict(type="evilmod")', "type 'evilmod'"),
        ('x = dict(type=["os.system"])', 'has the type'),
        ('dict = open\nx = dict(file="made", mode="w")', 'assigns dict'),
        ('x = y = dict(a=1)', 'assigns x'),
        ('i = ["evil"]\ncustom_imports = dict(imports=i)', 'has a Name in it'),
        ('s = "evil"\ndefault_scope = s', 'has a Name in it'),
        ('x = {**y}', 'keys that are not constant'),
        ('x = {**{"type": "os.system"}}', "type 'os.system'"),
        ('x = [dict(a=dict(type="os.system"))]', "type 'os.system'"),
        ('custom_imports = ["evil"]', 'imports evil'),
        ('x = "{{$NONE:os.system}}"', 'has a {{ in it'),
        ('x = ' + 10**5 * '-' + '1', 'is no Python'),
    ],
)
def test_config_of_a_checkpoint_runs_nothing(text, said):
    with pytest.raises(UserError, match=said):
        check_config_text(text, 'x.pth')


def test_inference_with_the_config_of_a_checkpoint(model_files, tmp_path):
    """Ours is taken; one that calls a function needs the flag."""
    content = torch.load(model_files[1])
    text = Config.fromfile(model_files[0]).pretty_text
    content['message_hub'] = dict(runtime_info=dict(cfg=text))
    path = str(tmp_path / 'x.pth')
    torch.save(content, path)
    POETInferencer(None, path, 'cpu')
    made = tmp_path / 'made'
    text += f'\nopened = open({str(made)!r}, "w")\n'
    content['message_hub'] = dict(runtime_info=dict(cfg=text))
    torch.save(content, path)
    with pytest.raises(UserError, match='calls open'):
        POETInferencer(None, path, 'cpu')
    assert not made.exists()
