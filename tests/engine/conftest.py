"""A tiny model and a batch for it."""

import pytest
import torch
from helpers import TinyPoet, random_samples


@pytest.fixture
def batch():
    return torch.randn(2, 3, 64, 48), random_samples([2, 0])


@pytest.fixture
def model():
    torch.manual_seed(0)
    return TinyPoet()
