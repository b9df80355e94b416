"""A resumed run goes on as one without a break."""

import random

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Begin every epoch with random numbers of its own.

    Dropout, denoising and, in the main process, augmentation then depend on
    the seed of the run, the iteration that the epoch begins with and the rank,
    not on what came before: a validation, or a process that was killed. States
    of generators in the checkpoint would be those of one rank only.

    Images are augmented alike because their batch has a seed, see
    ``BatchIndex``, which comes from the sampler's; mmengine builds the sampler
    before it learns from the checkpoint which seed the run had.
    """

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed the generators of Python, numpy and torch, and the sampler."""
        seed = [runner.seed, runner.iter, get_rank()]
        number = int(np.random.SeedSequence(seed).generate_state(1)[0])
        random.seed(number)
        np.random.seed(number)
        torch.manual_seed(number)  # and all GPUs'
        loader = runner.train_dataloader
        sampler = getattr(loader.batch_sampler, 'sampler', loader.sampler)
        randomness = runner.cfg.get('randomness') or {}
        if hasattr(sampler, 'seed') and not randomness.get('diff_rank_seed'):
            sampler.seed = runner.seed
