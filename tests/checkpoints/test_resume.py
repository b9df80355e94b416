"""The newest whole checkpoint is resumed; a damaged one is named."""

import os

import pytest
import torch
from mmengine.config import Config

from poet_mm.checkpoints.resume import checkpoints_of, choose_checkpoint
from poet_mm.errors import MissingFile, UserError


@pytest.fixture
def work_dir(tmp_path):
    """Of checkpoints 8, 9 and 10, in this order of age."""
    for epoch in (10, 8, 9):
        path = tmp_path / f'epoch_{epoch}.pth'
        torch.save(dict(meta=dict(epoch=epoch)), path)
    torch.save({}, tmp_path / 'best_coco_AP_epoch_12.pth')
    (tmp_path / 'epoch_11.pth.part').write_bytes(b'PK\3\4 half')
    (tmp_path / 'last_checkpoint').write_text('')
    return tmp_path


def resumed(work_dir, resume='auto', **options):
    cfg = Config(dict(work_dir=str(work_dir), **options))
    choose_checkpoint(cfg, resume)
    return cfg.resume, cfg.load_from and os.path.basename(cfg.load_from)


def truncate(path, share=0.5):
    with open(path, 'r+b') as file:
        file.truncate(int(share * os.path.getsize(path)))


def test_newest_whole_checkpoint(work_dir, caplog):
    assert resumed(work_dir) == (True, 'epoch_10.pth')
    truncate(work_dir / 'epoch_10.pth')
    assert resumed(work_dir) == (True, 'epoch_9.pth')
    truncate(work_dir / 'epoch_9.pth', 0)
    assert resumed(work_dir) == (True, 'epoch_8.pth')
    truncate(work_dir / 'epoch_8.pth', 0.99)
    assert resumed(work_dir) == (False, None)
    (work_dir / 'epoch_13.pth').write_bytes(bytes(1000))
    (work_dir / 'epoch_14.pth').mkdir()
    assert resumed(work_dir) == (False, None)
    assert resumed(work_dir, load_from='start.pth') == (False, 'start.pth')


def test_a_damaged_checkpoint_is_named(work_dir, capfd):
    path = work_dir / 'epoch_10.pth'
    path.write_bytes(path.read_bytes().replace(b'epoch', bytes(5), 1))
    assert resumed(work_dir) == (True, 'epoch_9.pth')
    with pytest.raises(UserError, match=r'epoch_10\.pth: its part .*damaged'):
        resumed(work_dir, str(path))
    truncate(path)
    with pytest.raises(UserError, match=r'cut off at \d+ bytes'):
        resumed(work_dir, str(path))
    truncate(path, 0)
    with pytest.raises(UserError, match='it is empty'):
        resumed(work_dir, str(path))
    with pytest.raises(MissingFile, match=r'none\.pth'):
        resumed(work_dir, 'none.pth')
    whole = str(work_dir / 'epoch_8.pth')
    assert resumed(work_dir, whole) == (True, 'epoch_8.pth')


@pytest.mark.parametrize('template', ['step-{}.pth', 'step-{:03d}.pth'])
def test_checkpoints_of_other_names_and_places(template, tmp_path):
    folder = tmp_path / 'elsewhere' / 'run'
    folder.mkdir(parents=True)
    names = [template.format(step) for step in (10, 2)]
    for name in (*reversed(names), 'step-x.pth', 'epoch_99.pth'):
        torch.save({}, folder / name)
    hook = dict(filename_tmpl=template, out_dir=str(folder.parent))
    cfg = Config(
        dict(work_dir='work_dirs/run/', default_hooks=dict(checkpoint=hook))
    )
    assert [os.path.basename(path) for path in checkpoints_of(cfg)] == names
