"""Marks for tests that run on the CPU and, if there is one, on a GPU."""

import pytest

CPU = pytest.param('cpu', id='on_cpu')
GPU = pytest.param('cuda', id='on_gpu', marks=pytest.mark.gpu)
# They set the fixture `device`.
on_every_device = pytest.mark.parametrize('device', [CPU, GPU], indirect=True)
on_gpu = pytest.mark.parametrize('device', [GPU], indirect=True)
