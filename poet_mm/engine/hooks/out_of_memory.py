"""Out of memory on a GPU: how much there was, for what, and what to change."""
from functools import wraps
from typing import Callable, Dict, List, Optional, Tuple

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS
from torch import nn

from ...errors import OutOfGPUMemory
from .utils import unwrapped_model

STEPS = ('train_step', 'val_step', 'test_step')
GIB = 2**30


@HOOKS.register_module()
class OutOfMemoryHook(Hook):
    """Turn ``torch.cuda.OutOfMemoryError`` in a step of training, validation
    or test into an :class:`OutOfGPUMemory` that helps."""

    def __init__(self) -> None:
        self.stride: Optional[int] = None  # known after a whole forward pass
        self.inputs: Tuple[int, int, int] = (0, 0, 0)
        self.handle = None

    def before_run(self, runner: Runner) -> None:
        """Put a net under every step of the model."""
        for name in STEPS:
            step = getattr(runner.model, name)
            setattr(runner.model, name, self._explained(step, name, runner))
        projection = getattr(
            unwrapped_model(runner).head, 'input_proj', None)
        if projection is not None:
            self.handle = projection.register_forward_pre_hook(self._measure)

    def after_run(self, runner: Runner) -> None:
        """Leave the model as it was."""
        for name in STEPS:
            delattr(runner.model, name)
        if self.handle is not None:
            self.handle.remove()

    def _measure(self, module: nn.Module, args: tuple) -> None:
        """Stride of the feature map (B, C, H, W) that the head reads."""
        self.stride = round(self.inputs[2] / args[0].shape[-1])

    def _explained(self, step: Callable, name: str,
                   runner: Runner) -> Callable:

        @wraps(step)
        def explained(data, *args, **kwargs):
            self.inputs = batch_shape(data)
            try:
                return step(data, *args, **kwargs)
            except torch.cuda.OutOfMemoryError as error:
                changes = advice(runner.cfg, name, self.stride)
                raise OutOfGPUMemory(
                    explain(name, self.inputs, self.stride, memory_in_use(),
                            changes)) from error

        return explained


def batch_shape(data: dict) -> Tuple[int, int, int]:
    """Images, and height and width that they are padded to."""
    images = data['inputs']
    return (len(images), max(image.shape[-2] for image in images),
            max(image.shape[-1] for image in images))


def memory_in_use() -> Dict[str, float]:
    """GiB on the current GPU."""
    if not torch.cuda.is_available():
        return {}
    free, total = torch.cuda.mem_get_info()
    return dict(
        total=total / GIB,
        allocated=torch.cuda.memory_allocated() / GIB,
        peak=torch.cuda.max_memory_allocated() / GIB,
        others=(total - free - torch.cuda.memory_reserved()) / GIB)


def explain(step: str, inputs: Tuple[int, int, int], stride: Optional[int],
            memory: Dict[str, float], changes: List[str]) -> str:
    """The message.

    Args:
        step (str): One of STEPS.
        inputs (tuple[int]): Images, height and width of the batch.
        stride (int, optional): Of the feature map, where it is known.
        memory (dict): From :func:`memory_in_use`.
        changes (list[str]): From :func:`advice`.
    """
    num_images, height, width = inputs
    tokens = ''
    if stride:
        tokens = -(-height // stride) * -(-width // stride)
        tokens = f', {tokens} tokens each at stride {stride}'
    used = ''
    if memory:
        used = (' Of {total:.1f} GiB this process has {allocated:.1f} '
                'allocated, {peak:.1f} at its peak; other processes and the '
                'driver have {others:.1f}.').format(**memory)
    listed = '\n'.join(f'  - {change}' for change in changes)
    return (f'Out of GPU memory in {step}: {num_images} image(s) padded '
            f'to {height} x {width} pixels{tokens}.{used}\nWhat needs less '
            f'(--cfg-options, where not said otherwise):\n{listed}')


def advice(cfg: Config, step: str, stride: Optional[int]) -> List[str]:
    """What of a config can be changed, cheapest first; nothing that is so
    already."""
    training = step == 'train_step'
    loader = 'train' if training else step.split('_')[0]
    changes = []
    if training:
        changes += _cheaper_training(cfg)
    size = cfg.get(f'{loader}_dataloader', {}).get('batch_size', 1)
    if size > 1:
        kept = ' optim_wrapper.accumulative_counts=2' if training else ''
        changes.append(
            f'{loader}_dataloader.batch_size={size // 2}{kept}: half the '
            'batch' + (', as many images for an update' if training else ''))
    changes.append(
        'smaller images: short_edges and max_size of ShortEdgeResize in the '
        'pipeline of the config, or a config for 512 pixels (*_512_coco.py)')
    if stride and stride < 32:
        changes.append(
            f'a config of stride {2 * stride}, not {stride}: a quarter of the '
            'tokens, a sixteenth of the attention (dc45, dc5, none in its '
            'name: stride 8, 16, 32)')
    return changes


def _cheaper_training(cfg: Config) -> List[str]:
    """Without a smaller batch or image."""
    changes = []
    if cfg.optim_wrapper.get('type', 'OptimWrapper') == 'OptimWrapper':
        changes.append('--amp (a flag): bfloat16 or float16 where the GPU has '
                       'it')
    encoder = cfg.model.head.get('encoder') or {}
    layers = encoder.get('num_layers', 0)
    if layers and encoder.get('num_cp', -1) < layers:
        changes.append(f'model.head.encoder.num_cp={layers}: the encoder is '
                       'computed twice instead of kept')
    backbone = cfg.model.backbone
    if backbone.get('norm_eval') and not cfg.get('efficient_conv_bn_eval'):
        changes.append('efficient_conv_bn_eval=[backbone]: frozen batch '
                       'norms are folded into the convolutions')
    return changes
