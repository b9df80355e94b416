"""Optional packages: found, missing, too old."""

import sys

import numpy
import pytest

from poet_mm.errors import UserError
from poet_mm.utils.packages import import_optional


def test_found():
    assert import_optional('numpy', '1.0') is import_optional('numpy') is numpy


@pytest.mark.parametrize(
    ('oldest', 'wanted'), [(None, 'none'), ('2.1', "'none>=2.1'")]
)
def test_missing(monkeypatch, oldest, wanted):
    """NumPy stays as it is."""
    monkeypatch.setitem(sys.modules, 'none', None)
    command = f'pip install {wanted} numpy=={numpy.__version__}'
    with pytest.raises(UserError, match=command):
        import_optional('none', oldest)


def test_too_old():
    with pytest.raises(UserError, match=r"is too old.*'numpy>=99'"):
        import_optional('numpy', '99')
