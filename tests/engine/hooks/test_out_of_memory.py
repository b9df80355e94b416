"""A full GPU says what to change."""
import pytest
import torch
from mmengine.config import Config
from tiny_training import CONFIG, broken_runner

from poet_mm.engine.hooks import out_of_memory
from poet_mm.errors import OutOfGPUMemory


def test_out_of_memory_says_what_to_change(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(
        out_of_memory, 'memory_in_use', lambda: dict(
            total=24, allocated=21.5, peak=23.25, others=0.5))
    runner = broken_runner(toy, tmp_path, 'people', [])
    head = runner.model.head
    losses = head.loss

    def full(*args, **kwargs):
        if runner.iter == 1:
            raise torch.cuda.OutOfMemoryError('CUDA out of memory.')
        return losses(*args, **kwargs)

    head.loss = full
    with pytest.raises(OutOfGPUMemory) as caught:
        runner.train()
    message = str(caught.value)
    assert ' image(s) padded to ' in message
    assert 'tokens each at stride 16' in message
    assert '24.0 GiB this process has 21.5 allocated, 23.2 at' in message
    for change in ('--amp', 'train_dataloader.batch_size=2 optim_wrapper.'
                   'accumulative_counts=2', 'model.head.encoder.num_cp=2',
                   'max_size of ShortEdgeResize', 'stride 32, not 16'):
        assert change in message, change


def test_advice_names_keys_that_exist(toy, tmp_path):
    """Applied to the config, and not given a second time."""
    cfg = Config.fromfile(CONFIG.with_name('poet_r50_coco.py'))
    changes = out_of_memory.advice(cfg, 'train_step', 8)
    options = [change.split(': ')[0] for change in changes]
    assert len(options) == 6
    options = dict(pair.split('=', 1) for option in options[1:4]
                   for pair in option.split())
    assert options == {
        'model.head.encoder.num_cp': '6',
        'efficient_conv_bn_eval': '[backbone]',
        'train_dataloader.batch_size': '3',
        'optim_wrapper.accumulative_counts': '2'
    }
    cfg.merge_from_dict({
        'model.head.encoder.num_cp': 6,
        'efficient_conv_bn_eval': ['backbone'],
        'train_dataloader.batch_size': 1,
        'optim_wrapper.type': 'BFloat16OptimWrapper'
    })
    left = out_of_memory.advice(cfg, 'train_step', 32)
    assert len(left) == 1
    assert left[0].startswith('smaller images')
    assert 'val_dataloader' not in str(
        out_of_memory.advice(cfg, 'val_step', None))
