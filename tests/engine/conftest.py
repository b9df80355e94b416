"""A tiny model and a batch for it."""

import pytest
import torch
from helpers import TinyPoet, random_samples


@pytest.fixture
def batch(device):
    images, samples = torch.randn(2, 3, 64, 48), random_samples([2, 0])
    return images.to(device), [sample.to(device) for sample in samples]


@pytest.fixture
def model(device):
    torch.manual_seed(0)
    return TinyPoet().to(device)
