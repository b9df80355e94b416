"""A checkpoint as a training leaves it."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer


@pytest.fixture
def training_checkpoint(model_files, tmp_path):
    """As mmengine writes it, with EMA, optimiser and log."""
    config, weights = model_files
    checkpoint = torch.load(weights)
    cfg = Config.fromfile(config)
    cfg.work_dir = '/home/somebody/work_dirs/secret'
    checkpoint['meta'].update(
        cfg=cfg.pretty_text,
        epoch=3,
        iter=9,
        seed=0,
        mmengine_version='0.10.7',
        hostname='secret',
    )
    checkpoint.update(
        ema_state_dict=dict(steps=torch.ones(1)),
        optimizer=dict(state={0: dict(exp_avg=torch.ones(2 * 10**6))}),
        message_hub=dict(
            log_scalars=dict(loss=HistoryBuffer([1.0], [1])),
            runtime_info=dict(best=np.float64(0.5)),
            resumed_keys={},
        ),
    )
    torch.save(checkpoint, tmp_path / 'epoch_3.pth')
    return str(tmp_path / 'epoch_3.pth')
