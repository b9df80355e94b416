"""tools/analyze.py on checkpoints whose predictions are known by hand."""

import json
import runpy

import analyze
import numpy as np
import pytest
import torch
from helpers import ROOT
from known_predictions import (
    OFFSETS,
    PERSON,
    link_model,
    make_image,
    model_args,
    read_rows,
    run,
    write_data,
    write_log,
)
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmpose.registry import MODELS

from poet_mm.errors import UserError
from poet_mm.models.heads.ae_head import AEHead


def test_centers_by_hand(world):
    """The second centre is the mean of four joints, at (36.8, 23.2)."""
    found = run(world, 'centers')
    rows = read_rows(world, 'centers')
    errors = [(float(row['dx']), float(row['dy'])) for row in rows]
    np.testing.assert_allclose(
        errors, [(0, 0), (-4.8 / 50, 8.8 / 50)], atol=2e-6
    )
    assert found['quadrants']['lower left'] == 0.5
    assert found['people'] == 2
    assert float(rows[0]['predicted_y']) == pytest.approx(48)


@pytest.mark.slow
def test_report(world):
    """One page with every picture in it, and nothing from elsewhere."""
    logs, out = world / 'logs', world / 'out' / 'report'
    write_log(logs, [dict(loss=2.0, loss_cls=1.0, epoch=1, step=1)])
    args = model_args(world, out)
    analyze.main(
        ['report', *args, '--split', 'train', '--work-dir', str(logs)]
    )
    page = (out / 'report.html').read_text()
    assert page.count('data:image/png;base64,') == 7
    assert 'http' not in page
    assert page.count('train split') == 6
    for name in (*analyze.ANALYSES, 'curves'):
        assert (out / f'{name}.pdf').is_file()
        assert f'id="{name}"' in page


@pytest.mark.slow
def test_no_person_found_and_no_person_there(world, tmp_path):
    """Every figure says so."""
    found = run(world, 'predictions', '--score-thr', 1.0)
    assert found['causes']['missed'] == 2
    for name in ('attention', 'centers', 'visibility', 'keypoints'):
        run(world, name, '--score-thr', 1.0)
    write_data(tmp_path, [make_image(tmp_path, 1, (64, 64))], [])
    link_model(world, tmp_path)
    analyze.main(['report', *model_args(tmp_path, tmp_path)])
    page = (tmp_path / 'report.html').read_text()
    assert page.count('data:image/png;base64,') == 6
    assert 'No curves' in page
    numbers = json.loads((tmp_path / 'layers.json').read_text())
    assert numbers['layers'][0]['coco/AP'] == -1


def predict_known_people(self, feats, samples, test_cfg=None):
    """In place of AEHead.predict: the predictions of ``world``."""
    return [
        InstanceData(
            keypoints=(0.5 + OFFSETS[None]) * sample.img_shape[::-1],
            keypoint_scores=np.full((1, 5), PERSON),
            bbox_scores=np.full(1, PERSON),
        )
        for sample in samples
    ]


@pytest.mark.slow
def test_ae_has_predictions_and_keypoints_only(world, tmp_path, monkeypatch):
    """Errors 0 and sqrt(80) pixels of the files, as of the POET."""
    monkeypatch.setattr(AEHead, 'predict', predict_known_people)
    cfg = Config.fromfile(ROOT / 'configs' / 'ae_r18_s4_toy.py')
    cfg.model.head.num_keypoints = 5
    cfg.model.head.decoder.decode_keypoint_order = [0, 1, 2, 3, 4]
    five = Config.fromfile(world / 'config.py').metainfo
    for loader in (cfg.test_dataloader, cfg.val_dataloader):
        loader.dataset.metainfo = five
    cfg.dump(tmp_path / 'config.py')
    model = MODELS.build(cfg.model)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'a.pth')
    for name in ('annotations', 'val2017'):
        (tmp_path / name).symlink_to(world / name)
    args = model_args(tmp_path, tmp_path)
    with pytest.raises(UserError, match=r'centers .* AEHead'):
        analyze.main(['centers', *args])
    analyze.main(['report', *args])
    for name in ('predictions', 'keypoints'):
        assert (tmp_path / f'{name}.png').is_file()
    found = json.loads((tmp_path / 'keypoints.json').read_text())
    rows = {(row['keypoint'], row['v']): row for row in found['keypoints']}
    assert rows['a', 'all']['found'] == 2
    assert rows['a', 'all']['median_px'] == pytest.approx(20**0.5, abs=1e-4)
    assert rows['a', 'all']['AP'] == pytest.approx(51 / 101, abs=1e-5)
    assert (rows['d', '1']['AP'], rows['d', '2']['AP']) == (1, 0)
    assert not (tmp_path / 'layers.png').exists()
    assert 'they need a POETHead' in (tmp_path / 'report.html').read_text()


@pytest.mark.parametrize(
    ('args', 'named'),
    [
        (['--max-images', '0'], '--max-images is 0'),
        (['--device', 'nonsense'], '--device nonsense'),
        (['--image', '77'], '--image 77 .* such as 1'),
        (['--points', '1,1'], '--image'),
        (['--image', '1', '--points', '1,99'], '1.0, 99.0.* 64 x 96'),
        (['--cfg-options', 'model.head.num_queries=3'], 'query_embedding'),
        (['--cfg-options', 'test_dataloader=None'], 'no test_dataloader'),
    ],
)
def test_mistakes_get_a_sentence(world, args, named):
    with pytest.raises(UserError, match=named):
        run(world, 'attention', *args)


def test_tool_ends_with_a_sentence(monkeypatch, capsys):
    tool = ROOT / 'tools' / 'analyze.py'
    monkeypatch.setattr('sys.argv', [str(tool), 'layers', 'none.py', 'x.pth'])
    with pytest.raises(SystemExit) as error:
        runpy.run_path(str(tool), run_name='__main__')
    assert error.value.code == 2
    assert 'analyze.py: none.py is neither' in capsys.readouterr().err
