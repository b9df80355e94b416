"""NaN and infinity stop a training with a report, or skip a step."""
import math
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from tiny_training import broken_runner

from poet_mm.engine.hooks.incident import read_incident
from poet_mm.engine.hooks.non_finite import NonFiniteHook


def stop(runner):
    """-> what a run says that stops, and the incident that it leaves."""
    with pytest.raises(FloatingPointError) as caught:
        runner.train()
    for name, parameter in runner.model.named_parameters():
        assert parameter.isfinite().all(), name
    path, = (Path(runner.work_dir) / 'non_finite').iterdir()
    assert str(path) in str(caught.value)
    incident = read_incident(str(path))
    assert incident.message in str(caught.value)
    return str(caught.value), incident


@pytest.fixture
def without_step_hooks(monkeypatch):
    """What torch.compile does to all optimisers of the process (torch 2.1)."""
    step = torch.optim.AdamW.step
    if step.__code__.co_name == 'wrapper':  # of profile_hook_step
        step = step.__wrapped__
    monkeypatch.setattr(step, 'hooked', True, raising=False)
    monkeypatch.setattr(torch.optim.AdamW, 'step', step)


def test_nan_in_matching_stops_and_can_be_repeated(toy, tmp_path,
                                                   without_step_hooks):
    runner = broken_runner(toy, tmp_path, 'people', [2])
    message, incident = stop(runner)
    assert 'Iteration 2 of epoch 1' in message
    assert 'KeypointL1Cost(keypoints)' in message
    assert 'decoder layers [0, 1, 2], images [1] of the batch' in message
    assert message.count('train2017') == 1  # the image that it is
    assert ' loss_keypoints is nan;' in message
    assert ' d0.loss_keypoints is nan;' in message
    runner.model.head.loss_module.assigner.listeners.clear()
    with pytest.raises(FloatingPointError, match=r'images \[1\] of the batch'):
        incident.replay(runner.model)


def test_infinite_loss_stops_and_can_be_repeated(toy, tmp_path):
    runner = broken_runner(toy, tmp_path, 'loss', [2])
    message, incident = stop(runner)
    assert 'd0.loss_keypoints is inf.' in message
    images = len(incident.batch['data_samples'])
    assert message.count('train2017') == images
    replayed = incident.replay(runner.model)
    assert replayed['d0.loss_keypoints'] == math.inf
    again = incident.replay(runner.model)  # the same random numbers
    assert {name: loss.item() for name, loss in replayed.items()} == {
        name: loss.item() for name, loss in again.items()}


def test_skipped_steps_change_nothing(toy, tmp_path):
    """Weights and states of the optimiser are those without these steps."""
    runner = broken_runner(
        toy, tmp_path, 'people', [2, 3],
        **{'default_hooks.non_finite.action': 'skip'})
    weights = []

    def keep(*_, **__):
        weights.append([x.clone() for x in runner.model.parameters()])

    hook = Hook()
    hook.after_train_iter = keep
    runner.register_hook(hook)
    runner.train()
    assert len(weights) == 4
    same = [
        all(map(torch.equal, a, b)) for a, b in zip(weights, weights[1:])
    ]
    assert same == [True, True, False]
    steps = {
        int(state['step'])
        for state in runner.optim_wrapper.optimizer.state.values()
    }
    assert steps == {2}
    assert len(list((tmp_path / 'non_finite').iterdir())) == 2


def test_skipping_has_an_end(toy, tmp_path):
    runner = broken_runner(
        toy, tmp_path, 'loss', range(99), **{
            'default_hooks.non_finite.action': 'skip',
            'train_cfg.max_epochs': 6
        })
    with pytest.raises(FloatingPointError, match='10 steps in a row'):
        runner.train()
    assert runner.iter == 9


def test_unknown_action():
    with pytest.raises(ValueError, match=r"'go'.*'stop', 'skip'"):
        NonFiniteHook('go')
