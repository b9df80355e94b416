"""tools/make_subset.py on synthetic people."""

import json
from pathlib import Path

import pytest
from helpers import ROOT
from mmengine.config import Config
from tool_runs import run

from poet_mm.utils.config import set_data_root


@pytest.mark.slow
def test_make_subset(toy, tmp_path):
    tmp_path = tmp_path / 'subset'
    run('make_subset.py', toy, tmp_path, '--images', 2, '--min-area', 1)
    cfg = Config.fromfile(ROOT / 'configs' / 'poet_r50_overfit16_coco.py')
    set_data_root(cfg, str(tmp_path))
    subset = json.loads(Path(cfg.val_evaluator.ann_file).read_text())
    assert len(subset['images']) == 2
    owners = [ann['image_id'] for ann in subset['annotations']]
    for image in subset['images']:
        assert owners.count(image['id']) >= 2
        assert (tmp_path / 'val2017' / image['file_name']).is_file()
    apart = tmp_path.parent / 'apart'
    run(
        'make_subset.py',
        toy,
        apart,
        '--images',
        1,
        '--val',
        1,
        '--min-area',
        1,
    )
    parts = [
        json.loads(path.read_text())
        for path in (apart / 'annotations').iterdir()
    ]
    ids = [[image['id'] for image in part['images']] for part in parts]
    assert [len(part) for part in ids] == [1, 1]
    assert ids[0] != ids[1]
    for part, own in zip(parts, ids):
        assert {ann['image_id'] for ann in part['annotations']} == {*own}
    other = tmp_path.parent / 'other'
    for args, said in (
        ((toy, tmp_path), 'already holds a data set'),
        ((other, tmp_path), 'there is no'),
        ((toy, other, '--images', 99), 'Only 0 of 99 images'),
    ):
        output = run('make_subset.py', *args, check=False)
        assert said in output
        assert not other.exists()
