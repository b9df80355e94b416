"""AP of every decoder layer, by hand and as tools/test.py evaluates."""

import numpy as np
import pytest
import torch
from known_predictions import (
    CONFIG,
    make_checkpoint,
    make_image,
    make_person,
    read_rows,
    run,
    session_of,
    write_data,
)
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.runner import Runner

from poet_mm.utils.config import set_data_root


@pytest.mark.slow
def test_layers_by_hand(world):
    """Of two people of the same score the first is found: precision 1 up to
    recall 1 / 2, which are 51 of COCO's 101 points."""
    found = run(world, 'layers')
    assert len(found['layers']) == 3
    for layer in found['layers']:
        assert layer['coco/AP'] == pytest.approx(51 / 101)
        assert layer['coco/AR'] == pytest.approx(1 / 2)
    assert read_rows(world, 'layers')[0]['AP75'][:4] == '50.4'
    only_first = run(world, 'layers', '--max-images', 1)
    assert only_first['layers'][0]['coco/AP'] == pytest.approx(1)


def evaluate(cfg, model):
    """What mmengine's loop of the test does, without a Runner."""
    loader = Runner.build_dataloader(cfg.test_dataloader)
    evaluator = Evaluator(cfg.test_evaluator)
    evaluator.dataset_meta = loader.dataset.metainfo
    for batch in loader:
        with torch.no_grad():
            evaluator.process(model.test_step(batch), batch)
    return evaluator.evaluate(len(loader.dataset))


@pytest.mark.slow
def test_last_layer_is_what_test_says(world, tmp_path):
    """All ten numbers, to the last digit, of what tools/test.py runs."""
    images = [make_image(tmp_path, n, (64 + 8 * n, 80), n) for n in range(6)]
    rng = np.random.default_rng(0)
    write_data(
        tmp_path,
        images,
        [
            make_person(image, rng.normal(0, 3, 2), [2] * 5, area=area)
            for image in images
            for area in (2000.0, 20000.0)
        ],
    )
    options = {'model.head.num_queries': 6, 'test_dataloader.batch_size': 4}
    cfg = Config.fromfile(world / 'config.py')
    cfg.model.head.num_queries = 6
    make_checkpoint(cfg, tmp_path / 'a.pth', noise=0.02)
    (tmp_path / 'config.py').write_text(CONFIG)
    found = run(
        tmp_path,
        'layers',
        '--cfg-options',
        *(f'{key}={value}' for key, value in options.items()),
    )
    set_data_root(cfg, str(tmp_path))
    cfg.test_dataloader.batch_size = 4
    session = session_of(tmp_path, cfg_options=options)
    expected = evaluate(cfg, session.model)
    assert found['layers'][-1] == expected
    assert 0 < expected['coco/AP'] < 1
    assert found['layers'][0] != found['layers'][-1]
