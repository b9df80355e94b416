"""Weights of a file, wherever it keeps them."""

import pytest
import torch
from torch import nn

from poet_mm.checkpoints.files import state_dict_of
from poet_mm.errors import UserError


def test_state_dict_of():
    weights = dict(a=torch.ones(1), b=nn.Parameter(torch.ones(2).half()))
    for content in (
        weights,
        dict(state_dict=dict(weights, c=1), model=1),
        dict(model=weights, args=1),
    ):
        assert state_dict_of(content, 'x.pth') == weights
    with pytest.raises(UserError, match=r'x\.pth .*only epoch'):
        state_dict_of(dict(epoch=3), 'x.pth')
