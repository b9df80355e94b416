"""Nothing in a checkpoint of another program runs."""

import argparse
import os

import pytest
import torch
from mmengine.logging import HistoryBuffer
from torch import nn

from poet_mm.checkpoints.files import read_checkpoint, state_dict_of
from poet_mm.errors import UserError


class Touch:
    """A pickle that makes a file when it is loaded the usual way."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f'touch {self.path}',)


def test_nothing_in_a_file_is_run(tmp_path):
    """What the authors' programs write is read; what runs code is refused."""
    path, trap = str(tmp_path / 'x.pth'), tmp_path / 'trap'
    checkpoint = dict(
        model=dict(a=nn.Parameter(torch.ones(2).half())),
        args=argparse.Namespace(lr=1),
        log=HistoryBuffer([1.0], [1]),
    )
    torch.save(checkpoint, path)
    read = read_checkpoint(path)
    assert state_dict_of(read, path)['a'].tolist() == [1, 1]
    torch.save(dict(checkpoint, evil=Touch(trap)), path)
    with pytest.raises(UserError, match='holds more than data'):
        read_checkpoint(path)
    assert not trap.exists()
