"""Write a training step to a file of plain data, and repeat the step."""

import torch
from mmengine.runner import CheckpointLoader
from mmengine.structures import InstanceData, PixelData
from mmpose.structures import PoseDataSample
from torch import nn

from ...checkpoints.safe_load import safe_loading

PARTS = dict(InstanceData=InstanceData, PixelData=PixelData)


def write_incident(path: str, batch: dict, **state) -> None:
    """Write a batch of the data loader, and the state of a step."""
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
        dict: ``batch`` of the data loader, ``message``, ``random`` state of
        torch on the CPU, and ``weights`` of the model, both before the step.
    """
    with safe_loading():
        incident = CheckpointLoader.load_checkpoint(path, map_location='cpu')
    samples = incident['batch']['data_samples']
    for i, plain in enumerate(samples):
        samples[i] = PoseDataSample(metainfo=plain['metainfo'])
        for name, (kind, fields) in plain['parts'].items():
            setattr(samples[i], name, PARTS[kind](**fields))
    return incident


def replay(incident: dict, model: nn.Module) -> dict:
    """Compute the losses of the step again, with a model of its config."""
    model.load_state_dict(incident['weights'])
    model.train()
    torch.set_rng_state(incident['random'])
    data = model.data_preprocessor(incident['batch'], True)
    return model(**data, mode='loss')
