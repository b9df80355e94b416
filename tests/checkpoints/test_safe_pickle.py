"""Names in a pickle: none is imported, allowed ones are what they say."""

import io
import pickle
import sys

import pytest
import torch

from poet_mm.checkpoints import safe_pickle
from poet_mm.checkpoints.safe_globals import (
    HAS_SAFE_GLOBALS,
    RefusedPickle,
    declared_globals,
)
from poet_mm.checkpoints.safe_pickle import allowed_globals


def test_no_name_is_imported(tmp_path, monkeypatch):
    """Looking a name up would run the module that has it."""
    (tmp_path / 'evil_module.py').write_text('raise SystemExit("imported")')
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in (b'name', b'allowed.name'):
        stream = b'\x80\x02cevil_module\n' + name + b'\n.'
        with pytest.raises(RefusedPickle, match='evil_module'):
            safe_pickle.load(io.BytesIO(stream))
    # protocol 4 looks dotted names up attribute by attribute
    dotted = b'\x80\x04\x8c\x05torch\x8c\x09os.system\x93.'
    with pytest.raises(RefusedPickle, match=r'torch\.os\.system'):
        safe_pickle.load(io.BytesIO(dotted))
    assert 'evil_module' not in sys.modules


@pytest.mark.parametrize('names', [declared_globals, allowed_globals])
def test_every_allowed_name_is_the_one_it_says(names):
    """Only getattr, which is replaced, differs from what pickle finds."""
    for path, value in names().items():
        module, _, name = path.rpartition('.')
        if name == 'getattr' or '_core' in path or 'Storage' in name:
            continue
        pickled = pickle._Unpickler(io.BytesIO())
        pickled.proto = 2
        assert pickled.find_class(module, name) is value


@pytest.mark.skipif(
    not HAS_SAFE_GLOBALS, reason='this torch loads every class'
)
def test_training_checkpoints_load_where_torch_is_strict(training_checkpoint):
    checkpoint = torch.load(training_checkpoint, weights_only=True)
    log = checkpoint['message_hub']['log_scalars']['loss']
    assert log.statistics('mean') == 1.0
