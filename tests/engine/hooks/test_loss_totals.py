"""Matched OKS and people found, against COCO and by hand; sums over ranks."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import make_sample, random_outputs, random_people, tiny_head
from mmengine.structures import InstanceData
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval

from poet_mm.codecs.poet_codec import POETCodec
from poet_mm.engine.hooks import loss_totals as totals
from poet_mm.engine.hooks.loss_totals import (
    as_cpu_double,
    match_totals,
    means,
    with_divisor,
)
from poet_mm.models.targets import stack_targets

SIGMAS = np.array([0.05, 0.1, 0.02, 0.08, 0.06])


def coco_oks(keypoints, visible, areas, predictions):
    """COCO's OKS (queries, people) of one image, K = 5."""
    people = [
        dict(
            id=n + 1,
            image_id=1,
            category_id=1,
            iscrowd=0,
            area=float(areas[n]),
            bbox=[0, 0, 1, 1],
            num_keypoints=int((visible[n] > 0).sum()),
            keypoints=np.column_stack([keypoints[n], visible[n]])
            .ravel()
            .tolist(),
        )
        for n in range(len(keypoints))
    ]
    found = [
        dict(
            image_id=1,
            category_id=1,
            score=1 - 0.1 * n,  # keeps the order
            keypoints=np.column_stack([points, np.ones(5)]).ravel().tolist(),
        )
        for n, points in enumerate(predictions)
    ]
    truth = COCO()
    truth.dataset = dict(
        images=[dict(id=1)], categories=[dict(id=1)], annotations=people
    )
    truth.createIndex()
    evaluation = COCOeval(
        truth, truth.loadRes(found), 'keypoints', SIGMAS, use_area=True
    )
    evaluation._prepare()
    return evaluation.computeOks(1, 1)


def test_oks_of_every_layer_is_cocos():
    """Two images, several joints hidden or not labelled."""
    size, outputs = (64, 48), random_outputs(num_layers=3)
    generator = torch.Generator().manual_seed(1)
    people = [random_people(n, generator=generator) for n in (3, 2)]
    areas = [np.array([900.0, 400.0, 2500.0]), np.array([1600.0, 30.0])]
    codec = POETCodec('labelled')
    samples = [make_sample(*values, size, codec=codec) for values in people]
    for sample, values, area in zip(samples, people, areas):
        labels = codec.encode(*values, size, area=area)
        sample.gt_instance_labels = InstanceData(**labels).to_tensor()
    loss = tiny_head().loss_module
    targets, num_people = stack_targets(samples)
    batch = loss.measure(outputs, targets, num_people)
    got = means(as_cpu_double(match_totals(batch, torch.tensor(SIGMAS))))

    pairs = loss.assigner.assign(outputs, targets, num_people)
    pixels = (
        outputs['centers'].unsqueeze(-2) + outputs['offsets']
    ) * torch.tensor([48.0, 64.0])
    for layer, name in enumerate(('d0.oks', 'd1.oks', 'oks')):
        tables = [
            coco_oks(*people[i], areas[i], pixels[layer, i]) for i in (0, 1)
        ]
        expected = [
            tables[image][query, person - (0, 3)[image]]
            for image, query, person in zip(
                *(x[layer].tolist() for x in pairs)
            )
        ]
        assert got[name] == pytest.approx(np.mean(expected), rel=1e-4), name
        assert 0.01 < got[name] < 0.99


def test_found_by_hand():
    """Two layers, three people; their queries give 0.6, 0.4 and 0.9 to
    "person" at the end."""
    probs = torch.tensor([[0.6, 0.4, 0.3], [0.6, 0.4, 0.9]])
    logits = torch.stack([probs, 1 - probs], -1).log()
    batch = SimpleNamespace(
        num_people=4,  # for one there was no query
        num_images=5,
        matched=dict(logits=logits),
        true=dict(labels=torch.zeros(2, 3, dtype=torch.long)),
    )
    quality = match_totals(batch, torch.ones(1))
    assert means(as_cpu_double(quality)) == pytest.approx(
        {
            'people_per_image': 4 / 5,
            'found_per_image': 2 / 5,
            'd0.found_per_image': 1 / 5,
        }
    )


def test_ranks_are_weighted_by_people(monkeypatch):
    """Three ranks, one of them without a batch."""
    ranks = [
        dict(
            loss_cls=with_divisor([2.0, 4.0], 2.5),
            loss_keypoints=with_divisor([1.0, 6.0], 3),
        ),
        {},
        dict(
            loss_cls=with_divisor([1.0, 1.0], 0.5),
            loss_keypoints=with_divisor([1.0, 2.0], 1),
        ),
    ]
    monkeypatch.setattr(totals, 'all_gather_object', lambda mine: ranks)
    assert means(totals.sum_over_ranks({})) == pytest.approx(
        {
            'loss_cls': 5 / 3,
            'd0.loss_cls': 1.0,
            'loss_keypoints': 2.0,
            'd0.loss_keypoints': 0.5,
        }
    )
