"""tools/estimate_sigmas.py on two annotators of toy people."""

import json

import estimate_sigmas
import numpy as np
import pytest

from poet_mm.datasets.skeleton import read_metainfo
from poet_mm.errors import UserError


def test_table_and_metainfo(toy, tmp_path, capsys):
    source = toy / 'annotations' / 'person_keypoints_train2017.json'
    files = []
    for seed in (0, 1):
        content = json.loads(source.read_text())
        rng = np.random.default_rng(seed)
        for person in content['annotations']:
            points = np.array(person['keypoints'], float).reshape(-1, 3)
            points[:, :2] += rng.normal(size=(17, 2)) * (points[:, 2:] > 0)
            person['keypoints'] = points.ravel().tolist()
        files.append(tmp_path / f'{seed}.json')
        files[-1].write_text(json.dumps(content))
    out = tmp_path / 'metainfo.py'
    args = [*map(str, files), '--out', str(out)]
    estimate_sigmas.main(args)
    table = capsys.readouterr().out
    assert '8 common images' in table
    assert table.count('ankle') == 2
    metainfo = read_metainfo(str(out))
    assert len(metainfo['sigmas']) == 17
    assert min(metainfo['sigmas']) > 0
    with pytest.raises(UserError, match='already exists'):
        estimate_sigmas.main(args)
