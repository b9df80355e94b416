"""Several processes (gloo; NCCL on GPUs) equal one process with all of the
batch, evaluate each image once, and end with a reason when one of them dies.
"""

import json
import multiprocessing
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from devices import on_gpu
from head_kinds import HEADS, build, same_noise
from helpers import ROOT, random_samples, with_areas
from make_toy_coco import make_toy_coco
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch import distributed
from torch.multiprocessing import start_processes
from torch.nn.parallel import DistributedDataParallel

from poet_mm.models.layers import denoising

SECONDS = 900  # a hang is an error, not a wait
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not distributed.is_available() or os.name != 'posix',
        reason='needs gloo and a fork server',
    ),
]
without_gpu = pytest.mark.skipif(
    torch.cuda.is_available(), reason='starts without a GPU'
)
COUNTS = [[2, 1, 3, 0], [2, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]


def samples_of(counts):
    return with_areas(random_samples(counts))


def run(model, feats, samples):
    """-> losses by name, gradients by parameter, on the model's device."""
    device = next(model.parameters()).device
    model.zero_grad()
    losses = model(
        [feat.to(device) for feat in feats],
        [sample.to(device) for sample in samples],
    )
    sum(losses.values()).backward()
    module = getattr(model, 'module', model)
    return {name: value.detach() for name, value in losses.items()}, {
        name: parameter.grad.clone()
        for name, parameter in module.named_parameters()
    }


def to_cpu(tensors):
    return {name: value.cpu() for name, value in tensors.items()}


def largest(tensors):
    return max(value.abs().max().item() for value in tensors.values())


def worker(rank, kind, shares, folder, device='cpu'):
    torch.set_num_threads(1)
    torch.backends.cudnn.allow_tf32 = False
    denoising._uniform = same_noise
    if device == 'cuda':
        torch.cuda.set_device(rank)
    distributed.init_process_group(
        'nccl' if device == 'cuda' else 'gloo',
        f'file://{folder}/store',
        rank=rank,
        world_size=len(shares),
    )
    model, feats = build(kind)
    # raises on unused parameters
    ddp = DistributedDataParallel(model.to(device))
    results = []
    start = sum(shares[:rank])
    mine = slice(start, start + shares[rank])
    for counts in COUNTS:
        losses, grads = run(
            ddp, [feat[mine] for feat in feats], samples_of(counts)[mine]
        )
        for value in losses.values():
            distributed.all_reduce(value)
            value /= len(shares)
        results.append((to_cpu(losses), to_cpu(grads)))
    if rank == 0:
        torch.save(results, f'{folder}/results.pt')
    distributed.destroy_process_group()


def start(function, args, num_processes, method='forkserver'):
    """Run processes, or kill them. Those of a fork server have imported
    everything already."""
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload([__name__, 'mmpose.apis'])
    group = start_processes(
        function, args, num_processes, join=False, start_method=method
    )
    ended = False
    try:
        for _ in range(num_processes):  # each join waits for one of them
            ended = ended or group.join(SECONDS)
    finally:
        for process in group.processes:
            process.kill()
    assert ended, f'not ended after {SECONDS} s'


@pytest.mark.parametrize(
    ('kind', 'shares'),
    [('paper', (2, 2)), ('fast', (1, 2, 1)), ('levels', (1, 3))],
)
def test_processes_equal_one(kind, shares, tmp_path, monkeypatch):
    """With images, and people, shared out unevenly."""
    monkeypatch.setattr(denoising, '_uniform', same_noise)
    start(worker, (kind, shares, str(tmp_path)), len(shares))
    check_results(kind, tmp_path, rounding=1e-6)


@on_gpu
@pytest.mark.parametrize('kind', HEADS)
def test_gpus_equal_one_process(kind, device, tmp_path, monkeypatch):
    """Over NCCL, on as many GPUs as there are, at most one for each image."""
    monkeypatch.setattr(denoising, '_uniform', same_noise)
    num_gpus = min(torch.cuda.device_count(), 4)
    shares = [len(part) for part in np.array_split(range(4), num_gpus)]
    args = kind, shares, str(tmp_path), device
    # mmengine counts the GPUs when imported: a fork then has none
    start(worker, args, num_gpus, method='spawn')
    # kernels are others than on the CPU, and for other sizes of the batch
    check_results(kind, tmp_path, rounding=2e-5)


def check_results(kind, folder, rounding):
    """Compare with one process on the CPU."""
    model, feats = build(kind)
    results = torch.load(folder / 'results.pt')
    for counts, (losses, grads) in zip(COUNTS, results):
        expected = run(model, feats, samples_of(counts))
        for got, wanted, atol in (
            (losses, expected[0], rounding),
            # sums in another order round by the scale of the gradient
            (grads, expected[1], rounding / 2 * largest(expected[1])),
        ):
            assert got.keys() == wanted.keys()
            for name in wanted:
                torch.testing.assert_close(
                    got[name],
                    wanted[name],
                    rtol=rounding,
                    atol=atol,
                    msg=lambda text, at=(counts, name): f'{at}: {text}',
                )


@pytest.fixture(scope='module')
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp('ranks_toy')
    make_toy_coco(folder, 7, 7, 64, 0)
    path = folder / 'annotations' / 'person_keypoints_train2017.json'
    content = json.loads(path.read_text())
    # two images with people: in a step some ranks have none
    images = [image['id'] for image in content['images'][:2]]
    content['annotations'] = [
        ann for ann in content['annotations'] if ann['image_id'] in images
    ]
    path.write_text(json.dumps(content))
    return folder


TINY = """\
_base_ = [{base!r}]
model = dict(
    backbone=dict(base_channels=8, stem_channels=8, frozen_stages=1),
    head=dict(in_channels=32, detail=dict(in_channels=[8, 16, 32])))
find_unused_parameters = True  # mmengine freezes after DDP has looked
train_cfg = dict(max_epochs=1, val_interval=1)
param_scheduler = []
train_dataloader = dict(batch_size=1, dataset=dict(images='all'))
test_dataloader = dict(batch_size=2)
default_hooks = dict(
    checkpoint=dict(interval=1), logger=dict(interval=1))
"""


def write_config(folder, more=''):
    path = folder / 'tiny.py'
    base = str(ROOT / 'configs' / 'poet_fast_r18_toy.py')
    path.write_text(TINY.format(base=base) + more)
    return path


def rank_of_a_job(rank, num_ranks, port, folder, toy):
    """Do what ``train.py`` and ``test.py`` do when torchrun starts them."""
    from poet_mm.cli import start_without_gpu
    from poet_mm.evaluation.fast_coco_metric import FastCocoMetric
    from poet_mm.utils.config import set_data_root

    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(num_ranks),
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
    )
    os.chdir(folder)  # mmengine gathers results in the current folder
    torch.set_num_threads(1)
    init_default_scope('mmpose')
    compute = FastCocoMetric.compute_metrics

    def keep(self, results):
        ids = [pred['img_id'] for pred, _ in results]
        with open('evaluated.jsonl', 'a') as file:
            file.write(json.dumps(ids) + '\n')
        return compute(self, results)

    FastCocoMetric.compute_metrics = keep
    cfg = Config.fromfile('tiny.py')
    set_data_root(cfg, toy)
    cfg.work_dir, cfg.launcher = 'work', 'pytorch'
    start_without_gpu(cfg)
    runner = Runner.from_cfg(cfg)
    runner.train()
    # shards of 7 images are uneven; of a loader that pads them, too
    metrics = [runner.test()]
    cfg.merge_from_dict({'test_dataloader.sampler.round_up': True})
    runner = Runner.from_cfg(cfg)
    runner.load_checkpoint('work/epoch_1.pth')
    metrics.append(runner.test())
    if rank == 0:
        Path('metrics.json').write_text(json.dumps(metrics))


def free_port():
    with socket.socket() as found:
        found.bind(('127.0.0.1', 0))
        return found.getsockname()[1]


@without_gpu
def test_ranks_train_and_evaluate_every_image_once(toy, tmp_path):
    """Steps in which ranks have no people, shards of different size."""
    write_config(tmp_path)
    start(rank_of_a_job, (3, free_port(), str(tmp_path), str(toy)), 3)
    lines = (tmp_path / 'evaluated.jsonl').read_text().splitlines()
    annotations = json.loads(
        (toy / 'annotations/person_keypoints_val2017.json').read_text()
    )
    ids = sorted(image['id'] for image in annotations['images'])
    assert [sorted(json.loads(line)) for line in lines] == [ids] * 3
    first, padded = json.loads((tmp_path / 'metrics.json').read_text())
    assert first == padded
    records = [
        json.loads(line)
        for path in tmp_path.glob('work/*/vis_data/scalars.json')
        for line in path.read_text().splitlines()
    ]
    steps = [x['step'] for x in records if 'grad_norm' in x]
    assert len(steps) == 3  # 7 images by 3 ranks


DYING = """\
from mmengine.hooks import Hook
from mmpose.registry import HOOKS


@HOOKS.register_module()
class DyingHook(Hook):

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.rank == 1 and batch_idx == 1:
            raise OSError('the disk of rank 1 is gone')
"""


@without_gpu
def test_a_rank_that_dies_ends_the_job_with_its_reason(toy, tmp_path):
    """Others wait for its gradients: torchrun ends them."""
    (tmp_path / 'dying.py').write_text(DYING)
    config = write_config(
        tmp_path,
        "custom_imports = dict(imports=['poet_mm', 'dying'])\n"
        "custom_hooks = [dict(type='DyingHook')]\n",
    )
    changes = dict(
        PYTHON=sys.executable,
        PORT=str(free_port()),
        PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)]),
        OMP_NUM_THREADS='1',
    )
    script = ROOT / 'tools' / 'dist_train.sh'
    result = subprocess.run(
        [
            'bash',
            script,
            config,
            '2',
            '--data-root',
            toy,
            '--work-dir',
            'work',
        ],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        cwd=tmp_path,
        env=dict(os.environ, **changes),
    )
    assert result.returncode != 0
    # torchrun's list of failed ranks; the first may be one that waited
    summary = result.stderr.split('ChildFailedError')[-1]
    assert 'rank      : 1' in summary
    assert 'the disk of rank 1 is gone' in summary
