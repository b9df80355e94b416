"""Targets of a batch."""

import pytest
from helpers import random_samples

from poet_mm.models.targets import stack_targets


def test_missing_targets_name_the_cure():
    sample = random_samples([1])[0]
    del sample.gt_instance_labels.centers
    with pytest.raises(KeyError, match='GenerateTarget'):
        stack_targets([sample])
