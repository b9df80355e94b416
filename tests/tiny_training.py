"""A tiny training of the fast POET, whole or with broken numbers."""

import math
import random
from pathlib import Path

from helpers import ROOT
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

CONFIG = ROOT / 'configs' / 'poet_fast_r18_toy.py'
EPOCHS = 3
# something random everywhere: augmentation, pasted and noised people, dropout
PIPELINE = [
    dict(type='LoadImage'),
    dict(type='PastePeople'),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='WarpOnce',
        transforms=[
            dict(type='RandomRotation', prob=0.5, max_degrees=25),
            dict(
                type='SameInBatch',
                transforms=[
                    dict(
                        type='ShortEdgeResize',
                        short_edges=[48, 64],
                        max_size=64,
                    )
                ],
            ),
        ],
    ),
    dict(type='CoarseDropout', prob=0.5),
]


def tiny_config(toy, work_dir, **options):
    """Three epochs of two steps, a checkpoint after each, validation after
    the second and the last."""
    init_default_scope('mmpose')
    cfg = Config.fromfile(CONFIG)
    cfg.merge_from_dict(
        {
            'model.backbone.base_channels': 8,
            'model.head.detail.in_channels': [8, 16, 32],
            'model.backbone.stem_channels': 8,
            'model.head.in_channels': 32,
            'model.head.encoder.layer_cfg.self_attn_cfg.dropout': 0.1,
            'train_cfg.max_epochs': EPOCHS,
            'param_scheduler': [
                dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=6)
            ],
            'train_dataloader.batch_size': 4,
            'default_hooks.checkpoint.interval': 1,
            'default_hooks.checkpoint.max_keep_ckpts': 1,
            'default_hooks.checkpoint.save_best': 'val/loss',
            'default_hooks.checkpoint.rule': 'less',
            'default_hooks.logger.interval': 1,
            'work_dir': str(work_dir),
            **options,
        }
    )
    cfg.experiment_name = cfg.visualizer.name = (
        f'{Path(work_dir).name}-{random.random()}'  # there is one of a name
    )
    cfg.train_dataloader.dataset.pipeline = (
        PIPELINE + cfg.train_dataloader.dataset.pipeline[-2:]
    )
    for name in ('train', 'val', 'test'):
        cfg[f'{name}_dataloader'].dataset.data_root = str(toy)
    for name in ('val', 'test'):
        cfg[f'{name}_evaluator'].ann_file = str(
            toy / 'annotations' / 'person_keypoints_val2017.json'
        )
    return cfg


class BreakHook(Hook):
    """Makes numbers of chosen steps NaN or infinite: a person's or a loss."""

    priority = 'VERY_HIGH'

    def __init__(self, what, steps):
        self.what, self.steps, self.broken = what, steps, False

    def before_train(self, runner):
        runner.model.head.loss_module.register_forward_hook(self.break_loss)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.broken = runner.iter + 1 in self.steps
        if self.broken and self.what == 'people':
            people = data_batch['data_samples'][1].gt_instance_labels
            people.centers = people.centers * math.nan

    def break_loss(self, module, args, losses):
        if self.broken and self.what == 'loss':
            losses['d0.loss_keypoints'] = losses['d0.loss_keypoints'] / 0


def broken_runner(toy, work_dir, what, steps, **options):
    cfg = tiny_config(
        toy,
        work_dir,
        **{
            'train_cfg.max_epochs': 2,
            'default_hooks.checkpoint.save_best': None,
            **options,
        },
    )
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    runner = Runner.from_cfg(cfg)
    runner.register_hook(BreakHook(what, steps))
    return runner
