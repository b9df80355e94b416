"""POETHead, the fast POET and the paper's: what all pieces have in common."""

import pytest
import torch
from helpers import (
    FAST_LOSS,
    fast_head,
    padded_samples,
    random_samples,
    tiny_head,
    tiny_head_cfg,
    with_areas,
)
from mmpose.registry import MODELS

from poet_mm.codecs.poet_codec import POETCodec
from poet_mm.models.layers.padding import padding_mask

NOISE = dict(groups=3, center_noise=0.5, scale_noise=0.4, joint_noise=0.2)

DETAIL = dict(in_channels=[8], channels=4, joint_channels=8, points=3)
PIECES = [
    dict(propose=True),
    dict(refine=True),
    dict(propose=True, refine=True),
    dict(propose=True, refine=True, loss=FAST_LOSS),
    dict(propose=True, refine=True, predict_oks=True, loss=FAST_LOSS),
    dict(propose=True, refine=True, denoising=NOISE),
    dict(propose=True, denoising=NOISE, loss=FAST_LOSS),
    dict(refine=True, detail=DETAIL),
    dict(
        propose=True,
        refine=True,
        detail=DETAIL,
        predict_oks=True,
        denoising=NOISE,
        loss=FAST_LOSS,
    ),
]
FEAT = (2, 8, 4, 6)  # B, C, H, W of pixels 64 x 96


def names(value):
    return '+'.join(value) if isinstance(value, dict) else None


@pytest.mark.parametrize('pieces', PIECES, ids=names)
def test_same_fields_as_the_paper(pieces):
    expected = tiny_head().eval()((torch.randn(FEAT),))
    outputs = tiny_head(**pieces).eval()((torch.randn(FEAT),))
    oks_logits = outputs.pop('oks_logits', None)
    if pieces.get('predict_oks'):
        assert oks_logits.shape == expected['logits'].shape[:-1]
    assert {name: values.shape for name, values in outputs.items()} == {
        name: values.shape for name, values in expected.items()
    }


def test_without_corrections_nothing_moves():
    """Layers begin with corrections of zero: poses stay the proposals'."""
    head = fast_head().eval()
    feat = torch.randn(FEAT)
    outputs, _, proposals = head.predict_all([feat], None)
    tokens = proposals.best(6)
    fields = proposals.fields()
    for image in range(2):
        expected = fields['centers'][0, image, tokens[image]]
        for layer in range(2):
            assert torch.equal(outputs['centers'][layer, image], expected)
    assert not outputs['offsets'].any()
    assert (outputs['visibility'] == 0.5).all()


def test_layers_correct_the_layer_before():
    head = fast_head().eval()
    feat = torch.randn(FEAT)
    before = head((feat,))['centers']
    last = head.branches[0].pose_embed.layers[-1]
    torch.nn.init.constant_(last.bias[:2], 0.7)
    after = head((feat,))['centers']
    for layer in range(2):
        torch.testing.assert_close(
            after[layer].logit(), before[layer].logit() + 0.7
        )
    head.branches[1].class_embed.bias.data[0] += 1
    assert torch.equal(head((feat,))['centers'], after)


def test_no_gradient_between_layers():
    """Layer 1 begins where layer 0 ended, and teaches it nothing by that."""
    head = fast_head()
    for branch in head.branches:
        torch.nn.init.normal_(branch.pose_embed.layers[-1].weight)
    outputs = head((torch.randn(FEAT),))
    bias = head.branches[0].pose_embed.layers[-1].bias
    (grad,) = torch.autograd.grad(
        outputs['offsets'][1].sum(), bias, allow_unused=True
    )
    assert grad is None or not grad.any()


@pytest.mark.parametrize('make_head', [tiny_head, fast_head])
@pytest.mark.parametrize('mode', ['eval', 'train'])
def test_blind_to_padding(mode, make_head):
    head = make_head()
    for name, weight in head.named_parameters():
        if name.endswith('pose_embed.layers.2.weight'):
            torch.nn.init.normal_(weight)
    head.train(mode == 'train')
    samples = padded_samples()
    feat = torch.randn(FEAT)
    mask = padding_mask(samples, feat)
    changed = feat.masked_fill(mask[:, None], 1000.0)
    expected, got = head((feat,), samples), head((changed,), samples)
    for name in expected:
        assert torch.equal(expected[name], got[name]), name
    losses, others = (head.loss((x,), samples) for x in (feat, changed))
    for name in losses:
        assert torch.equal(losses[name], others[name]), name


@pytest.mark.parametrize('counts', [[0, 0], [2, 0]])
@pytest.mark.parametrize('pieces', [{}, *PIECES], ids=names)
def test_every_parameter_gets_a_gradient(pieces, counts):
    head = tiny_head(**pieces)
    samples = with_areas(random_samples(counts))
    losses = head.loss((torch.randn(2, 8, 4, 3),), samples)
    assert all(value.isfinite() for value in losses.values())
    sum(losses.values()).backward()
    without = [
        name
        for name, parameter in head.named_parameters()
        if parameter.grad is None
    ]
    assert not without


def test_losses_of_proposals_have_names_of_their_own():
    losses = fast_head().loss(
        (torch.randn(2, 8, 4, 3),), random_samples([2, 1])
    )
    terms = ('loss_cls', 'loss_keypoints', 'loss_visibility', 'loss_centers')
    assert losses.keys() == {
        prefix + term for prefix in ('', 'd0.', 'enc.') for term in terms
    }


def test_only_matching_queries_learn_the_oks():
    """Proposals and denoising queries have no loss of it."""
    head = fast_head(predict_oks=True, denoising=NOISE, loss=FAST_LOSS)
    samples = with_areas(random_samples([2, 1]))
    losses = head.loss((torch.randn(2, 8, 4, 3),), samples)
    assert {name for name in losses if 'predicted_oks' in name} == {
        'loss_predicted_oks',
        'd0.loss_predicted_oks',
    }
    outputs = head((torch.randn(2, 8, 4, 3),))
    assert not outputs['oks_logits'].any()
    losses['loss_predicted_oks'].backward()
    learns = {
        name
        for name, x in head.named_parameters()
        if x.grad is not None and x.grad.any()
    }
    assert learns == {
        'branches.1.oks_embed.weight',
        'branches.1.oks_embed.bias',
    }


def test_two_classes():
    """Of people: with joints, and without."""
    head = fast_head(
        num_classes=2,
        denoising=NOISE,
        codec=dict(type='POETCodec', empty_class=True),
    )
    samples = random_samples([3, 2], codec=POETCodec(empty_class=True))
    losses = head.loss((torch.randn(2, 8, 4, 3),), samples)
    assert all(value.isfinite() for value in losses.values())
    outputs = head((torch.randn(2, 8, 4, 3),))
    assert outputs['logits'].shape == (2, 2, 6, 3)


def test_one_layer_that_corrects_learned_queries():
    """There is no next layer, so no position codes of moved queries."""
    cfg = tiny_head_cfg(refine=True)
    cfg['decoder']['num_layers'] = 1
    head = MODELS.build(cfg)
    assert head.center_embed is None
    assert head((torch.randn(2, 8, 4, 3),))['centers'].shape == (1, 2, 6, 2)
