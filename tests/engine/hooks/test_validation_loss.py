"""The validation loss of any people, in any batches and precision."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import FAST_LOSS, random_people, tiny_head
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from poet_mm.engine.hooks.match_quality import MatchQualityHook
from poet_mm.engine.hooks.sample_predictions import SamplePredictionsHook
from poet_mm.engine.hooks.validation_loss import (
    ValidationLossHook,
    with_targets,
)
from poet_mm.models.targets import stack_targets

SIGMAS = np.array([0.05, 0.1, 0.02, 0.08, 0.06])


def fake_runner(head):
    dataset = SimpleNamespace(metainfo=dict(sigmas=SIGMAS))
    return SimpleNamespace(
        model=SimpleNamespace(head=head),
        val_dataloader=SimpleNamespace(dataset=dataset),
        train_dataloader=SimpleNamespace(dataset=dataset),
        message_hub=SimpleNamespace(log_scalars={}),
    )


def validation_sample(count, crowd=0):
    """What a validation pipeline packs: people in pixels, no targets."""
    keypoints, visible = random_people(count)
    sample = PoseDataSample(
        metainfo=dict(img_shape=(64, 48), batch_input_shape=(64, 48))
    )
    iscrowd = np.arange(count) < crowd
    sample.gt_instances = InstanceData(
        keypoints=keypoints,
        keypoints_visible=visible,
        areas=np.full(count, 100.0),
        iscrowd=iscrowd.astype(int),
    )
    return sample


@pytest.mark.parametrize('autocast', [False, True])
@pytest.mark.parametrize('counts', [[2, 0, 3], [0, 0]])
def test_any_people_any_batches_any_precision(counts, autocast):
    """One image at a time is one batch; images without people; bfloat16
    leaves the loss in fp32."""
    head, hook = tiny_head().eval(), ValidationLossHook()
    runner = fake_runner(head)
    samples = [validation_sample(n + 1, crowd=1) for n in counts]
    feats = torch.randn(len(counts), 8, 4, 3)
    metrics = dict()
    hook.before_val_epoch(runner)
    with (
        torch.no_grad(),
        torch.autocast('cpu', torch.bfloat16, enabled=autocast),
    ):
        outputs = head((feats,), samples)
        for i, sample in enumerate(samples):
            hook.outputs = {k: v[:, i : i + 1] for k, v in outputs.items()}
            hook.after_val_iter(runner, i, outputs=[sample])
    hook.after_val_epoch(runner, metrics=metrics)
    targets = [with_targets(sample, head.codec) for sample in samples]
    assert [len(x.gt_instance_labels) for x in targets] == counts
    expected = head.loss_module(outputs, *stack_targets(targets))
    for name, value in expected.items():
        assert metrics[f'val/{name}'] == pytest.approx(
            value.item(), rel=1e-5, abs=1e-9
        )
    assert ('val/oks' in metrics) == bool(sum(counts))


def validate(hook, head, sample):
    """Metrics of a validation with an image."""
    metrics, runner = {'coco/AP': 0.5}, fake_runner(head)
    hook.before_val_epoch(runner)
    head((torch.randn(1, 8, 4, 3),), [sample])
    hook.after_val_iter(runner, 0, outputs=[sample])
    hook.after_val_epoch(runner, metrics=metrics)
    return metrics


@pytest.mark.parametrize(
    ('remove', 'needed'), [('iscrowd', 'iscrowd'), ('areas', 'OKS term')]
)
def test_samples_that_lack_something(monkeypatch, remove, needed):
    """One warning, and no loss; AP is not stopped by it."""
    warnings = []
    monkeypatch.setattr(
        'poet_mm.engine.hooks.validation_loss.print_log',
        lambda text, **kwargs: warnings.append(text),
    )
    head, hook = tiny_head(loss=FAST_LOSS).eval(), ValidationLossHook()
    sample, without = validation_sample(2), validation_sample(2)
    delattr(without.gt_instances, remove)
    assert validate(hook, head, sample)['val/loss_oks'] > 0
    for _ in range(2):
        assert validate(hook, head, without) == {'coco/AP': 0.5}
    (warning,) = warnings
    assert needed in warning


def test_areas_are_for_oks_only():
    sample = validation_sample(2)
    del sample.gt_instances.areas
    metrics = validate(ValidationLossHook(), tiny_head().eval(), sample)
    assert metrics['val/loss'] > 0
    assert 'val/oks' not in metrics


@pytest.mark.parametrize(
    ('hook', 'method'),
    [
        (MatchQualityHook, 'before_train'),
        (ValidationLossHook, 'before_val_epoch'),
        (SamplePredictionsHook, 'before_val_epoch'),
    ],
)
def test_other_heads_are_refused(hook, method):
    runner = fake_runner(torch.nn.Identity())
    with pytest.raises(TypeError, match=r'POETHead.*custom_hooks'):
        getattr(hook(), method)(runner)
