"""Killed at any moment and resumed, the curve is that of a whole run; NaN and
a full GPU say what to do."""
import json
import math
import multiprocessing
import os
import random
import signal
import stat
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import ROOT
from make_toy_coco import make_toy_coco
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from poet_mm.checkpoints.resume import (
    checkpoints_of,
    choose_checkpoint,
    find_fault,
)
from poet_mm.checkpoints.safe_load import safe_loading
from poet_mm.engine.hooks import out_of_memory
from poet_mm.engine.hooks.checkpoint import AtomicBackend, AtomicCheckpointHook
from poet_mm.engine.hooks.epoch_seed import EpochSeedHook
from poet_mm.engine.hooks.incident import read_incident
from poet_mm.engine.hooks.non_finite import NonFiniteHook
from poet_mm.errors import OutOfGPUMemory, UserError

CONFIG = ROOT / 'configs' / 'poet_fast_r18_toy.py'
EPOCHS = 3
# something random everywhere: augmentation, dropout, noised people
PIPELINE = [
    dict(type='LoadImage'),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='WarpOnce',
        transforms=[
            dict(type='RandomRotation', prob=0.5, max_degrees=25),
            dict(
                type='SameInBatch',
                transforms=[
                    dict(
                        type='ShortEdgeResize',
                        short_edges=[48, 64],
                        max_size=64)
                ])
        ]),
    dict(type='CoarseDropout', prob=0.5)
]


@pytest.fixture(scope='module')
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp('faults_toy')
    make_toy_coco(folder, 8, 2, 64, 0)
    return folder


def tiny_config(toy, work_dir, **options):
    """Three epochs of two steps, a checkpoint after each, validation after
    the second and the last."""
    init_default_scope('mmpose')
    cfg = Config.fromfile(CONFIG)
    cfg.merge_from_dict({
        'model.backbone.base_channels': 8,
        'model.head.detail.in_channels': [8, 16, 32],
        'model.backbone.stem_channels': 8,
        'model.head.in_channels': 32,
        'model.head.encoder.layer_cfg.self_attn_cfg.dropout': 0.1,
        'train_cfg.max_epochs': EPOCHS,
        'param_scheduler': [
            dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=6)
        ],
        'train_dataloader.batch_size': 4,
        'default_hooks.checkpoint.interval': 1,
        'default_hooks.checkpoint.max_keep_ckpts': 1,
        'default_hooks.checkpoint.save_best': 'val/loss',
        'default_hooks.checkpoint.rule': 'less',
        'default_hooks.logger.interval': 1,
        'work_dir': str(work_dir),
        **options
    })
    cfg.experiment_name = cfg.visualizer.name = (
        f'{Path(work_dir).name}-{random.random()}')  # there is one of a name
    cfg.train_dataloader.dataset.pipeline = (
        PIPELINE + cfg.train_dataloader.dataset.pipeline[-2:])
    for name in ('train', 'val', 'test'):
        cfg[f'{name}_dataloader'].dataset.data_root = str(toy)
    for name in ('val', 'test'):
        cfg[f'{name}_evaluator'].ann_file = str(
            toy / 'annotations' / 'person_keypoints_val2017.json')
    return cfg


class Killer:
    """Kills this process at the n-th of the moments that it is told of."""

    def __init__(self, at):
        self.at, self.count = at, 0

    def moment(self, path=None):
        self.count += 1
        if self.count == self.at:
            if path is not None and stat.S_ISREG(os.fstat(path).st_mode):
                # half of it was on the disk
                os.truncate(path, os.fstat(path).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    def before(self, function, is_file=False):
        def wrapped(*args, **kwargs):
            self.moment(*args[:1] if is_file else ())
            return function(*args, **kwargs)

        return wrapped


def train_until_killed(toy, work_dir, at, queue):
    """Go on with a run; in a process of its own."""
    torch.set_num_threads(1)
    killer = Killer(at)
    os.fsync = killer.before(os.fsync, is_file=True)
    os.replace = killer.before(os.replace)
    os.remove = killer.before(os.remove)
    NonFiniteHook.before_train_iter = killer.before(
        NonFiniteHook.before_train_iter)
    cfg = tiny_config(toy, work_dir)
    choose_checkpoint(cfg, 'auto')
    with safe_loading():
        Runner.from_cfg(cfg).train()
    queue.put(killer.count)


@pytest.fixture(scope='module')
def go_on():
    """Start or resume a run -> moments passed, None if it was killed."""
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload([__name__, 'poet_mm', 'mmpose.apis'])

    def go_on(toy, work_dir, at=0):
        queue = context.SimpleQueue()
        child = context.Process(
            target=train_until_killed, args=(toy, work_dir, at, queue))
        child.start()
        child.join()
        assert child.exitcode == (-signal.SIGKILL if at else 0)
        return None if at else queue.get()

    return go_on


def curve(work_dir):
    """Step -> all that the log says of it, but for times; each was written
    once or, by a run that was resumed from before it, twice alike."""
    records = {}
    for path in sorted(Path(work_dir).glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            if 'loss' not in record:
                continue
            record = {
                name: value
                for name, value in record.items()
                if 'time' not in name and name != 'memory'
            }
            step = record['step']
            assert records.setdefault(step, record) == record, step
    return records


@pytest.mark.skipif(os.name != 'posix', reason='needs SIGKILL')
def test_killed_anywhere_and_resumed(toy, tmp_path, go_on):
    """A run that is killed again and again, at moments in and between steps,
    files and validations, has the curve of one that was not, to the bit."""
    moments = go_on(toy, tmp_path / 'whole')
    expected = curve(tmp_path / 'whole')
    assert sorted(expected) == list(range(1, 2 * EPOCHS + 1))
    assert moments > 25

    broken = tmp_path / 'broken'
    # the 2nd step; half of the first checkpoint; all of it, without its name;
    # named, not yet in last_checkpoint; the older one not yet removed
    for at in (2, 3, 4, 5, 9):
        go_on(toy, broken, at)
        for path in broken.glob('epoch_*.pth'):
            assert not find_fault(str(path))
    go_on(toy, broken)
    assert curve(broken) == expected

    def weights(folder):
        return torch.load(folder / f'epoch_{EPOCHS}.pth')

    got, wanted = weights(broken), weights(tmp_path / 'whole')
    for name, value in wanted['state_dict'].items():
        assert torch.equal(got['state_dict'][name], value)
    states = wanted['optimizer']['state']
    for key, state in states.items():
        for name, value in state.items():
            assert torch.equal(got['optimizer']['state'][key][name], value)
    assert not list(broken.glob('*.part'))
    assert (broken / 'last_checkpoint').read_text().endswith(
        f'epoch_{EPOCHS}.pth')


@pytest.fixture
def work_dir(tmp_path):
    """Of checkpoints 8, 9 and 10, in this order of age."""
    for epoch in (10, 8, 9):
        path = tmp_path / f'epoch_{epoch}.pth'
        torch.save(dict(meta=dict(epoch=epoch)), path)
    torch.save({}, tmp_path / 'best_coco_AP_epoch_12.pth')
    (tmp_path / 'epoch_11.pth.part').write_bytes(b'PK\3\4 half')
    (tmp_path / 'last_checkpoint').write_text('')
    return tmp_path


def resumed(work_dir, resume='auto', **options):
    cfg = Config(dict(work_dir=str(work_dir), **options))
    choose_checkpoint(cfg, resume)
    return cfg.resume, cfg.load_from and os.path.basename(cfg.load_from)


def truncate(path, share=0.5):
    with open(path, 'r+b') as file:
        file.truncate(int(share * os.path.getsize(path)))


def test_newest_whole_checkpoint(work_dir, caplog):
    assert resumed(work_dir) == (True, 'epoch_10.pth')
    truncate(work_dir / 'epoch_10.pth')
    assert resumed(work_dir) == (True, 'epoch_9.pth')
    truncate(work_dir / 'epoch_9.pth', 0)
    assert resumed(work_dir) == (True, 'epoch_8.pth')
    truncate(work_dir / 'epoch_8.pth', 0.99)
    assert resumed(work_dir) == (False, None)
    (work_dir / 'epoch_13.pth').write_bytes(bytes(1000))
    (work_dir / 'epoch_14.pth').mkdir()
    assert resumed(work_dir) == (False, None)
    assert resumed(work_dir, load_from='start.pth') == (False, 'start.pth')


def test_a_damaged_checkpoint_is_named(work_dir, capfd):
    path = work_dir / 'epoch_10.pth'
    data = bytearray(path.read_bytes())
    place = data.index(b'epoch')
    data[place:place + 5] = bytes(5)  # of the right length
    path.write_bytes(data)
    assert resumed(work_dir) == (True, 'epoch_9.pth')
    with pytest.raises(UserError, match=r'epoch_10\.pth: its part .*damaged'):
        resumed(work_dir, str(path))
    truncate(path)
    with pytest.raises(UserError, match=r'cut off at \d+ bytes'):
        resumed(work_dir, str(path))
    truncate(path, 0)
    with pytest.raises(UserError, match='it is empty'):
        resumed(work_dir, str(path))
    assert resumed(work_dir, str(work_dir / 'epoch_8.pth')) == (
        True, 'epoch_8.pth')


def test_checkpoints_of_other_names_and_places(tmp_path):
    folder = tmp_path / 'elsewhere' / 'run'
    folder.mkdir(parents=True)
    for name in ('step-2.pth', 'step-10.pth', 'step-x.pth', 'epoch_99.pth'):
        torch.save({}, folder / name)
    hook = dict(filename_tmpl='step-{}.pth', out_dir=str(tmp_path /
                                                         'elsewhere'))
    cfg = Config(
        dict(work_dir='work_dirs/run/', default_hooks=dict(checkpoint=hook)))
    assert [os.path.basename(path) for path in checkpoints_of(cfg)
            ] == ['step-10.pth', 'step-2.pth']


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    path = str(tmp_path / 'file')
    AtomicBackend().put(b'old', path)

    def full(_):
        raise OSError('No space left on device')

    monkeypatch.setattr('os.fsync', full)
    with pytest.raises(OSError, match='No space'):
        AtomicBackend().put(b'new', path)
    assert Path(path).read_bytes() == b'old'


def test_own_backend_is_kept():
    mine = dict(backend='petrel')
    assert AtomicCheckpointHook(backend_args=mine).backend_args == mine
    assert AtomicCheckpointHook(out_dir='s3://x').backend_args is None
    assert AtomicCheckpointHook().backend_args == dict(backend='atomic')


def test_a_run_without_seed_resumes_with_its_own():
    """mmengine builds the sampler before it knows the seed."""
    sampler = SimpleNamespace(seed=5)
    runner = SimpleNamespace(
        seed=7,
        iter=3,
        cfg=Config(),
        train_dataloader=SimpleNamespace(
            sampler=None, batch_sampler=SimpleNamespace(sampler=sampler)))

    def draw():
        EpochSeedHook().before_train_epoch(runner)
        return random.random(), np.random.rand(), torch.rand(1).item()

    first = draw()
    assert sampler.seed == 7
    assert first == draw()
    runner.iter = 4
    assert not set(first) & set(draw())


# NaN


class BreakHook(Hook):
    """Makes numbers of chosen steps NaN or infinite: a person's or a loss."""

    priority = 'VERY_HIGH'

    def __init__(self, what, steps):
        self.what, self.steps, self.broken = what, steps, False

    def before_train(self, runner):
        runner.model.head.loss_module.register_forward_hook(self.break_loss)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.broken = runner.iter + 1 in self.steps
        if self.broken and self.what == 'people':
            people = data_batch['data_samples'][1].gt_instance_labels
            people.centers = people.centers * math.nan

    def break_loss(self, module, args, losses):
        if self.broken and self.what == 'loss':
            losses['d0.loss_keypoints'] = losses['d0.loss_keypoints'] / 0


def broken_runner(toy, work_dir, what, steps, **options):
    cfg = tiny_config(
        toy, work_dir, **{
            'train_cfg.max_epochs': 2,
            'default_hooks.checkpoint.save_best': None,
            **options
        })
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    runner = Runner.from_cfg(cfg)
    runner.register_hook(BreakHook(what, steps))
    return runner


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
    runner.model.head.loss_module.assigner.report = None
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


# Memory


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
