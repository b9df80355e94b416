"""The log of the data set."""

import pytest


@pytest.fixture
def log(monkeypatch):
    """Warnings while data are read."""
    texts = []
    monkeypatch.setattr(
        'poet_mm.datasets.annotations.print_log',
        lambda text, **kwargs: texts.append(text),
    )
    return texts
