"""tools/estimate_sigmas.py on two annotators of synthetic people."""

import json
import re

import estimate_sigmas
import numpy as np
import pytest

from poet_mm.datasets.skeleton import read_metainfo
from poet_mm.errors import UserError


@pytest.fixture
def contents(toy):
    """Two annotators of the same people, with noise."""
    source = toy / 'annotations' / 'person_keypoints_train2017.json'
    contents = []
    for seed in (0, 1):
        content = json.loads(source.read_text())
        rng = np.random.default_rng(seed)
        for person in content['annotations']:
            points = np.array(person['keypoints'], float).reshape(-1, 3)
            points[:, :2] += rng.normal(size=(17, 2)) * (points[:, 2:] > 0)
            person['keypoints'] = points.ravel().tolist()
        contents.append(content)
    return contents


def write(folder, contents):
    files = [folder / f'{number}.json' for number in range(2)]
    for file, content in zip(files, contents):
        file.write_text(json.dumps(content))
    return [str(file) for file in files]


def test_table_and_metainfo(contents, tmp_path, capsys):
    out = tmp_path / 'metainfo.py'
    args = [*write(tmp_path, contents), '--out', str(out)]
    estimate_sigmas.main(args)
    table = capsys.readouterr().out
    assert '8 common images' in table
    assert len(re.findall('^(?:left|right)_ankle ', table, re.M)) == 2
    metainfo = read_metainfo(str(out))
    assert len(metainfo['sigmas']) == 17
    assert min(metainfo['sigmas']) > 0
    with pytest.raises(UserError, match='already exists'):
        estimate_sigmas.main(args)


@pytest.mark.parametrize('empty', [0, 1])
def test_nothing_annotated(contents, tmp_path, empty):
    contents[empty]['annotations'] = []
    with pytest.raises(UserError, match=f'{empty}.json. has no .* among 0'):
        estimate_sigmas.main(write(tmp_path, contents))


def test_hidden_keypoints_count(contents, tmp_path, capsys):
    """The table is the same if all labels are v = 1."""
    estimate_sigmas.main(write(tmp_path, contents))
    table = capsys.readouterr().out
    for content in contents:
        for person in content['annotations']:
            v = person['keypoints'][2::3]
            person['keypoints'][2::3] = [min(label, 1) for label in v]
    estimate_sigmas.main(write(tmp_path, contents))
    assert capsys.readouterr().out == table
