"""Small models, people and predictions that the tests share."""

import copy
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmpose.apis import init_model
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import nn

from poet_mm.checkpoints.convert import build_model
from poet_mm.codecs.poet_codec import POETCodec
from poet_mm.evaluation.oks import People

ROOT = Path(__file__).resolve().parent.parent  # of the repository

PAPER_COSTS = [
    dict(type='PersonProbabilityCost', weight=1.0),
    dict(type='KeypointL1Cost', field='keypoints', weight=4.0),
    dict(type='L2Cost', field='visibility', weight=0.2),
    dict(type='L2Cost', field='centers', weight=0.5),
]
PAPER_LOSS = dict(
    type='PoseSetLoss',
    assigner=dict(type='PoseHungarianAssigner', match_costs=PAPER_COSTS),
    loss_cls=dict(type='mmdet.CrossEntropyLoss', loss_weight=1.0),
    terms=dict(
        keypoints=dict(type='mmdet.L1Loss', loss_weight=4.0),
        visibility=dict(type='mmdet.MSELoss', loss_weight=0.2),
        centers=dict(type='mmdet.MSELoss', loss_weight=0.5),
    ),
)

FIVE = dict(
    dataset_name='five',
    paper_info=dict(),
    keypoint_info={
        i: dict(name=f'joint{i}', id=i, color=[0, 0, 0], type='', swap='')
        for i in range(5)
    },
    skeleton_info={},
    joint_weights=[1.0] * 5,
    sigmas=[0.03, 0.05, 0.08, 0.1, 0.2],
)
FAST_LOSS = dict(PAPER_LOSS, oks_weight=2.0, metainfo=FIVE)


def tiny_head_cfg(num_keypoints=5, num_queries=6, in_channels=8, **kwargs):
    """A POETHead of two encoder and two decoder layers, 16 wide."""
    attention = dict(embed_dims=16, num_heads=2, dropout=0.0)
    ffn = dict(embed_dims=16, feedforward_channels=32, ffn_drop=0.0)
    cfg = dict(
        type='POETHead',
        in_channels=in_channels,
        num_keypoints=num_keypoints,
        num_queries=num_queries,
        encoder=dict(
            num_layers=2, layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=ffn)
        ),
        decoder=dict(
            num_layers=2,
            layer_cfg=dict(
                self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=ffn
            ),
        ),
        positional_encoding=dict(num_feats=8, normalize=True),
        loss=PAPER_LOSS,
        codec=dict(type='POETCodec'),
    )
    cfg.update(kwargs)
    return copy.deepcopy(cfg)


def tiny_head(**kwargs):
    head = MODELS.build(tiny_head_cfg(**kwargs))
    head.init_weights()
    return head


def random_people(num_people, num_keypoints=5, size=(64, 48), generator=None):
    """Pixel keypoints (N, K, 2) and raw v (N, K) of an image (h, w)."""
    height, width = size
    keypoints = torch.rand(
        num_people, num_keypoints, 2, generator=generator
    ) * torch.tensor([width - 1.0, height - 1.0])
    visible = torch.randint(
        0, 3, (num_people, num_keypoints), generator=generator
    ).float()
    return keypoints.numpy(), visible.numpy()


def make_sample(
    keypoints,
    keypoints_visible,
    img_shape=(64, 48),
    batch_input_shape=None,
    codec=None,
):
    """A data sample with POET's targets, as the pipeline packs it."""
    codec = codec or POETCodec()
    labels = codec.encode(keypoints, keypoints_visible, img_shape)
    height, width = img_shape
    sample = PoseDataSample(
        metainfo=dict(
            img_shape=img_shape,
            input_size=(width, height),
            input_center=(width / 2, height / 2),
            input_scale=(width, height),
            batch_input_shape=batch_input_shape or img_shape,
        )
    )
    sample.gt_instance_labels = InstanceData(**labels).to_tensor()
    return sample


def random_samples(counts, num_keypoints=5, seed=0, **kwargs):
    generator = torch.Generator().manual_seed(seed)
    return [
        make_sample(
            *random_people(count, num_keypoints, generator=generator), **kwargs
        )
        for count in counts
    ]


def with_areas(samples):
    """The same samples, whose people have areas."""
    for sample in samples:
        labels = sample.gt_instance_labels
        labels.scales = torch.full((len(labels), 2), 3.0)
    return samples


def random_outputs(
    num_layers=2,
    num_images=2,
    num_queries=6,
    num_keypoints=5,
    num_classes=1,
    seed=0,
    requires_grad=False,
):
    """What ``POETHead.forward`` returns, at random."""
    generator = torch.Generator().manual_seed(seed)
    lead = (num_layers, num_images, num_queries)

    def rand(*shape):
        return torch.rand(*lead, *shape, generator=generator)

    outputs = dict(
        logits=4 * rand(num_classes + 1) - 2,
        centers=rand(2),
        offsets=rand(num_keypoints, 2) - 0.5,
        visibility=rand(num_keypoints),
    )
    for values in outputs.values():
        values.requires_grad_(requires_grad)
    return outputs


def write_video(path, num_frames, size=(50, 38), fourcc='mp4v', grey=None):
    """Write frames of random colours or all grey, 10 in a second."""
    codec = cv2.VideoWriter_fourcc(*fourcc)
    writer = cv2.VideoWriter(str(path), codec, 10, size)
    assert writer.isOpened()
    rng = np.random.default_rng(0)
    for _ in range(num_frames):
        coarse = rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)
        if grey is not None:
            coarse[:] = grey
        writer.write(cv2.resize(coarse, size))
    writer.release()
    return path


TINY_TOY = """\
_base_ = [{base!r}]
model = dict(
    backbone=dict(base_channels=8, stem_channels=8),
    head=dict(in_channels=32))
"""


def write_tiny_config(path, root):
    """A config of a tiny model for synthetic people."""
    base = root / 'configs' / 'poet_r18_toy.py'
    path.write_text(TINY_TOY.format(base=str(base)))
    return path


def write_random_checkpoint(path, config):
    """Weights of a model that sees something different in every image: with
    the weights of a head that is only initialised, all people are alike."""
    torch.manual_seed(0)
    model = init_model(str(config), None, device='cpu')
    generator = torch.Generator().manual_seed(0)
    for name, values in model.named_parameters():
        if 'embed' in name or 'input_proj' in name:
            scale = 3.0 if 'query' in name else 0.1
            noise = torch.randn(values.shape, generator=generator)
            values.data = scale * noise
    bias = model.head.class_embed.bias.data
    bias[:] = torch.eye(len(bias))[0]
    torch.save(
        dict(
            state_dict=model.state_dict(),
            meta=dict(dataset_meta=model.dataset_meta),
        ),
        path,
    )
    return path


BODY = np.array([[0.0, 0], [40, 0], [20, 40], [0, 80], [40, 80]])


def make_people(*corners, area=3600.0, visibility=2):
    """People of the same pose at corners (x, y)."""
    N = len(corners)
    keypoints = BODY + np.reshape(corners, (N, 1, 2))
    box = np.concatenate([np.reshape(corners, (N, 2)), [[40, 80]] * N], 1)
    return People(
        ids=np.arange(N),
        keypoints=keypoints,
        visibility=np.broadcast_to(visibility, (N, len(BODY))).astype(float),
        bbox=box,
        area=np.full(N, area),
    )


def as_ours(state):
    """mmcv's parameter names -> ours."""
    names = (('attn.in_proj_', 'in_proj.'), ('attn.out_proj', 'out_proj'))
    renamed = {}
    for name, value in state.items():
        for old, new in names:
            name = name.replace(old, new)
        renamed[name] = value
    return renamed


def toy_model(**changes):
    cfg = Config.fromfile(ROOT / 'configs' / 'poet_r18_toy.py')
    cfg.merge_from_dict(
        {f'model.{key}': value for key, value in changes.items()}
    )
    return build_model(cfg)


def fast_head(**kwargs):
    return tiny_head(propose=True, refine=True, **kwargs)


def padded_samples():
    samples = random_samples([2, 1], img_shape=(40, 60))
    for sample in samples:
        sample.set_metainfo(dict(batch_input_shape=(64, 96)))
    return with_areas(samples)


class TinyPoet(nn.Module):
    """A backbone of one convolution and a small head."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Conv2d(3, 8, 16, stride=16)
        self.head = tiny_head()

    def forward(self, images, samples):
        losses = self.head.loss((self.backbone(images),), samples)
        return sum(losses.values())


def loss_and_gradients(model, batch):
    model.zero_grad()
    loss = model(*batch)
    loss.backward()
    return loss, {n: p.grad.clone() for n, p in model.named_parameters()}


def build_loss(**kwargs):
    return MODELS.build(copy.deepcopy({**PAPER_LOSS, **kwargs}))


def people_of(inferencer, inputs, **kwargs):
    """Keypoints (N, K, 2) of every image, all queries."""
    kwargs.setdefault('score_thr', 0)
    return [
        np.array([person['keypoints'] for person in people])
        for result in inferencer(inputs, **kwargs)
        for people in result['predictions']
    ]


def assert_same(got, expected, atol=1e-4):
    assert len(got) == len(expected)
    for a, b in zip(got, expected):
        np.testing.assert_allclose(a, b, atol=atol)
