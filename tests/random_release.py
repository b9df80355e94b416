"""Random weights in the layout of the authors' release, and of DETR."""

import torch
from helpers import ROOT
from mmengine.config import Config


def random_release(
    depths=(3, 4, 6, 3),
    bottleneck=True,
    base=64,
    channels=256,
    ffn=2048,
    num_layers=6,
    num_queries=25,
    outputs=(('class_embed', 3), ('kpt_embed', 53)),
    seed=0,
):
    """Weights by the names and sizes of the release (or, with other outputs,
    of DETR), at random, of sizes that keep activations within bounds."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape, mean=0.0, std=1.0):
        return mean + std * torch.randn(shape, generator=generator)

    weights = {}

    def add_linear(name, rows, columns, joint='.'):
        std = columns**-0.5
        weights[f'{name}{joint}weight'] = normal(rows, columns, std=std)
        weights[f'{name}{joint}bias'] = normal(rows, std=0.1)

    def add_norm(name, size, frozen=False):
        weights[f'{name}.weight'] = normal(size, mean=1.0, std=0.1)
        weights[f'{name}.bias'] = normal(size, std=0.1)
        if frozen:
            weights[f'{name}.running_mean'] = normal(size, std=0.1)
            weights[f'{name}.running_var'] = normal(size, std=0.3).exp()

    def add_conv(name, norm, rows, columns, size):
        std = (columns * size**2) ** -0.5
        weights[f'{name}.weight'] = normal(rows, columns, size, size, std=std)
        add_norm(norm, rows, frozen=True)

    def add_attention(name):
        add_linear(f'{name}.in_proj', 3 * channels, channels, joint='_')
        add_linear(f'{name}.out_proj', channels, channels)

    body = 'backbone.0.body'
    add_conv(f'{body}.conv1', f'{body}.bn1', base, 3, 7)
    columns = base
    for stage, depth in enumerate(depths):
        inner = base * 2**stage
        outer = inner * (4 if bottleneck else 1)
        kinds = (
            ((inner, 1), (inner, 3), (outer, 1))
            if bottleneck
            else ((inner, 3), (outer, 3))
        )
        for number in range(depth):
            block, size_in = f'{body}.layer{stage + 1}.{number}', columns
            for i, (rows, size) in enumerate(kinds):
                add_conv(
                    f'{block}.conv{i + 1}',
                    f'{block}.bn{i + 1}',
                    rows,
                    size_in,
                    size,
                )
                size_in = rows
            if number == 0 and (columns != outer or stage):
                add_conv(
                    f'{block}.downsample.0',
                    f'{block}.downsample.1',
                    outer,
                    columns,
                    1,
                )
            columns = outer
    add_linear('input_proj', channels, columns)
    weights['input_proj.weight'] = weights['input_proj.weight'][
        ..., None, None
    ].clone()
    for part, attentions in (
        ('encoder', ('self_attn',)),
        ('decoder', ('self_attn', 'multihead_attn')),
    ):
        for number in range(num_layers):
            layer = f'transformer.{part}.layers.{number}'
            for attention_name in attentions:
                add_attention(f'{layer}.{attention_name}')
            add_linear(f'{layer}.linear1', ffn, channels)
            add_linear(f'{layer}.linear2', channels, ffn)
            for i in range(len(attentions) + 1):
                add_norm(f'{layer}.norm{i + 1}', channels)
    add_norm('transformer.decoder.norm', channels)
    weights['query_embed.weight'] = normal(num_queries, channels)
    for name, rows in outputs:
        if name == 'class_embed':
            add_linear(name, rows, channels)
            continue
        for i in range(3):
            add_linear(
                f'{name}.layers.{i}', rows if i == 2 else channels, channels
            )
    return weights


SMALL = dict(base=8, channels=16, ffn=24, num_layers=2, num_queries=7)
DETR = (('class_embed', 92), ('bbox_embed', 4))


def small_cfg(name='poet_r50_release_coco', **changes):
    """A config of one of ours, as small as ``SMALL``."""
    cfg = Config.fromfile(ROOT / 'configs' / f'{name}.py')
    head = 'model.head'
    cfg.merge_from_dict(
        {
            'model.backbone.stem_channels': 8,
            'model.backbone.base_channels': 8,
            f'{head}.in_channels': 256,
            f'{head}.positional_encoding.num_feats': 8,
            **{
                f'{head}.{part}.layer_cfg.{attention}.embed_dims': 16
                for part, attention in (
                    ('encoder', 'self_attn_cfg'),
                    ('decoder', 'self_attn_cfg'),
                    ('decoder', 'cross_attn_cfg'),
                )
            },
            **{
                f'{head}.{part}.layer_cfg.ffn_cfg.{key}': value
                for part in ('encoder', 'decoder')
                for key, value in (
                    ('embed_dims', 16),
                    ('feedforward_channels', 24),
                )
            },
            f'{head}.encoder.num_layers': 2,
            f'{head}.decoder.num_layers': 2,
            **changes,
        }
    )
    return cfg


def assert_equal(got, expected):
    assert set(got) == set(expected)
    assert all(torch.equal(got[name], expected[name]) for name in expected)
