"""Matching against trying all, of proposals too, and with bad numbers."""

import pytest
import reference
import torch
from helpers import (
    PAPER_COSTS,
    PAPER_LOSS,
    build_loss,
    random_outputs,
    random_samples,
)
from mmpose.registry import TASK_UTILS
from reference import as_reference

from poet_mm.models.targets import stack_targets


@pytest.mark.parametrize('counts', [[1], [4], [2, 0, 3]])
def test_assignment_equals_trying_all(counts):
    samples = random_samples(counts, seed=3)
    outputs = random_outputs(num_images=len(counts), seed=4)
    targets, num_people = stack_targets(samples)
    assigner = TASK_UTILS.build(
        dict(type='PoseHungarianAssigner', match_costs=PAPER_COSTS)
    )
    pairs = assigner.assign(outputs, targets, num_people)
    layers, images = as_reference(outputs, samples)
    for layer, preds in enumerate(layers):
        expected = [
            (image, query)
            for image, people in enumerate(images)
            for query in reference.best_assignment(preds[image], people)[1]
        ]
        got = list(
            zip(
                pairs.image_idx[layer].tolist(),
                pairs.query_idx[layer].tolist(),
            )
        )
        assert got == expected
        assert pairs.person_idx[layer].tolist() == list(range(sum(counts)))


def test_more_people_than_queries_warns_once(monkeypatch):
    said = []
    monkeypatch.setattr(
        'poet_mm.models.assigners.hungarian.print_log',
        lambda text, **kwargs: said.append(text),
    )
    samples = random_samples([5, 1])
    outputs = random_outputs(num_queries=3)
    loss = build_loss()
    for _ in range(2):
        losses = loss(outputs, *stack_targets(samples))
        assert all(value.isfinite() for value in losses.values())
    assert len(said) == 1
    assert '5 people' in said[0]
    assert '3 queries' in said[0]


@pytest.mark.parametrize('bad', [float('nan'), float('inf')])
def test_bad_numbers_name_layer_image_and_cost(bad):
    outputs = random_outputs()
    outputs['visibility'][1, 1, 2, 0] = bad
    with pytest.raises(
        FloatingPointError,
        match=r'L2Cost\(visibility\).*layers \[1\], images \[1\]',
    ):
        build_loss()(outputs, *stack_targets(random_samples([2, 3])))


def test_bad_numbers_that_are_reported_bar_their_query():
    """As if it were not there; and SciPy never sees them, be it all."""
    outputs, samples = random_outputs(), random_samples([2, 3])
    targets, num_people = stack_targets(samples)
    assigner = build_loss().assigner
    rest = [0, 1, 3, 4, 5]
    expected = assigner.assign(
        {name: x[:, :, rest] for name, x in outputs.items()},
        targets,
        num_people,
    )
    found = []
    assigner.listeners.append(found.append)
    outputs['centers'][:, :, 2] = float('nan')
    got = assigner.assign(outputs, targets, num_people)
    assert torch.equal(got.query_idx, torch.tensor(rest)[expected.query_idx])
    assert torch.equal(got.person_idx, expected.person_idx)
    assert (found[0].layers, found[0].images) == ([0, 1], [0, 1])
    outputs['logits'][:] = float('nan')
    assert assigner.assign(outputs, targets, num_people).query_idx.shape == (
        2,
        5,
    )


def test_padded_proposals_are_not_matched():
    assigner = TASK_UTILS.build(PAPER_LOSS['assigner'])
    outputs = random_outputs(num_layers=1)
    targets, num_people = stack_targets(random_samples([3, 2]))
    valid = torch.zeros(1, 2, 6, dtype=torch.bool)
    valid[:, 0, :3] = valid[:, 1, 4:] = True
    outputs['valid'] = valid
    pairs = assigner.assign(outputs, targets, num_people)
    assert valid[0, pairs.image_idx, pairs.query_idx].all()


@pytest.mark.parametrize('counts', [[0, 0], [3, 2]])
def test_proposals_are_matched_with_the_rest(counts, monkeypatch):
    """By one transfer to the host, and as they are alone."""
    assigner = TASK_UTILS.build(PAPER_LOSS['assigner'])
    sets = dict(
        decoder=random_outputs(),
        encoder=random_outputs(num_layers=1, num_queries=9),
    )
    targets, num_people = stack_targets(random_samples(counts))
    expected = {
        name: assigner.assign(outputs, targets, num_people)
        for name, outputs in sets.items()
    }
    moved = []
    to_host = torch.Tensor.cpu
    monkeypatch.setattr(
        torch.Tensor, 'cpu', lambda x: moved.append(x) or to_host(x)
    )
    pairs = assigner.assign_sets(sets, targets, num_people)
    assert len(moved) == bool(sum(counts))
    assert pairs.keys() == expected.keys()
    for name, of_set in pairs.items():
        for got, alone in zip(of_set, expected[name]):
            assert torch.equal(got, alone)
