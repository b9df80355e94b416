"""Native attention against the equation in float64."""
import math
from pathlib import Path

import pytest
import torch
from torch.utils.checkpoint import checkpoint

from poet_mm.models.layers.cpu_attention import native_attention
from poet_mm.models.layers.cpu_attention.native_attention import attention

needs_compiler = pytest.mark.skipif(
    not native_attention.available(), reason='no C++ compiler')


def make(B=2, H=2, T=5, S=7, D=8):
    """q, k, v as views of (B, N, H * D), as attention modules have them."""
    return tuple(
        torch.randn(B, n, H, D).transpose(1, 2).requires_grad_()
        for n in (T, S, S))


def reference(q, k, v, padded=None, factor=1):
    """``factor``: 0 or 1 / (1 - p) for each weight; padded images are 0."""
    q, k, v = q.double(), k.double(), v.double()
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if padded is not None:
        scores = scores.masked_fill(padded[:, None, None], -math.inf)
        weights = scores.softmax(-1).nan_to_num(0)
    else:
        weights = scores.softmax(-1)
    return (weights * factor) @ v


def gradients(out, qkv, d_out):
    return torch.autograd.grad(out, qkv, d_out.to(out))


def assert_equal(outs, expected):
    for out, exact in zip(outs, expected):
        error = (out.double() - exact.double()).abs().max()
        largest = exact.abs().max()
        if largest < 1e-9:  # a single key: scores have no gradient
            largest = 1
        assert error <= 1e-5 * largest


def assert_equals_reference(qkv, padded=None, dropout_p=0.0, factor=1):
    out = attention(*qkv, padded, dropout_p)
    exact = reference(*qkv, padded, factor)
    d_out = torch.randn(out.shape)
    assert_equal([out, *gradients(out, qkv, d_out)],
                 [exact, *gradients(exact, qkv, d_out)])


@needs_compiler
@pytest.mark.parametrize('D', [5, 8, 32, 40, 64])
@pytest.mark.parametrize(('T', 'S'), [(1, 1), (5, 7), (25, 211), (1, 97),
                                      (96, 192), (193, 1), (205, 389)])
def test_equals_equation(T, S, D):
    assert_equals_reference(make(T=T, S=S, D=D))


@needs_compiler
def test_padded_keys_do_not_exist():
    padded = torch.rand(3, 300) > 0.5
    padded[0] = False
    padded[2] = True  # an image without a key gives zeros
    qkv = make(B=3, T=70, S=300, D=32)
    assert_equals_reference(qkv, padded)
    out = attention(*qkv, padded)
    assert (out[2] == 0).all()
    for grad in gradients(out, qkv, torch.ones_like(out))[1:]:
        grad = grad.transpose(1, 2)  # (B, S, H, D)
        assert (grad[padded] == 0).all()
        assert (grad[0] != 0).all()


@needs_compiler
def test_any_strides():
    qkv = [torch.randn(2, 2, 32, 9).transpose(2, 3) for _ in range(2)]
    qkv = [*qkv, torch.randn(9, 32).expand(2, 2, 9, 32)]
    assert_equals_reference([x.requires_grad_() for x in qkv])


@needs_compiler
def test_out_joins_heads_without_a_copy():
    out = attention(*make(B=2, H=3, T=5, D=8))
    assert out.shape == (2, 3, 5, 8)
    joined = out.transpose(1, 2).flatten(2)
    assert joined.data_ptr() == out.data_ptr()
    assert joined.shape == (2, 5, 24)


@needs_compiler
@pytest.mark.parametrize('scale', [1e-20, 30, 1e4])
def test_large_scores(scale):
    q, k, v = make(T=40, S=300, D=32)
    out = attention(q * scale, k, v)
    assert_equal([out], [reference(q * scale, k, v)])


@needs_compiler
def test_nan_is_not_hidden():
    for i in range(3):
        qkv = [x.detach().clone() for x in make(T=20, S=20)]
        qkv[i][1, 1, 3, 4] = math.nan
        expected = reference(*qkv).isnan()
        assert attention(*qkv).isnan().equal(expected)
        assert expected.any()


def kept_weights(q, k, dropout_p, padded=None):
    """(B, H, T, S), 0 or 1: what dropout does with this seed."""
    B, H, S, D = k.shape
    assert S == D
    eye = torch.eye(S).expand(B, H, S, D)
    return (attention(q, k, eye, padded, dropout_p) != 0).float()


@needs_compiler
@pytest.mark.parametrize('mask', [False, True])
@pytest.mark.parametrize('n', [5, 40, 200])
def test_dropout_is_the_same_in_backward(n, mask):
    dropout_p = 0.3
    q, k, v = make(T=n + 3, S=n, D=n)
    padded = torch.rand(2, n) > 0.7 if mask else None
    torch.manual_seed(1)
    factor = kept_weights(q, k, dropout_p, padded) / (1 - dropout_p)
    torch.manual_seed(1)
    assert_equals_reference((q, k, v), padded, dropout_p, factor)


@needs_compiler
def test_dropout_of_a_weight_depends_on_nothing_but_its_place():
    q, k, _ = make(T=50, S=64, D=64)
    padded = torch.rand(2, 64) > 0.5
    torch.manual_seed(1)
    kept = kept_weights(q, k, 0.5)
    torch.manual_seed(1)
    fewer = kept_weights(q, k, 0.5, padded)
    assert fewer.equal(kept * ~padded[:, None, None])


@needs_compiler
@pytest.mark.parametrize('dropout_p', [0.001, 0.1, 0.5, 0.9])
def test_dropout_rate_and_independence(dropout_p):
    q, k = torch.zeros(2, 2, 3, 256, 256)
    dropped = 1 - kept_weights(q, k, dropout_p)  # 393,216 weights
    std = math.sqrt(dropout_p * (1 - dropout_p))
    z = (dropped - dropout_p) / std
    assert abs(z.mean()) < 5 / math.sqrt(z.numel())
    for dim in range(4):  # image, head, query, key
        for step in (1, 2, 16) if dim > 1 else (1, ):
            n = z.shape[dim] - step
            products = z.narrow(dim, 0, n) * z.narrow(dim, step, n)
            assert abs(products.mean()) < 5 / math.sqrt(products.numel())
    for dim in (2, 3):  # each query and each key is dropped as often
        spread = z.mean(dim).mul(16).square().mean()  # 1 if independent
        assert abs(spread - 1) < 0.2


@needs_compiler
def test_dropout_keeps_the_mean():
    q, k, v = make(T=10, S=20, D=8)
    outs = torch.stack([attention(q, k, v, None, 0.5) for _ in range(2000)])
    error = (outs.mean(0) - reference(q, k, v)) / outs.std(0) * 2000**0.5
    assert error.abs().max() < 5


@needs_compiler
def test_dropout_follows_manual_seed():
    qkv = make()
    outs = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        outs.append(attention(*qkv, None, 0.5))
    assert outs[0].equal(outs[1])
    assert not outs[0].equal(outs[2])


@needs_compiler
def test_checkpoint_repeats_dropout():
    qkv = make(T=30, S=30)
    results = []
    for run in (attention, lambda *args: checkpoint(
            attention, *args, use_reentrant=False)):
        torch.manual_seed(3)
        out = run(*qkv, None, 0.5)
        results.append([out, *gradients(out, qkv, torch.ones_like(out))])
    torch.testing.assert_close(*results, rtol=0, atol=0)


@needs_compiler
def test_same_result_on_any_number_of_threads():
    qkv = make(B=1, H=3, T=300, S=300, D=32)
    before = torch.get_num_threads()
    results = []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        out = attention(*qkv, None, 0.1)
        results.append([out, *gradients(out, qkv, torch.ones_like(out))])
    torch.set_num_threads(before)
    for result in results[1:]:
        torch.testing.assert_close(result, results[0], rtol=0, atol=0)


@needs_compiler
def test_wrong_inputs_are_named():
    q, k, v = make()
    with pytest.raises(ValueError, match=r'dropout_p=1'):
        attention(q, k, v, dropout_p=1)
    with pytest.raises(ValueError, match=r'float64'):
        attention(q, k.double(), v)
    with pytest.raises(ValueError, match=r'\(2, 2, 3, 8\)'):
        attention(q, k, v[:, :, :3])
    with pytest.raises(ValueError, match=r'\(2, 5\)'):
        attention(q, k, v, torch.zeros(2, 5, dtype=torch.bool))


@needs_compiler
def test_only_one_derivative():
    q, k, v = make()
    out = attention(q, k, v)
    d_out = torch.ones_like(out, requires_grad=True)
    grad, = torch.autograd.grad(out, q, d_out, create_graph=True)
    with pytest.raises(RuntimeError, match='once_differentiable'):
        grad.sum().backward()


@pytest.fixture
def _fresh_library(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    native_attention._library.cache_clear()
    yield
    native_attention._library.cache_clear()


@pytest.mark.usefixtures('_fresh_library')
@pytest.mark.parametrize('compiler', ['/no/such/compiler', 'false'])
def test_without_a_compiler(compiler, monkeypatch):
    logged = []
    monkeypatch.setattr(native_attention, 'print_log',
                        lambda message, logger: logged.append(message))
    monkeypatch.setenv('CXX', compiler)
    assert not native_attention.available()
    assert not native_attention.available()
    assert len(logged) == 1
    assert compiler in logged[0]


@pytest.mark.usefixtures('_fresh_library')
def test_compiles_once_for_each_cpu(monkeypatch):
    built = []

    def run(command, **kwargs):
        built.append(Path(command[-1]))
        built[-1].touch()

    monkeypatch.setattr(native_attention.subprocess, 'run', run)
    names = []
    for cpu in ('one', 'one', 'another'):
        monkeypatch.setattr(native_attention, '_cpu', lambda cpu=cpu: cpu)
        names.append(native_attention._compiled())
    assert names[0] == names[1] != names[2]
    assert len(built) == 2
    folder = names[0].parent
    assert sorted(folder.iterdir()) == sorted(set(names))
