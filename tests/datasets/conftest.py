"""What is said while data are read."""

import pytest


@pytest.fixture
def log(monkeypatch):
    """What is said in the log while data are read."""
    said = []
    for module in ('coco', 'annotations'):
        monkeypatch.setattr(
            f'poet_mm.datasets.{module}.print_log',
            lambda text, **kwargs: said.append(text),
        )
    return said
