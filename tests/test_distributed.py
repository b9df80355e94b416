"""Two processes (gloo) equal one process with the joint batch."""
import pytest
import torch
import torch.multiprocessing as mp
from helpers import FAST_LOSS, random_samples, tiny_head, with_areas
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

HEADS = dict(
    paper={},
    fast=dict(
        propose=True,
        refine=True,
        denoising=dict(
            groups=2, center_noise=0, scale_noise=0, joint_noise=0),
        loss=FAST_LOSS))
COUNTS = [[2, 1, 3, 0], [2, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]


class LossOf(nn.Module):
    """A head whose forward is its loss, for DDP."""

    def __init__(self, head):
        super().__init__()
        self.head = head

    def forward(self, feat, samples):
        return self.head.loss((feat, ), samples)


def build(kind):
    torch.manual_seed(0)
    return LossOf(tiny_head(**HEADS[kind])), torch.randn(4, 8, 4, 3)


def samples_of(counts):
    return with_areas(random_samples(counts))


def run(model, feat, samples):
    """-> losses by name, gradients by parameter."""
    model.zero_grad()
    losses = model(feat, samples)
    sum(losses.values()).backward()
    module = getattr(model, 'module', model)
    return {name: value.detach() for name, value in losses.items()}, {
        name: parameter.grad.clone()
        for name, parameter in module.named_parameters()
    }


def largest(tensors):
    return max(value.abs().max().item() for value in tensors.values())


def worker(rank, kind, folder):
    torch.set_num_threads(1)
    distributed.init_process_group(
        'gloo', f'file://{folder}/store', rank=rank, world_size=2)
    model, feat = build(kind)
    ddp = DistributedDataParallel(model)  # raises on unused parameters
    results = []
    for counts in COUNTS:
        mine = slice(2 * rank, 2 * rank + 2)
        losses, grads = run(ddp, feat[mine], samples_of(counts)[mine])
        for value in losses.values():
            distributed.all_reduce(value)
            value /= 2
        results.append((losses, grads))
    if rank == 0:
        torch.save(results, f'{folder}/results.pt')
    distributed.destroy_process_group()


@pytest.mark.skipif(
    not distributed.is_available(), reason='torch was built without it')
@pytest.mark.parametrize('kind', HEADS)
def test_two_processes_equal_one(kind, tmp_path):
    mp.spawn(worker, (kind, str(tmp_path)), nprocs=2)
    model, feat = build(kind)
    results = torch.load(tmp_path / 'results.pt')
    for counts, (losses, grads) in zip(COUNTS, results):
        expected = run(model, feat, samples_of(counts))
        for got, wanted, atol in (
            (losses, expected[0], 1e-6),
            # sums in another order round by the scale of the gradient
            (grads, expected[1], 5e-7 * largest(expected[1]))):
            assert got.keys() == wanted.keys()
            for name in wanted:
                torch.testing.assert_close(
                    got[name],
                    wanted[name],
                    rtol=1e-6,
                    atol=atol,
                    msg=lambda text, at=(counts, name): f'{at}: {text}')
