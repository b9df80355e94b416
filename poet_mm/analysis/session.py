"""Load the model, weights and images that all figures use."""

import copy
import os.path as osp
from dataclasses import dataclass
from functools import cached_property
from typing import Dict, Optional

import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.registry import MODELS
from torch import nn
from torch.utils.data import DataLoader

from ..checkpoints.loading import load_weights
from ..checkpoints.publish import stored_score
from ..engine.hooks.speed import use_channels_last
from ..errors import UserError, first_line
from ..models.heads.poet_head import POETHead
from ..utils.config import read_config, set_data_root, walk


@dataclass
class Session:
    """Hold a model in evaluation mode and the images to analyse."""

    cfg: Config
    checkpoint: str
    split: str
    model: nn.Module
    loader: DataLoader
    score_thr: float  # least score of a person

    @property
    def dataset(self) -> BaseDataset:
        """Return the data set of the loader."""
        return self.loader.dataset

    @cached_property
    def index_of(self) -> Dict[int, int]:
        """Return the index in the data set by the id of an image."""
        return {
            self.dataset.get_data_info(i)['img_id']: i
            for i in range(len(self.dataset))
        }

    @property
    def metainfo(self) -> dict:
        """Return skeleton, sigmas and names of the data set."""
        return self.dataset.metainfo

    @property
    def is_poet(self) -> bool:
        """Return True if the model is a POET."""
        return isinstance(self.model.head, POETHead)

    @property
    def description(self) -> str:
        """Return config, checkpoint and data, for captions."""
        return (
            f'Config {osp.basename(self.cfg.filename)}, checkpoint '
            f'{osp.basename(self.checkpoint)}, {self.split} split '
            f'({osp.basename(self.dataset.ann_file)})'
        )


def open_session(
    config: str,
    checkpoint: str,
    data_root: Optional[str] = None,
    split: str = 'test',
    max_images: Optional[int] = None,
    device: Optional[str] = None,
    cfg_options: Optional[dict] = None,
    score_thr: Optional[float] = None,
) -> Session:
    """Load model and images.

    Args:
        config (str): Config file.
        checkpoint (str): Checkpoint file or URL.
        data_root (str, optional): Folder in COCO's layout. Defaults to that
            of the config.
        split (str): ``'val'``, ``'test'`` or ``'train'``, see
            :func:`build_loader`.
        max_images (int, optional): Number of images, the first ones. Defaults
            to all.
        device (str, optional): Defaults to a GPU if there is one.
        cfg_options (dict, optional): Changes to the config.
        score_thr (float, optional): Least score of a person, in [0, 1].
            Defaults to that of the checkpoint, else 0.5.

    Raises:
        UserError: Config, checkpoint, data or device cannot be used.
    """
    cfg = read_config(config)
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    if data_root is not None:
        set_data_root(cfg, data_root)
    cfg.merge_from_dict(cfg_options or {})
    loader = build_loader(cfg, split, max_images)
    model = MODELS.build(cfg.model)
    saved = load_weights(model, checkpoint)
    if score_thr is None:
        score_thr = stored_score(saved)
    try:
        model.to(device or ('cuda' if torch.cuda.is_available() else 'cpu'))
    except (AssertionError, RuntimeError) as error:
        raise UserError(
            f'Cannot use --device {device}: {first_line(error)}'
        ) from error
    hooks = [hook['type'] for hook in cfg.get('custom_hooks') or []]
    if 'ChannelsLastHook' in hooks:  # as in tools/test.py: the same numbers
        use_channels_last(model)
    session = Session(cfg, checkpoint, split, model.eval(), loader, score_thr)
    check_skeleton(session)
    return session


def build_loader(
    cfg: Config, split: str, max_images: Optional[int]
) -> DataLoader:
    """Build the loader of the first images of a split.

    The images of the train split are loaded as those of the test split are:
    in order and without augmentation.
    """
    if max_images is not None and max_images < 1:
        raise UserError(f'--max-images is {max_images}, expected 1 or more.')
    for name in (f'{split}_dataloader', 'test_dataloader'):
        if not cfg.get(name):
            raise UserError(
                f'The config has no {name}, which --split {split} needs.'
            )
    loader = copy.deepcopy(
        cfg.test_dataloader if split == 'train' else cfg[f'{split}_dataloader']
    )
    if split == 'train':
        images = next(
            node for node in walk(cfg.train_dataloader) if node.get('ann_file')
        )
        for key in ('data_root', 'ann_file', 'data_prefix', 'metainfo'):
            if key in images:
                loader.dataset[key] = images[key]
    loader.dataset.indices = max_images
    loader = Runner.build_dataloader(loader, seed=0)
    if not len(loader.dataset):
        raise UserError(
            f'The {split} split has no images: see {loader.dataset.ann_file}.'
        )
    return loader


def check_skeleton(session: Session) -> None:
    """Raise a UserError if model and data have different skeletons."""
    model = session.model.head.num_keypoints
    data = session.metainfo['num_keypoints']
    if model != data:
        raise UserError(
            f'The model has {model} keypoints, the metainfo of the '
            f'{session.split} data {data}. Set metainfo of the loaders as for '
            'training.'
        )
