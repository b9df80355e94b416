"""Attention for training on the CPU: exact, fp32, in memory linear in the
tokens, with dropout on the weights and padded keys.

``csrc/attention.cpp`` is compiled on first use, for this CPU; that takes a few
seconds and is kept in ``~/.cache/poet_mm``. Where it fails, ``available`` is
False and the reason is logged once. OpenMP is the one torch has loaded, so
both share its threads. ``torch.compile`` leaves it as it is.

Letters: B images, H heads, T queries, S keys, D channels of a head.
"""
import ctypes
import hashlib
import os
import platform
import shlex
import subprocess
import tempfile
import threading
from functools import cache
from pathlib import Path
from typing import Optional, Tuple

import torch
from mmengine.logging import print_log
from torch import Tensor
from torch.autograd.function import once_differentiable

from ....version import __version__

SOURCES = Path(__file__).with_name('csrc')
# Finite-math flags are left out on purpose: NaN has to stay NaN.
FLAGS = ('-std=c++17', '-O3', '-march=native', '-ffp-contract=fast',
         '-fno-math-errno', '-fno-trapping-math', '-fopenmp', '-fPIC',
         '-shared')
_LOCK = threading.Lock()


@torch.compiler.disable
def available() -> bool:
    """Whether ``attention`` can be called; compiles it the first time."""
    with _LOCK:
        return _library() is not None


@torch.compiler.disable
def attention(q: Tensor,
              k: Tensor,
              v: Tensor,
              key_padding_mask: Optional[Tensor] = None,
              dropout_p: float = 0.0) -> Tensor:
    """``dropout(softmax(q k^T / sqrt(D))) v``; only where ``available()``.

    Differentiable once. Dropout draws its seed from torch's default
    generator; the result depends neither on the number of threads nor, for a
    weight, on what is padded.

    Args:
        q (Tensor): (B, H, T, D), fp32 on the CPU, as ``k`` and ``v``.
        k, v (Tensor): (B, H, S, D).
        key_padding_mask (Tensor, optional): (B, S), True at padded keys. An
            image of padded keys only gives zeros.
        dropout_p (float): Probability in [0, 1) that a weight becomes zero;
            the others are divided by ``1 - dropout_p``.

    Returns:
        Tensor: (B, H, T, D), contiguous as (B, T, H, D).
    """
    if not 0 <= dropout_p < 1:
        raise ValueError(f'dropout_p={dropout_p} is not in [0, 1).')
    _check(q, k, v, key_padding_mask)
    seed = int(torch.randint(2**63 - 1, ())) if dropout_p else 0
    return _Attention.apply(q, k, v, key_padding_mask, dropout_p, seed)


def _check(q: Tensor, k: Tensor, v: Tensor,
           key_padding_mask: Optional[Tensor]) -> None:
    """The kernel reads memory as it is told to: tell it nothing wrong."""
    got = [(x.dtype, x.device.type) for x in (q, k, v)]
    if set(got) != {(torch.float32, 'cpu')}:
        raise ValueError(f'q, k, v are {got}, not float32 on the CPU.')
    B, H, S, D = k.shape
    if v.shape != k.shape or q.shape != (B, H, q.shape[2], D):
        raise ValueError(f'q {tuple(q.shape)}, k {tuple(k.shape)} and v '
                         f'{tuple(v.shape)} are not (B, H, T, D) and twice '
                         '(B, H, S, D).')
    mask = key_padding_mask
    if mask is not None and (mask.shape != (B, S) or mask.dtype != torch.bool
                             or mask.device.type != 'cpu'):
        raise ValueError(f'key_padding_mask is {mask.dtype} '
                         f'{tuple(mask.shape)} on {mask.device}, not bool '
                         f'{B, S} on the CPU.')


class _Sizes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in 'BHTSD']


class _View(ctypes.Structure):
    _fields_ = [('data', ctypes.c_void_p)] + [
        (name, ctypes.c_int64) for name in ('image', 'head', 'row')
    ]


class _Dropout(ctypes.Structure):
    _fields_ = [('seed', ctypes.c_uint64), ('probability', ctypes.c_double)]


class _Attention(torch.autograd.Function):

    @staticmethod
    def forward(ctx, q: Tensor, k: Tensor, v: Tensor,
                padded: Optional[Tensor], dropout_p: float,
                seed: int) -> Tensor:
        q, k, v = _rows_contiguous(q, k, v)
        if padded is not None:
            padded = padded.contiguous()
        out = _empty_like(q)
        lse = q.new_empty(q.shape[:3])  # (B, H, T)
        _call('attention_forward', (q, k, v), padded, (dropout_p, seed), out,
              lse)
        ctx.save_for_backward(q, k, v, padded, out, lse)
        ctx.dropout = dropout_p, seed
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, d_out: Tensor) -> Tuple[Optional[Tensor], ...]:
        q, k, v, padded, out, lse = ctx.saved_tensors
        grads = [_empty_like(x) for x in (q, k, v)]
        if padded is not None:  # padded keys are skipped, not written
            for grad in grads[1:]:
                grad.zero_()
        _call('attention_backward', (q, k, v), padded, ctx.dropout, out, lse,
              *_rows_contiguous(d_out), *grads)
        return (*grads, None, None, None)


def _rows_contiguous(*tensors: Tensor) -> Tuple[Tensor, ...]:
    """What the kernel reads: any strides but 1 for the channels."""
    return tuple(x if x.stride(-1) == 1 else x.contiguous() for x in tensors)


def _empty_like(x: Tensor) -> Tensor:
    """(B, H, N, D), so laid out that (B, N, H * D) is a view."""
    B, H, N, D = x.shape
    return x.new_empty(B, N, H, D).transpose(1, 2)


def _call(name: str, qkv: Tuple[Tensor, ...], padded: Optional[Tensor],
          dropout: Tuple[float, int], out: Tensor, lse: Tensor,
          *gradients: Tensor) -> None:
    """Pass pointers, strides and sizes to a function of the library."""
    q, k, _ = qkv
    sizes = _Sizes(*q.shape[:3], *k.shape[2:])
    probability, seed = dropout
    views = [ctypes.byref(_view(x)) for x in (*qkv, out, *gradients)]
    getattr(_library(), name)(
        ctypes.byref(sizes), *views[:3],
        None if padded is None else ctypes.c_void_p(padded.data_ptr()),
        ctypes.byref(_Dropout(seed, probability)), views[3],
        ctypes.c_void_p(lse.data_ptr()), *views[4:], torch.get_num_threads())


def _view(x: Tensor) -> _View:
    return _View(x.data_ptr(), *x.stride()[:3])


@cache
def _library() -> Optional[ctypes.CDLL]:
    """The compiled source, None where it cannot be had."""
    try:
        return ctypes.CDLL(str(_compiled()))
    except (OSError, subprocess.SubprocessError, RuntimeError,
            ValueError) as error:  # the last two: no home, an odd CXX
        reason = getattr(error, 'stderr', None) or error
        print_log(
            f'Native attention is not used: {reason}', logger='current')
        return None


def _compiled() -> Path:
    """Path of the shared library; compiles it unless it is cached.

    No lock: processes that compile at the same time replace one another's
    equal file atomically, and one that is killed leaves nobody waiting.
    """
    command = [*shlex.split(os.environ.get('CXX', 'c++')), *FLAGS]
    key = hashlib.sha256('\n'.join([_cpu(), *command]).encode())
    for source in sorted(SOURCES.iterdir()):
        key.update(source.read_bytes())
    folder = _cache_dir()
    library = folder / f'attention-{__version__}-{key.hexdigest()[:16]}.so'
    if not library.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as build:
            built = Path(build) / library.name
            source = str(SOURCES / 'attention.cpp')
            subprocess.run([*command, source, '-o', str(built)],
                           check=True,
                           capture_output=True,
                           text=True,
                           timeout=300)
            built.replace(library)
    return library


def _cache_dir() -> Path:
    cache = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(cache) / 'poet_mm'


def _cpu() -> str:
    """Model and instructions: a home may be shared by different machines."""
    try:
        lines = Path('/proc/cpuinfo').read_text().split('\n\n')[0].split('\n')
    except OSError:  # not Linux
        return f'{platform.machine()} {platform.processor()}'
    fields = ('model name', 'flags', 'Features', 'CPU part')
    return '\n'.join(line for line in lines if line.startswith(fields))
