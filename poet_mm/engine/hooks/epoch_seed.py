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
    do not depend on earlier validations or on a killed process. Storing the
    generator states in the checkpoint would not do: only rank 0 writes it.

    The hook also sets ``sampler.seed``, because mmengine builds the sampler
    before it reads the seed of the run from the checkpoint. Augmentation in
    worker processes uses a seed for each batch, derived from it (see
    ``BatchIndex``).
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
