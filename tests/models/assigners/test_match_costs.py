"""Matching costs are the terms of Eq. 3."""

import reference
import torch
from helpers import make_sample, random_outputs, random_people
from mmpose.registry import TASK_UTILS
from reference import as_reference

from poet_mm.models.targets import stack_targets


def test_costs_are_the_terms_of_eq3():
    """Each cost alone, every query against every person, plain norms too."""
    keypoints, visible = random_people(3)
    samples = [make_sample(keypoints, visible)]
    outputs = random_outputs(num_layers=1, num_images=1)
    people = {
        name: values[None]  # (1, N, ...)
        for name, values in stack_targets(samples)[0].items()
    }
    layers, images = as_reference(outputs, samples)
    preds, true = layers[0][0], images[0]
    for field, cost in (
        ('keypoints', dict(type='KeypointL1Cost', weight=4)),
        ('offsets', dict(type='KeypointL1Cost', weight=4)),
        ('visibility', dict(type='L2Cost', weight=0.2)),
        ('centers', dict(type='L2Cost', weight=0.5)),
    ):
        cost = TASK_UTILS.build(dict(cost, field=field))
        got = cost(outputs, people)[0, 0]  # (Q, N)
        expected = [
            [
                reference.person_loss(
                    reference.query_of(preds, q),
                    person,
                    'offsets' if field == 'offsets' else 'keypoints',
                )[field]
                for person in true
            ]
            for q in range(6)
        ]
        torch.testing.assert_close(got, torch.tensor(expected))
        if hasattr(cost, 'squared'):
            cost.squared = False
            plain = cost(outputs, people)[0, 0] / cost.weight
            torch.testing.assert_close(plain.square(), got / cost.weight)
