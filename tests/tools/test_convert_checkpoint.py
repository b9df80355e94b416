"""tools/convert_checkpoint.py: both ways, and the files it writes."""

import sys
from pathlib import Path

import convert_checkpoint
import pytest
import torch
from random_release import assert_equal, small_cfg

from poet_mm.checkpoints.files import read_checkpoint
from poet_mm.errors import UserError


def test_files_are_plain_and_tell_where_they_are_from(conversion, tmp_path):
    """Safe to load on every torch; equal inputs give equal files."""
    paths = [str(tmp_path / f'ours{i}.pth') for i in range(2)]
    for path in paths:
        convert_checkpoint.write(conversion.checkpoint, path)
    first, second = (Path(path).read_bytes() for path in paths)
    assert first == second
    loaded = torch.load(paths[0], weights_only=True)
    assert set(loaded) == {'state_dict', 'meta'}
    source = loaded['meta']['source']
    assert (source['layout'], source['file']) == ('poet', 'release.pth')
    assert 'num_queries=7' in loaded['meta']['cfg']
    assert len(loaded['meta']['dataset_meta']['sigmas']) == 17
    assert str(tmp_path) not in str(loaded['meta'])


def run(monkeypatch, *args):
    monkeypatch.setattr(sys, 'argv', ['convert_checkpoint.py', *args])
    convert_checkpoint.main()


def test_tool(release_file, release, tmp_path, monkeypatch, capsys):
    """Both ways on the command line, with the comparison printed."""
    config = str(tmp_path / 'small.py')
    small_cfg().dump(config)
    ours, theirs = str(tmp_path / 'o.pth'), str(tmp_path / 't.pth')
    capsys.readouterr()
    run(monkeypatch, 'poet', release_file, ours, '--config', config)
    said = capsys.readouterr().out
    assert 'Largest difference' in said
    assert 'model.head.num_queries=7' in said
    run(monkeypatch, 'to-release', ours, theirs)
    assert_equal(read_checkpoint(theirs)['model'], release)


def test_tool_says_what_was_dropped(detr_file, tmp_path, monkeypatch, capsys):
    config = str(tmp_path / 'small.py')
    small_cfg('poet_r50_coco').dump(config)
    ours = str(tmp_path / 'ours.pth')
    run(monkeypatch, 'detr', detr_file[0], ours, '--config', config)
    said = 'class_embed (2 weights), bbox_embed (6 weights), 75 of 100 queries'
    assert said in capsys.readouterr().out


def test_targets_that_cannot_be(conversion, tmp_path, monkeypatch):
    """The source is not overwritten; a target can be wrong."""
    ours = tmp_path / 'ours.pth'
    convert_checkpoint.write(conversion.checkpoint, str(ours))
    before = ours.read_bytes()
    (tmp_path / 'link.pth').symlink_to(ours)
    part = tmp_path / 'new.pth.part'  # write_whole writes here first
    part.write_bytes(before)
    for source, target in (
        (ours, ours),
        (ours, tmp_path / 'link.pth'),
        (part, tmp_path / 'new.pth'),
    ):
        with pytest.raises(UserError, match=f'overwrite SRC {source}'):
            run(monkeypatch, 'to-release', str(source), str(target))
    assert part.read_bytes() == before
    with pytest.raises(UserError, match='URL https://a/x'):
        run(monkeypatch, 'poet', 'https://a/x.pth', 'new.pth')
    assert ours.read_bytes() == before
    for target in (ours / 'a.pth', tmp_path):
        with pytest.raises(UserError, match=f'{target}: '):
            run(monkeypatch, 'to-release', str(ours), str(target))
