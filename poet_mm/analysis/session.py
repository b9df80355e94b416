"""What every figure starts from: a model, its weights and a set of images."""

import copy
import os.path as osp
from dataclasses import dataclass
from functools import cached_property
from typing import Dict, Optional

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.registry import MODELS
from torch import nn
from torch.utils.data import DataLoader

from ..checkpoints.loading import load_weights
from ..engine.hooks.speed import use_channels_last
from ..errors import UserError, first_line
from ..models.heads.poet_head import POETHead
from ..utils.config import set_data_root, walk

SPLITS = ('val', 'train', 'test')


@dataclass
class Session:
    """A model in evaluation mode, and the images that it is looked at on."""

    cfg: Config
    checkpoint: str
    split: str
    model: nn.Module
    loader: DataLoader
    score_thr: float  # a prediction below it is no person

    @property
    def dataset(self):
        return self.loader.dataset

    @cached_property
    def index_of(self) -> Dict[int, int]:
        """Id of an image -> its index in the data set."""
        return {
            self.dataset.get_data_info(i)['img_id']: i
            for i in range(len(self.dataset))
        }

    @property
    def metainfo(self) -> dict:
        """Skeleton, sigmas and names of the data set."""
        return self.dataset.metainfo

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    @property
    def is_poet(self) -> bool:
        return isinstance(self.model.head, POETHead)

    @property
    def method(self) -> str:
        """POET, AE, or what else the head is called."""
        return type(self.model.head).__name__.replace('Head', '')

    @property
    def description(self) -> str:
        """What was run, for captions."""
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
    score_thr: float = 0.5,
) -> Session:
    """Load what every figure starts from.

    Args:
        config (str): Config file.
        checkpoint (str): Its weights.
        data_root (str, optional): Folder in COCO's layout; by default that of
            the config.
        split (str): Images of which of the config's loaders: ``'val'``,
            ``'test'``, or ``'train'``, which are loaded like those of the
            test, without augmentation.
        max_images (int, optional): Only the first so many images.
        device (str, optional): By default a GPU if there is one.
        cfg_options (dict, optional): Changes to the config.
        score_thr (float): Probability from which on a prediction is a person.

    Raises:
        UserError: In one sentence, what cannot be loaded and why.
    """
    if not osp.isfile(config):
        raise UserError(f'There is no config {config}.')
    if '://' not in checkpoint and not osp.isfile(checkpoint):
        raise UserError(f'There is no checkpoint {checkpoint}.')
    cfg = Config.fromfile(config)
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    if data_root is not None:
        set_data_root(cfg, data_root)
    cfg.merge_from_dict(cfg_options or {})
    loader = build_loader(cfg, split, max_images)
    model = MODELS.build(cfg.model)
    load_weights(model, checkpoint)
    model = place_model(model, cfg, device).eval()
    session = Session(cfg, checkpoint, split, model, loader, score_thr)
    check_skeleton(session)
    return session


def build_loader(
    cfg: Config, split: str, max_images: Optional[int]
) -> DataLoader:
    """Loader of the first images of a split, in order, not augmented."""
    if split not in SPLITS:
        raise UserError(
            f'There is no split {split!r}, only {", ".join(SPLITS)}.'
        )
    if max_images is not None and max_images < 1:
        raise UserError(f'--max-images is {max_images}, expected 1 or more.')
    needed = [f'{split}_dataloader', 'test_dataloader']
    for name in needed:
        if not cfg.get(name):
            raise UserError(
                f'The config has no {name}, which images of the '
                f'{split} split need.'
            )
    loader = copy.deepcopy(cfg[needed[split == 'train']])
    if split == 'train':
        images = next(
            node for node in walk(cfg.train_dataloader) if node.get('ann_file')
        )
        loader.dataset.update(
            {
                key: images[key]
                for key in ('data_root', 'ann_file', 'data_prefix', 'metainfo')
                if key in images
            }
        )
    loader.dataset.indices = max_images
    try:
        loader = Runner.build_dataloader(loader, seed=0)
    except ValueError as error:
        raise UserError(f'Cannot load the {split} split: {error}') from error
    if not len(loader.dataset):
        raise UserError(
            f'The {split} split has no images: see ann_file of '
            f'{loader.dataset.ann_file}.'
        )
    first = loader.dataset.get_data_info(0)['img_path']
    if not osp.isfile(first):
        raise UserError(
            f'There is no image {first}, which '
            f'{loader.dataset.ann_file} names.'
        )
    return loader


def place_model(
    model: nn.Module, cfg: Config, device: Optional[str]
) -> nn.Module:
    """Move a model to a device, in the memory order that its config wants, so
    that it computes what it does in ``tools/test.py``.
    """
    device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        model = model.to(device)
    except (AssertionError, RuntimeError) as error:
        raise UserError(
            f'Cannot use --device {device}: {first_line(error)}'
        ) from error
    hooks = [hook['type'] for hook in cfg.get('custom_hooks') or []]
    if 'ChannelsLastHook' in hooks:
        use_channels_last(model)
    return model


def check_skeleton(session: Session) -> None:
    """Raise a UserError if model and data have different skeletons."""
    model = session.model.head.num_keypoints
    data = session.metainfo['num_keypoints']
    if model != data:
        raise UserError(
            f'The model has {model} joints, the metainfo of the '
            f'{session.split} data {data}: set metainfo of the loaders, as '
            'for training.'
        )
