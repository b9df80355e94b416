"""A training step in a file: what it was fed, and the weights it began with.

The file is plain data, so :func:`read_incident` runs nothing of it.
"""
from typing import Dict, List, NamedTuple

import torch
from mmengine.runner import CheckpointLoader
from mmengine.structures import InstanceData, PixelData
from mmpose.structures import MultilevelPixelData, PoseDataSample
from torch import Tensor, nn

from ...checkpoints.safe_load import safe_loading

PARTS = {
    part.__name__: part
    for part in (InstanceData, PixelData, MultilevelPixelData)
}


class Incident(NamedTuple):
    """``batch``, as the data loader gave it; ``random``, the state of torch's
    generator on the CPU; ``weights`` by name; what went wrong, in words."""
    batch: dict
    random: Tensor
    weights: Dict[str, Tensor]
    message: str

    def replay(self, model: nn.Module) -> Dict[str, Tensor]:
        """Losses of the step once more, by a model of the same config."""
        model.load_state_dict(self.weights)
        model.train()
        torch.set_rng_state(self.random)
        data = model.data_preprocessor(self.batch, True)
        return model(**data, mode='loss')


def write_incident(incident: Incident, path: str) -> None:
    """Write a file that needs no class of ours to be read."""
    content = incident._asdict()
    content['batch'] = dict(
        inputs=incident.batch['inputs'],
        data_samples=[
            to_plain(sample) for sample in incident.batch['data_samples']
        ])
    torch.save(content, path)


def read_incident(path: str) -> Incident:
    """Read what :func:`write_incident` wrote."""
    with safe_loading():
        content = CheckpointLoader.load_checkpoint(path, map_location='cpu')
    content['batch']['data_samples'] = [
        from_plain(sample) for sample in content['batch']['data_samples']
    ]
    return Incident(**content)


def to_plain(sample: PoseDataSample) -> dict:
    """A sample as dicts."""
    return dict(
        metainfo=dict(sample.metainfo),
        parts={
            name: (type(part).__name__, dict(part.all_items()))
            for name, part in sample.items()
            if type(part).__name__ in PARTS
        })


def from_plain(plain: dict) -> PoseDataSample:
    """The sample that dicts were made of."""
    sample = PoseDataSample(metainfo=plain['metainfo'])
    for name, (kind, fields) in plain['parts'].items():
        setattr(sample, name, PARTS[kind](**fields))
    return sample


def name_images(samples: List[PoseDataSample]) -> List[str]:
    """Id and file of images, in words."""
    return [
        f"{sample.metainfo.get('img_id', '?')} "
        f"({sample.metainfo.get('img_path', 'no file')})"
        for sample in samples
    ]
