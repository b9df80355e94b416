"""Matching, costs and set loss against slow loops, and their invariants."""
import copy

import numpy as np
import pytest
import reference
import torch
from helpers import (
    PAPER_COSTS,
    PAPER_LOSS,
    make_sample,
    random_outputs,
    random_people,
    random_samples,
)
from mmpose.registry import MODELS, TASK_UTILS

from poet_mm.codecs.poet_codec import POETCodec
from poet_mm.models.targets import stack_targets


def build_loss(**kwargs):
    return MODELS.build(copy.deepcopy({**PAPER_LOSS, **kwargs}))


def as_reference(outputs, samples):
    """Tensors -> the nested lists of ``reference.set_loss``."""
    num_layers, num_images = outputs['logits'].shape[:2]
    layers = [[{
        name: values[layer, image].tolist()
        for name, values in outputs.items()
    } for image in range(num_images)] for layer in range(num_layers)]
    images = []
    for sample in samples:
        labels = sample.gt_instance_labels
        images.append([{
            name: labels[name][n].tolist()
            for name in labels.keys()  # noqa: SIM118
        } for n in range(len(labels))])
    return layers, images


def literal_loss():
    """Eq. 3 as printed: the keypoint term on offsets."""
    loss = copy.deepcopy(PAPER_LOSS)
    loss['terms']['offsets'] = loss['terms'].pop('keypoints')
    loss['assigner']['match_costs'][1]['field'] = 'offsets'
    return MODELS.build(loss)


@pytest.mark.parametrize('counts', [[0, 0], [1, 0], [3, 2], [0, 4]])
@pytest.mark.parametrize('field', ['keypoints', 'offsets'])
@pytest.mark.parametrize('supervise', ['visible', 'labelled'])
def test_equals_loop(counts, field, supervise):
    samples = random_samples(counts, codec=POETCodec(supervise))
    outputs = random_outputs()
    loss = build_loss() if field == 'keypoints' else literal_loss()
    losses = loss(outputs, *stack_targets(samples))
    expected = reference.set_loss(
        *as_reference(outputs, samples), keypoint_field=field)
    for layer, prefix in enumerate(['d0.', '']):
        fields = {'cls', field, 'visibility', 'centers'}
        for name in fields:
            value = losses[f'{prefix}loss_{name}'].item()
            assert value == pytest.approx(
                expected[layer].get(name, 0.0), rel=1e-5), (layer, name)
    assert len(losses) == 8


@pytest.mark.parametrize('counts', [[1], [4], [2, 0, 3]])
def test_assignment_equals_trying_all(counts):
    samples = random_samples(counts, seed=3)
    outputs = random_outputs(num_images=len(counts), seed=4)
    targets, num_people = stack_targets(samples)
    assigner = TASK_UTILS.build(
        dict(type='PoseHungarianAssigner', match_costs=PAPER_COSTS))
    pairs = assigner.assign(outputs, targets, num_people)
    layers, images = as_reference(outputs, samples)
    for layer, preds in enumerate(layers):
        expected = [
            (image, query) for image, people in enumerate(images)
            for query in reference.best_assignment(preds[image], people)[1]
        ]
        got = list(
            zip(pairs.image_idx[layer].tolist(),
                pairs.query_idx[layer].tolist()))
        assert got == expected
        assert pairs.person_idx[layer].tolist() == list(range(sum(counts)))


def test_more_people_than_queries_warns_once(monkeypatch):
    said = []
    monkeypatch.setattr('poet_mm.models.assigners.hungarian.print_log',
                        lambda text, **kwargs: said.append(text))
    samples = random_samples([5, 1])
    outputs = random_outputs(num_queries=3)
    loss = build_loss()
    for _ in range(2):
        losses = loss(outputs, *stack_targets(samples))
        assert all(value.isfinite() for value in losses.values())
    assert len(said) == 1
    assert '5 people' in said[0]
    assert '3 queries' in said[0]


def perfect_outputs(sample, num_queries=6):
    """Queries 1, 2, .. predict the people exactly, the rest nobody."""
    labels = sample.gt_instance_labels
    people = len(labels)
    outputs = random_outputs(num_layers=1, num_images=1)
    outputs['logits'][...] = torch.tensor([-20.0, 20.0])
    outputs['logits'][0, 0, 1:people + 1] = torch.tensor([20.0, -20.0])
    for name in ('centers', 'offsets', 'visibility'):
        outputs[name][0, 0, 1:people + 1] = labels[name]
    return outputs


@pytest.mark.parametrize('people', [0, 1, 3])
def test_perfect_prediction_has_no_loss(people):
    sample = random_samples([people])[0]
    losses = build_loss()(perfect_outputs(sample), *stack_targets([sample]))
    for name, value in losses.items():
        assert value.item() == pytest.approx(0, abs=1e-6), name


def test_order_of_people_and_queries_does_not_matter():
    keypoints, visible = random_people(4)
    outputs = random_outputs(num_images=1)
    loss = build_loss()
    expected = loss(outputs, *stack_targets([make_sample(keypoints, visible)]))
    people = torch.randperm(4).numpy()
    queries = torch.randperm(6)
    shuffled = {name: x[:, :, queries] for name, x in outputs.items()}
    got = loss(
        shuffled,
        *stack_targets([make_sample(keypoints[people], visible[people])]))
    for name in expected:
        torch.testing.assert_close(got[name], expected[name])


def test_unlabelled_person_learns_only_class_and_visibility():
    keypoints, visible = random_people(1)
    sample = make_sample(keypoints, np.zeros_like(visible))
    outputs = random_outputs(
        num_layers=1, num_images=1, num_queries=1, requires_grad=True)
    losses = build_loss()(outputs, *stack_targets([sample]))
    assert losses['loss_keypoints'] == 0
    assert losses['loss_centers'] == 0
    sum(losses.values()).backward()
    assert not outputs['offsets'].grad.any()
    assert not outputs['centers'].grad.any()
    assert outputs['visibility'].grad.all()
    assert outputs['logits'].grad.all()


def test_empty_class():
    """Release: people without visible joints are a class of their own."""
    keypoints, visible = random_people(2)
    visible[:] = [[2] * 5, [1] * 5]
    codec = POETCodec(empty_class=True)
    sample = make_sample(keypoints, visible, codec=codec)
    assert sample.gt_instance_labels.labels.tolist() == [0, 1]
    outputs = random_outputs(num_images=1, num_classes=2)
    losses = build_loss()(outputs, *stack_targets([sample]))
    expected = reference.set_loss(*as_reference(outputs, [sample]))
    assert losses['loss_cls'].item() == pytest.approx(expected[1]['cls'])


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
    for field, cost in (('keypoints', dict(type='KeypointL1Cost', weight=4)),
                        ('offsets', dict(type='KeypointL1Cost', weight=4)),
                        ('visibility', dict(type='L2Cost', weight=0.2)),
                        ('centers', dict(type='L2Cost', weight=0.5))):
        cost = TASK_UTILS.build(dict(cost, field=field))
        got = cost(outputs, people)[0, 0]  # (Q, N)
        expected = [[
            reference.person_loss(
                reference.query_of(preds, q), person,
                'offsets' if field == 'offsets' else 'keypoints')[field]
            for person in true
        ] for q in range(6)]
        torch.testing.assert_close(got, torch.tensor(expected))
        if hasattr(cost, 'squared'):
            cost.squared = False
            plain = cost(outputs, people)[0, 0] / cost.weight
            torch.testing.assert_close(plain.square(), got / cost.weight)


@pytest.mark.parametrize('bad', [float('nan'), float('inf')])
def test_bad_numbers_name_layer_image_and_cost(bad):
    outputs = random_outputs()
    outputs['visibility'][1, 1, 2, 0] = bad
    with pytest.raises(
            FloatingPointError,
            match=r'L2Cost\(visibility\).*layers \[1\], images \[1\]'):
        build_loss()(outputs, *stack_targets(random_samples([2, 3])))


def test_bad_numbers_that_are_reported_bar_their_query():
    """As if it were not there; and SciPy never sees them, be it all."""
    outputs, samples = random_outputs(), random_samples([2, 3])
    targets, num_people = stack_targets(samples)
    assigner = build_loss().assigner
    rest = [0, 1, 3, 4, 5]
    expected = assigner.assign(
        {name: x[:, :, rest] for name, x in outputs.items()}, targets,
        num_people)
    found = []
    assigner.report = found.append
    outputs['centers'][:, :, 2] = float('nan')
    got = assigner.assign(outputs, targets, num_people)
    assert torch.equal(got.query_idx, torch.tensor(rest)[expected.query_idx])
    assert torch.equal(got.person_idx, expected.person_idx)
    assert (found[0].layers, found[0].images) == ([0, 1], [0, 1])
    outputs['logits'][:] = float('nan')
    assert assigner.assign(outputs, targets,
                           num_people).query_idx.shape == (2, 5)


def test_missing_targets_name_the_cure():
    sample = random_samples([1])[0]
    del sample.gt_instance_labels.centers
    with pytest.raises(KeyError, match='GenerateTarget'):
        stack_targets([sample])


def test_unknown_field():
    with pytest.raises(ValueError, match="No field 'heatmaps'"):
        build_loss(terms=dict(heatmaps=dict(type='mmdet.L1Loss')))
    with pytest.raises(ValueError, match="No field 'heatmaps'"):
        TASK_UTILS.build(dict(type='L2Cost', field='heatmaps'))
    with pytest.raises(ValueError, match="'centers' and 'visibility'"):
        TASK_UTILS.build(dict(type='L2Cost', field='offsets'))


def test_one_host_transfer(monkeypatch):
    """On a GPU each of these calls waits for the device; one is needed."""
    calls = []

    def counted(name):
        original = getattr(torch.Tensor, name)

        def call(*args, **kwargs):
            calls.append(name)
            return original(*args, **kwargs)

        return call

    for name in ('cpu', 'numpy', 'item', 'tolist', 'nonzero', '__bool__',
                 '__int__', '__float__'):
        monkeypatch.setattr(torch.Tensor, name, counted(name))
    loss = build_loss()
    targets = stack_targets(random_samples([3, 2]))
    calls.clear()
    sum(loss(random_outputs(requires_grad=True), *targets).values()).backward()
    assert calls == ['cpu', 'numpy']
