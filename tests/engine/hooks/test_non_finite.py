"""NaN and infinity stop a training with a report."""

import math
from pathlib import Path

import pytest
import torch
from tiny_training import broken_runner

from poet_mm.engine.hooks.incident import read_incident, replay
from poet_mm.engine.hooks.non_finite import NonFiniteHook


def stop(runner):
    """-> what a run says that stops, and the incident that it leaves."""
    with pytest.raises(FloatingPointError) as caught:
        runner.train()
    for name, parameter in runner.model.named_parameters():
        assert parameter.isfinite().all(), name
    (path,) = (Path(runner.work_dir) / 'non_finite').iterdir()
    assert str(path) in str(caught.value)
    incident = read_incident(str(path))
    assert incident['message'] in str(caught.value)
    return str(caught.value), incident


@pytest.fixture
def without_step_hooks(monkeypatch):
    """What torch.compile does to all optimisers of the process (torch 2.1)."""
    step = torch.optim.AdamW.step
    if step.__code__.co_name == 'wrapper':  # of profile_hook_step
        step = step.__wrapped__
    monkeypatch.setattr(step, 'hooked', True, raising=False)
    monkeypatch.setattr(torch.optim.AdamW, 'step', step)


def test_nan_in_matching_stops_and_can_be_repeated(
    toy, tmp_path, without_step_hooks
):
    runner = broken_runner(toy, tmp_path, 'people', [2])
    message, incident = stop(runner)
    assert 'Iteration 2 of the training (epoch 1)' in message
    assert 'KeypointL1Cost(keypoints)' in message
    assert 'decoder layers [0, 1, 2], images [1] of the batch' in message
    assert message.count('train2017') == 1  # the image that it is
    assert "'loss_keypoints': nan" in message
    assert "'d0.loss_keypoints': nan" in message
    runner.model.head.loss_module.assigner.listeners.clear()
    with pytest.raises(FloatingPointError, match=r'images \[1\] of the batch'):
        replay(incident, runner.model)


def test_infinite_loss_stops_and_can_be_repeated(toy, tmp_path):
    runner = broken_runner(toy, tmp_path, 'loss', [2])
    message, incident = stop(runner)
    assert "'d0.loss_keypoints': inf" in message
    images = len(incident['batch']['data_samples'])
    assert message.count('train2017') == images
    replayed = replay(incident, runner.model)
    assert replayed['d0.loss_keypoints'] == math.inf
    again = replay(incident, runner.model)  # the same random numbers
    assert {name: loss.item() for name, loss in replayed.items()} == {
        name: loss.item() for name, loss in again.items()
    }


def test_bad_gradient_of_a_finite_loss_stops(toy, tmp_path):
    runner = broken_runner(
        toy, tmp_path, 'people', [], **{'optim_wrapper.clip_grad': None}
    )
    weight = runner.model.head.input_proj.weight
    weight.register_hook(lambda grad: grad * math.nan)
    message, _ = stop(runner)
    assert 'Iteration 1 of the training (epoch 1)' in message
    assert 'head.input_proj.weight' in message


def test_infinite_loss_with_finite_gradients_moves_no_weight(toy, tmp_path):
    runner = broken_runner(toy, tmp_path, 'people', [])
    runner.model.head.loss_module.register_forward_hook(
        lambda module, args, losses: losses.update(
            loss_cls=losses['loss_cls'] + math.inf
        )
    )
    message, incident = stop(runner)
    assert 'Iteration 1 of the training (epoch 1)' in message
    start = incident['weights']
    for name, weight in runner.model.named_parameters():
        assert torch.equal(weight, start[name]), name


def test_bad_loss_stops_while_gradients_are_accumulated(toy, tmp_path):
    runner = broken_runner(
        toy, tmp_path, 'loss', [1], **{'optim_wrapper.accumulative_counts': 2}
    )
    message, _ = stop(runner)
    assert 'Iteration 1 of the training (epoch 1)' in message
    assert 'the loss is inf' in message


def test_older_configs_have_an_action():
    NonFiniteHook(action='skip')
