"""Keep a training step in a file of plain data, and repeat it."""

import torch
from mmengine.runner import CheckpointLoader
from mmengine.structures import InstanceData, PixelData
from mmpose.structures import MultilevelPixelData, PoseDataSample
from torch import nn

from ...checkpoints.safe_load import safe_loading

PARTS = {
    kind.__name__: kind
    for kind in (InstanceData, PixelData, MultilevelPixelData)
}


def write_incident(path: str, batch: dict, **rest) -> None:
    """Write a batch of the data loader, and what belongs to it."""
    samples = []
    for sample in batch['data_samples']:
        parts = {
            name: (type(part).__name__, dict(part.all_items()))
            for name, part in sample.items()
            if type(part).__name__ in PARTS
        }
        samples.append(dict(metainfo=dict(sample.metainfo), parts=parts))
    torch.save(dict(rest, batch=dict(batch, data_samples=samples)), path)


def read_incident(path: str) -> dict:
    """Read ``batch``, ``weights`` before the step, ``random`` state of torch
    on the CPU and ``message``, without running code from the file.
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
    """Compute the losses of the step again, by a model of its config."""
    model.load_state_dict(incident['weights'])
    model.train()
    torch.set_rng_state(incident['random'])
    return model(
        **model.data_preprocessor(incident['batch'], True), mode='loss'
    )
