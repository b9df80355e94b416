"""Seed every epoch, so that a resumed training repeats the same numbers."""

import random

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seed the random numbers at the beginning of every epoch.

    Dropout, denoising and augmentation in the main process then depend only
    on the seed of the run, the first iteration of the epoch and the rank. They
    do not depend on earlier validations or on a killed process. (A checkpoint
    could keep the generator states of one rank only.)

    Augmentation in loader processes depends on the seed of the batch, see
    ``BatchIndex``, which is derived from the seed of the sampler. The hook
    sets that one too: mmengine builds the sampler before it reads the seed of
    the run from the checkpoint.
    """

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed Python, NumPy, torch and the sampler."""
        seed = [runner.seed, runner.iter, get_rank()]
        number = int(np.random.SeedSequence(seed).generate_state(1)[0])
        random.seed(number)
        np.random.seed(number)
        torch.manual_seed(number)  # on all devices
        loader = runner.train_dataloader
        sampler = getattr(loader.batch_sampler, 'sampler', loader.sampler)
        randomness = runner.cfg.get('randomness') or {}
        if hasattr(sampler, 'seed') and not randomness.get('diff_rank_seed'):
            sampler.seed = runner.seed
