"""A training without a seed resumes with its own."""

import random
from types import SimpleNamespace

import numpy as np
import torch
from mmengine.config import Config

from poet_mm.engine.hooks.epoch_seed import EpochSeedHook


def test_a_run_without_seed_resumes_with_its_own():
    """mmengine builds the sampler before it knows the seed."""
    sampler = SimpleNamespace(seed=5)
    runner = SimpleNamespace(
        seed=7,
        iter=3,
        cfg=Config(),
        train_dataloader=SimpleNamespace(
            sampler=None, batch_sampler=SimpleNamespace(sampler=sampler)
        ),
    )

    def draw():
        EpochSeedHook().before_train_epoch(runner)
        return random.random(), np.random.rand(), torch.rand(1).item()

    first = draw()
    assert sampler.seed == 7
    assert first == draw()
    runner.iter = 4
    assert not set(first) & set(draw())
