"""The set loss against a slow loop, and its invariants."""

import copy

import numpy as np
import pytest
import reference
import torch
from helpers import (
    FAST_LOSS,
    PAPER_LOSS,
    build_loss,
    fast_head,
    make_sample,
    random_outputs,
    random_people,
    random_samples,
    with_areas,
)
from mmpose.registry import MODELS, TASK_UTILS
from reference import as_reference

from poet_mm.codecs.poet_codec import POETCodec
from poet_mm.models.losses.pose_set_loss import count_over_ranks
from poet_mm.models.targets import stack_targets


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
        *as_reference(outputs, samples), keypoint_field=field
    )
    for layer, prefix in enumerate(['d0.', '']):
        fields = {'cls', field, 'visibility', 'centers'}
        for name in fields:
            value = losses[f'{prefix}loss_{name}'].item()
            assert value == pytest.approx(
                expected[layer].get(name, 0.0), rel=1e-5
            ), (layer, name)
    assert len(losses) == 8


def perfect_outputs(sample, num_queries=6):
    """Queries 1, 2, .. predict the people exactly, the rest no object."""
    labels = sample.gt_instance_labels
    people = len(labels)
    outputs = random_outputs(num_layers=1, num_images=1)
    outputs['logits'][...] = torch.tensor([-20.0, 20.0])
    outputs['logits'][0, 0, 1 : people + 1] = torch.tensor([20.0, -20.0])
    for name in ('centers', 'offsets', 'visibility'):
        outputs[name][0, 0, 1 : people + 1] = labels[name]
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
        *stack_targets([make_sample(keypoints[people], visible[people])]),
    )
    for name in expected:
        torch.testing.assert_close(got[name], expected[name])


def test_unlabelled_person_learns_only_class_and_visibility():
    keypoints, visible = random_people(1)
    sample = make_sample(keypoints, np.zeros_like(visible))
    outputs = random_outputs(
        num_layers=1, num_images=1, num_queries=1, requires_grad=True
    )
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

    for name in (
        'cpu',
        'numpy',
        'item',
        'tolist',
        'nonzero',
        '__bool__',
        '__int__',
        '__float__',
    ):
        monkeypatch.setattr(torch.Tensor, name, counted(name))
    loss = build_loss()
    targets = stack_targets(random_samples([3, 2]))
    calls.clear()
    sum(loss(random_outputs(requires_grad=True), *targets).values()).backward()
    assert calls == ['cpu', 'numpy']


def test_padded_proposals_learn_nothing():
    """Nor with more people than tokens that show the image."""
    loss = fast_head(loss=FAST_LOSS).loss_module
    outputs = random_outputs(num_layers=1)
    targets, num_people = stack_targets(with_areas(random_samples([5, 2])))
    outputs['valid'] = torch.zeros(1, 2, 6, dtype=torch.bool)
    outputs['valid'][:, 0, :2] = outputs['valid'][:, 1, 4:] = True
    batch = loss.measure(outputs, targets, num_people)
    assert batch.num_people == 7
    assert len(batch.matched['valid'][0]) == 7
    assert batch.matched['valid'].sum() == 4
    moved = dict(
        outputs,
        centers=outputs['centers'].where(
            outputs['valid'][..., None], torch.tensor(0.5)
        ),
    )
    others = loss.measure(moved, targets, num_people)
    for name, total in batch.sums.items():
        torch.testing.assert_close(others.sums[name], total)


def test_ranks_add_counts_of_one_type():
    """Also a rank whose weights are whole numbers that the host knows."""
    loss = fast_head(loss=dict(FAST_LOSS, nobody_weight=1)).loss_module
    targets, num_people = stack_targets(with_areas(random_samples([2, 1])))
    known = loss.measure(random_outputs(), targets, num_people)
    valid = torch.ones(2, 2, 6, dtype=torch.bool)
    unknown = loss.measure(
        dict(random_outputs(), valid=valid), targets, num_people
    )
    for batch in (known, unknown):
        counts = count_over_ranks([batch])
        assert counts.dtype == torch.float32
        assert counts.tolist() == [[3, 12]]


def test_nobody_weighs_less_among_many_tokens():
    """The class loss is the weighted mean over 3 people and 9 others."""
    loss = build_loss()
    targets, num_people = stack_targets(random_samples([2, 1]))
    outputs = random_outputs()  # 2 layers, 2 images, 6 queries
    share = torch.full((2, 2, 6), 0.25)
    losses = loss(dict(outputs, nobody_share=share), targets, num_people)
    pairs = loss.assigner.assign(outputs, targets, num_people)
    log_p = outputs['logits'][-1].log_softmax(-1)  # (2, 6, 2)
    people = torch.zeros(2, 6, dtype=torch.bool)
    people[pairs.image_idx[-1], pairs.query_idx[-1]] = True
    weight = 0.25 * loss.nobody_weight
    expected = -log_p[people][:, 0].sum() - weight * log_p[~people][:, 1].sum()
    torch.testing.assert_close(losses['loss_cls'], expected / (3 + 9 * weight))


def test_predicted_oks_learns_the_oks_of_the_pair():
    """A person with labelled keypoints, and one without, computed by hand."""
    keypoints, visible = random_people(2)
    visible[1] = 0
    sample = with_areas([make_sample(keypoints, visible)])[0]
    outputs = random_outputs(num_layers=1, num_images=1, num_queries=2)
    outputs['oks_logits'] = torch.tensor([[[0.3, 0.3]]], requires_grad=True)
    loss = MODELS.build(FAST_LOSS)
    targets, counts = stack_targets([sample])
    pairs = loss.assigner.assign(outputs, targets, counts)
    query = pairs.query_idx[pairs.person_idx == 0].item()
    labels, sigmas = (
        sample.gt_instance_labels,
        np.array(loss.similarity.sigmas),
    )
    points = (outputs['centers'][..., None, :] + outputs['offsets'])[0, 0]
    true = labels.centers[:, None] + labels.offsets
    distance = 3 * (points[query] - true[0]).numpy()
    similarity = np.exp(-(distance**2).sum(-1) / (2 * (2 * sigmas) ** 2))
    oks = similarity[labels.keypoint_weights[0].numpy() > 0].mean()
    p = 1 / (1 + np.exp(-0.3))
    losses = loss(outputs, targets, counts)
    expected = oks * np.log(oks / p) + (1 - oks) * np.log((1 - oks) / (1 - p))
    # divided by the number of people
    assert losses['loss_predicted_oks'].item() == pytest.approx(expected / 2)
    losses['loss_predicted_oks'].backward()
    grad = outputs['oks_logits'].grad[0, 0]
    assert grad[query].item() == pytest.approx((p - oks) / 2)
    assert grad[1 - query] == 0
