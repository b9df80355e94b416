"""Random weights in the layout of the authors' release, and of DETR."""

import torch
from helpers import ROOT
from mmdet.models.layers import MLP
from mmengine.config import Config
from torch import nn

SMALL = dict(num_queries=7)
DETR = (('class_embed', 92), ('bbox_embed', 4))


def random_release(
    num_queries, outputs=(('class_embed', 3), ('kpt_embed', 53))
):
    """Weights by the names of the release (or, with other outputs, of DETR),
    at random, of sizes that keep activations within bounds."""
    (_, num_classes), (mlp, size) = outputs
    transformer = nn.Transformer(16, 8, 2, 2, dim_feedforward=24)
    transformer.encoder.norm = None
    modules = nn.ModuleDict(
        {
            'input_proj': nn.Conv2d(256, 16, 1),
            'transformer': transformer,
            'query_embed': nn.Embedding(num_queries, 16),
            'class_embed': nn.Linear(16, num_classes),
            mlp: MLP(16, 16, size, 3),
        }
    )
    shapes = {
        name: value.shape for name, value in modules.state_dict().items()
    }
    shapes.update(resnet_shapes('backbone.0.body', base=8))
    generator = torch.Generator().manual_seed(0)
    return {
        name: random_values(name, shape, generator)
        for name, shape in shapes.items()
    }


def random_values(name, shape, generator):
    noise = torch.randn(shape, generator=generator)
    if name.startswith('query_embed'):
        return noise
    if len(shape) > 1:
        return noise * shape[1:].numel() ** -0.5
    if name.endswith('running_var'):
        return (0.3 * noise).exp()
    return 0.1 * noise + name.endswith('.weight')


def resnet_shapes(body, base):
    """Shapes of a ResNet-50 whose first convolution has ``base`` channels."""
    shapes = {}

    def add(conv, norm, rows, columns, size):
        shapes[f'{body}.{conv}.weight'] = torch.Size(
            [rows, columns, size, size]
        )
        for part in ('weight', 'bias', 'running_mean', 'running_var'):
            shapes[f'{body}.{norm}.{part}'] = torch.Size([rows])

    add('conv1', 'bn1', base, 3, 7)
    columns = base
    for stage, depth in enumerate((3, 4, 6, 3)):
        inner = base * 2**stage
        for number in range(depth):
            block = f'layer{stage + 1}.{number}'
            sizes = (columns, inner, inner, 4 * inner)
            for i in (1, 2, 3):
                add(
                    f'{block}.conv{i}',
                    f'{block}.bn{i}',
                    sizes[i],
                    sizes[i - 1],
                    3 if i == 2 else 1,
                )
            if number == 0:
                down = f'{block}.downsample'
                add(f'{down}.0', f'{down}.1', 4 * inner, columns, 1)
            columns = 4 * inner
    return shapes


def small_cfg(name='poet_r50_release_coco', **changes):
    """A config of one of ours, of the sizes of ``random_release``."""
    cfg = Config.fromfile(ROOT / 'configs' / f'{name}.py')
    cfg.model.backbone.update(stem_channels=8, base_channels=8)
    head = cfg.model.head
    head.in_channels = 256
    head.positional_encoding.num_feats = 8
    for part in (head.encoder, head.decoder):
        part.num_layers = 2
        layer = part.layer_cfg
        layer.ffn_cfg.update(embed_dims=16, feedforward_channels=24)
        layer.self_attn_cfg.embed_dims = 16
    head.decoder.layer_cfg.cross_attn_cfg.embed_dims = 16
    cfg.merge_from_dict(changes)
    return cfg


def assert_equal(got, expected):
    assert set(got) == set(expected)
    assert all(torch.equal(got[name], expected[name]) for name in expected)
