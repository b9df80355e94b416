"""tools/make_subset.py on toy people."""

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
    images = [
        json.loads(path.read_text())['images']
        for path in (apart / 'annotations').iterdir()
    ]
    assert [len(part) for part in images] == [1, 1]
    assert images[0] != images[1]
    other = tmp_path.parent / 'other'
    for args, said in (
        ((toy, tmp_path), 'already holds a data set'),
        ((other, tmp_path), 'there is no'),
        ((toy, other, '--images', 99), 'Only 0 of 99 images'),
    ):
        output = run('make_subset.py', *args, check=False)
        assert said in output
        assert not other.exists()
