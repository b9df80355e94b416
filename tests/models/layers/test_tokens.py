"""Tokens of several levels."""

import pytest
import torch
from helpers import (
    FAST_LOSS,
    make_sample,
    random_people,
    random_samples,
    tiny_head,
    with_areas,
)

from poet_mm.models.layers.padding import ValidRegion, image_extents

# of pixels 64 x 96, strides 4, 8 and 16
LEVELS = ((2, 4, 16, 24), (2, 6, 8, 12), (2, 8, 4, 6))
TOKENS = 8 * 12 + 4 * 6
DETAIL = dict(in_channels=[4, 6, 8], channels=4, joint_channels=8)


def random_levels():
    return [torch.randn(shape) for shape in LEVELS]


def unequal_samples():
    """One image fills the batch, the other ends within cells."""
    return with_areas(
        [
            make_sample(*random_people(2, size=shape), shape, (64, 96))
            for shape in ((64, 96), (36, 60))
        ]
    )


def head_with_levels(**kwargs):
    pieces = dict(propose=True, refine=True, detail=DETAIL)
    return tiny_head(pyramid=dict(in_channels=[6]), **pieces, **kwargs)


def tokens_of(head, levels, samples):
    """-> memory of the encoded level; tokens of all levels, their regions."""
    extents = image_extents(samples, levels[0].device)
    feat = levels[-1]
    memory = head.encode(feat, ValidRegion(extents, feat))
    return memory, *head.pyramid(levels[1:-1], memory)


def test_finer_levels_first():
    """Every token has the place of its own level; those of the encoded level
    stay as they are."""
    head, levels, samples = (
        head_with_levels(),
        random_levels(),
        unequal_samples(),
    )
    memory, tokens, region = tokens_of(head, levels, samples)
    assert tokens.shape == (2, TOKENS, 16)
    valid = ~memory.region.token_mask
    assert torch.equal(tokens[:, 96:][valid], memory.tokens[valid])
    torch.testing.assert_close(
        tokens[0, :96].std(-1, correction=0), torch.ones(96), atol=0.01, rtol=0
    )
    start = 0
    for height, width in ((8, 12), (4, 6)):
        for row, column in ((0, 0), (1, 2), (height - 1, width - 1)):
            token = start + row * width + column
            stride = 64 / height
            center = region.cell_centers()[1, token]
            expected = torch.tensor([column + 0.5, row + 0.5]) * stride
            torch.testing.assert_close(
                center * torch.tensor([60.0, 36.0]), expected
            )
        start += height * width
    assert region.cell_sizes.flatten().tolist() == [0.5] * 96 + [1.0] * 24


def test_a_finer_token_reads_its_place():
    """A change of a fine cell changes its token alone."""
    head, levels = head_with_levels(), random_levels()
    before = tokens_of(head, levels, None)[1]
    levels[1][0, :, 3, 5] += 1
    after = tokens_of(head, levels, None)[1]
    changed = (before != after).any(-1).nonzero()
    assert changed.tolist() == [[0, 12 * 3 + 5]]


def test_queries_attend_to_the_encoded_level():
    head, levels = head_with_levels(), random_levels()
    shapes = []
    attention = head.decoder.layers[0].cross_attn
    attention.register_forward_pre_hook(
        lambda _, args, kwargs: shapes.append(kwargs['key'].shape),
        with_kwargs=True,
    )
    head(levels)
    assert shapes == [(2, 24, 16)]


def test_nobody_weighs_as_much_as_with_one_level():
    head, levels, samples = (
        head_with_levels(),
        random_levels(),
        unequal_samples(),
    )
    extents = image_extents(samples, levels[0].device)
    share = head.predict_all(levels, extents).proposals.fields()[
        'nobody_share'
    ]
    assert share.shape == (1, 2, TOKENS)
    torch.testing.assert_close(share[0].sum(1), torch.tensor([24.0, 24.0]))


def test_corrections_are_in_units_of_the_cell():
    head = head_with_levels()
    _, *where = tokens_of(head, random_levels(), unequal_samples())
    last = head.proposals.branch.pose_embed.layers[-1]
    before = head.proposals(*where).pose.values
    torch.nn.init.constant_(last.bias, 0.4)
    moved = head.proposals(*where).pose.values - before
    expected = torch.tensor([0.2] * 96 + [0.4] * 24)[None, :, None]
    torch.testing.assert_close(moved, expected.expand_as(moved))


def test_padded_tokens_are_never_chosen():
    head, levels, samples = (
        head_with_levels(),
        random_levels(),
        unequal_samples(),
    )
    extents = image_extents(samples, levels[0].device)
    masks = [ValidRegion(extents, x).token_mask for x in levels[1:]]
    mask = torch.cat(masks, 1)
    assert mask[1].sum() > TOKENS / 2
    for _ in range(5):
        torch.nn.init.normal_(head.proposals.branch.class_embed.weight)
        proposals = head.predict_all(levels, extents).proposals
        assert torch.equal(proposals.padding, mask)
        assert not mask.gather(1, proposals.best(30)).any()


@pytest.mark.parametrize('mode', ['eval', 'train'])
def test_blind_to_padding(mode):
    head, levels, samples = (
        head_with_levels(),
        random_levels(),
        unequal_samples(),
    )
    for branch in (*head.branches, head.proposals.branch):
        torch.nn.init.normal_(branch.pose_embed.layers[-1].weight)
    head.train(mode == 'train')
    extents = image_extents(samples, levels[0].device)
    changed = [
        level.masked_fill(ValidRegion(extents, level).mask[:, None], 1000.0)
        for level in levels
    ]
    expected, got = head(levels, samples), head(changed, samples)
    for name in expected:
        assert torch.equal(expected[name], got[name]), name


def test_alone_and_padded_are_the_same():
    """Of an image that ends within a cell of every level."""
    head = head_with_levels().eval()
    for branch in (*head.branches, head.proposals.branch):
        torch.nn.init.normal_(branch.pose_embed.layers[-1].weight)
    for name, weight in head.pyramid.named_parameters():
        if name.endswith('bias'):
            torch.nn.init.normal_(weight)
    samples = unequal_samples()[1:]
    padded = [level[1:] for level in random_levels()]
    alone = [
        level[:, :, : -(-36 // stride), : -(-60 // stride)]
        for level, stride in zip(padded, (4, 8, 16))
    ]
    alone = [  # whole cells of the coarsest level
        torch.nn.functional.pad(
            level,
            (
                0,
                64 // stride - level.shape[3],
                0,
                48 // stride - level.shape[2],
            ),
        )
        for level, stride in zip(alone, (4, 8, 16))
    ]
    expected = head(padded, samples)
    samples[0].set_metainfo(dict(batch_input_shape=(48, 64)))
    got = head(alone, samples)
    for name in expected:
        torch.testing.assert_close(
            got[name], expected[name], atol=1e-5, rtol=1e-4
        )


@pytest.mark.parametrize('counts', [[2, 1], [2, 0], [0, 0]])
def test_autocast(counts):
    """Poses stay fp32, and every parameter learns."""
    noise = dict(groups=2, center_noise=0.5, scale_noise=0.4, joint_noise=0.2)
    head = head_with_levels(denoising=noise, loss=FAST_LOSS)
    samples = with_areas(random_samples(counts, img_shape=(64, 96)))
    with torch.autocast('cpu', torch.bfloat16):
        losses = head.loss(random_levels(), samples)
    assert all(value.isfinite() for value in losses.values())
    assert losses['loss_keypoints'].dtype == torch.float32
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in head.parameters())


@pytest.mark.parametrize('levels', [slice(1, 3), slice(2, 3), slice(0, 3)])
def test_levels_that_were_not_announced(levels):
    head = tiny_head(propose=True, pyramid=dict(in_channels=[5, 6]))
    with pytest.raises(ValueError, match=r'pyramid.in_channels=\[5, 6\]'):
        head(random_levels()[levels])


def test_a_pyramid_needs_a_finer_level():
    with pytest.raises(ValueError, match=r'pyramid\.in_channels'):
        tiny_head(propose=True, pyramid=dict(in_channels=[]))


def test_a_pyramid_needs_proposals():
    with pytest.raises(ValueError, match=r'model\.head\.propose'):
        tiny_head(pyramid=dict(in_channels=[6]))
