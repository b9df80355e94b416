"""Save a failed training step as plain data, and run it again."""

import torch
from mmengine.runner import CheckpointLoader
from mmengine.structures import InstanceData, PixelData
from mmpose.structures import PoseDataSample
from torch import nn

from ...checkpoints.safe_load import safe_loading

# Types of the fields of a PoseDataSample that can be saved.
FIELD_TYPES = dict(InstanceData=InstanceData, PixelData=PixelData)


def write_incident(path: str, batch: dict, **state) -> None:
    """Save a batch, and the state of its step as in :func:`read_incident`."""
    samples = [
        dict(
            metainfo=dict(sample.metainfo),
            parts={
                name: (type(part).__name__, dict(part.all_items()))
                for name, part in sample.items()
            },
        )
        for sample in batch['data_samples']
    ]
    torch.save(dict(state, batch=dict(batch, data_samples=samples)), path)


def read_incident(path: str) -> dict:
    """Read a step without running code from the file.

    Returns:
        dict: ``batch``; ``message``; ``random``, the state of torch's CPU
        generator before the step; ``weights``, the model's state dict. CUDA
        generators are not stored, so dropout on a GPU is not repeated.
    """
    with safe_loading():
        incident = CheckpointLoader.load_checkpoint(path, map_location='cpu')
    samples = incident['batch']['data_samples']
    for i, plain in enumerate(samples):
        samples[i] = PoseDataSample(metainfo=plain['metainfo'])
        for name, (kind, fields) in plain['parts'].items():
            setattr(samples[i], name, FIELD_TYPES[kind](**fields))
    return incident


def replay(incident: dict, model: nn.Module) -> dict:
    """Compute the losses of the step again, with a model of its config."""
    model.load_state_dict(incident['weights'])
    model.train()
    torch.set_rng_state(incident['random'])
    data = model.data_preprocessor(incident['batch'], True)
    return model(**data, mode='loss')
