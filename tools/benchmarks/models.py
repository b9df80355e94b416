"""Build models and batches that several parts time.

One model is POET, the other the same network in stock MMPose and MMDetection.
"""

import logging
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import torch
from mmdet.models.layers.transformer.detr_layers import (
    DetrTransformerDecoderLayer,
    DetrTransformerEncoder,
)
from mmengine.config import Config
from mmengine.model import ModuleList
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.structures import InstanceData
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample
from torch import nn

from poet_mm.models.layers.transformer import POETDecoder

from .matching import loop_loss

CONFIGS = Path(__file__).parents[2] / 'configs'
# Photos of both orientations, scaled as the recipes scale them; (h, w).
SIZES = {
    128: ((128, 96), (96, 128)),
    512: ((512, 384), (384, 512)),
    1333: ((800, 1199), (800, 1333)),
}


class LoopLoss(nn.Module):
    """Compute the set loss person by person."""

    def forward(self, outputs, targets, num_people, *_):
        """Return the loss of a batch."""
        return dict(loss=loop_loss(outputs, targets, num_people)[0])


class StockDecoder(POETDecoder):
    """Decode with mmdet's layers."""

    # Private API (mmdet 3.3.0, checked), as in poet_mm's transformer.
    def _init_layers(self) -> None:
        super()._init_layers()
        self.layers = ModuleList(
            DetrTransformerDecoderLayer(**self.layer_cfg)
            for _ in range(self.num_layers)
        )


def read_model_config(name: str) -> Config:
    """Read a config, without pre-trained weights."""
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    cfg.model.backbone.init_cfg = None
    return cfg


def build_model(cfg: Config, device: torch.device) -> nn.Module:
    """Build the model of a config, initialised, in training mode."""
    model = MODELS.build(cfg.model)
    with quiet():
        model.init_weights()
    model.train()
    return model.to(device)


def as_stock(model: nn.Module, cfg: Config) -> nn.Module:
    """Return the same network on mmdet's layers, with the loop as loss."""
    stock = build_model(cfg, next(model.parameters()).device)
    head = stock.head
    head.encoder = DetrTransformerEncoder(**cfg.model.head.encoder)
    head.decoder = StockDecoder(**cfg.model.head.decoder)
    head.to(next(model.parameters()).device)
    stock.load_state_dict(_stock_names(model.state_dict()))
    head.loss_module = LoopLoss()
    return stock


def _stock_names(state: Dict) -> Dict:
    """Rename our parameters to mmdet's."""
    renamed = {}
    for name, value in state.items():
        if 'coder.layers' in name and '_attn.' in name:
            name = name.replace('in_proj.', 'attn.in_proj_')
            name = name.replace('out_proj.', 'attn.out_proj.')
        renamed[name] = value
    return renamed


def random_batch(
    cfg: Config,
    sizes: Sequence[Tuple[int, int]],
    num_people: int = 4,
    device: Optional[torch.device] = None,
) -> Dict[str, List]:
    """Draw images (3, h, w) of noise with people, as a data loader does."""
    rng = np.random.default_rng(0)
    codec = KEYPOINT_CODECS.build(cfg.codec)
    K = cfg.model.head.num_keypoints
    inputs, samples = [], []
    for h, w in sizes:
        image = rng.integers(0, 256, (3, h, w), dtype=np.uint8)
        inputs.append(torch.from_numpy(image).to(device))
        keypoints = rng.uniform(0, 1, (num_people, K, 2)) * (w, h)
        visible = rng.integers(0, 3, (num_people, K))
        labels = codec.encode(
            keypoints.astype(np.float32),
            visible.astype(np.float32),
            (h, w),
            area=np.full(num_people, h * w / 16),
        )
        sample = PoseDataSample(
            metainfo=dict(
                img_shape=(h, w),
                input_size=(w, h),
                input_center=(w / 2, h / 2),
                input_scale=(w, h),
            )
        )
        sample.gt_instance_labels = InstanceData(**labels).to_tensor()
        sample.gt_instances = InstanceData()
        samples.append(sample)
    return dict(inputs=inputs, data_samples=samples)


def build_optimizer(model: nn.Module, cfg: Config, **changes) -> OptimWrapper:
    """Build the optimiser wrapper of a config, with changes."""
    with quiet():
        return build_optim_wrapper(model, dict(cfg.optim_wrapper, **changes))


@contextmanager
def quiet() -> Iterator[None]:
    """Silence mmengine, which logs every parameter it initialises."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
