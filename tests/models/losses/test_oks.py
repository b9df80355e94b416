"""OKS of predictions against COCO's own code, and as a term of the loss."""

import numpy as np
import pytest
import torch
from helpers import (
    FAST_LOSS,
    FIVE,
    PAPER_LOSS,
    fast_head,
    random_outputs,
    random_people,
    random_samples,
    tiny_head,
    with_areas,
)
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval

from poet_mm.codecs.poet_codec import POETCodec
from poet_mm.models.losses.oks import KeypointSimilarity, matched_oks
from poet_mm.models.targets import stack_targets


def coco_oks(pred, keypoints, visible, area):
    """OKS (D, N) by COCO's own code."""
    coco = COCO()
    people = [
        dict(
            id=n + 1,
            image_id=1,
            category_id=1,
            iscrowd=0,
            area=float(area[n]),
            bbox=[0, 0, 10, 10],
            num_keypoints=int((visible[n] > 0).sum()),
            keypoints=np.concatenate((points, visible[n][:, None]), 1)
            .ravel()
            .tolist(),
        )
        for n, points in enumerate(keypoints)
    ]
    coco.dataset = dict(
        images=[dict(id=1)], annotations=people, categories=[dict(id=1)]
    )
    coco.createIndex()
    found = [
        dict(
            id=n + 1,
            image_id=1,
            category_id=1,
            score=1.0 - 0.01 * n,
            area=1.0,
            bbox=[0, 0, 10, 10],
            keypoints=np.concatenate((points, np.ones((5, 1))), 1)
            .ravel()
            .tolist(),
        )
        for n, points in enumerate(pred)
    ]
    results = COCO()
    results.dataset = dict(coco.dataset, annotations=found)
    results.createIndex()
    evaluation = COCOeval(
        coco, results, 'keypoints', np.array(FIVE['sigmas']), use_area=True
    )
    evaluation._prepare()
    return evaluation.computeOks(1, 1)


@pytest.mark.parametrize('seed', range(5))
def test_oks_is_that_of_coco(seed):
    rng = np.random.default_rng(seed)
    size = (64, 48)
    keypoints, visible = random_people(
        4, 5, size, torch.Generator().manual_seed(seed)
    )
    visible[:, 0] = 2
    area = rng.uniform(50, 2000, 4)
    pred = keypoints + rng.normal(0, 3, keypoints.shape)
    labels = POETCodec('labelled').encode(keypoints, visible, size, area=area)
    true = {name: torch.as_tensor(x) for name, x in labels.items()}
    pixels = torch.tensor([size[1], size[0]])
    points = torch.as_tensor(pred, dtype=torch.float32) / pixels  # (4, 5, 2)
    centers = points.mean(1)
    found = dict(
        centers=centers[:, None], offsets=(points - centers[:, None])[:, None]
    )
    got = KeypointSimilarity(FIVE)(found, true)  # (4, 4): found, people
    expected = coco_oks(pred, keypoints, visible, area)
    torch.testing.assert_close(
        got,
        torch.as_tensor(expected, dtype=torch.float32),
        atol=1e-5,
        rtol=1e-4,
    )


def test_oks_term():
    targets, num_people = stack_targets(with_areas(random_samples([2, 1])))
    loss = fast_head(loss=FAST_LOSS).loss_module
    batch = loss.measure(random_outputs(), targets, num_people)
    similarity = KeypointSimilarity(FIVE)
    for layer in range(2):
        expected = 0.0
        for pair in range(3):
            pred, true = (
                {name: values[layer, pair] for name, values in fields.items()}
                for fields in (batch.matched, batch.true)
            )
            if true['keypoint_weights'].any():
                expected += 2.0 * (1 - similarity(pred, true).item())
        assert batch.sums['loss_oks'][layer].item() == pytest.approx(expected)


def test_oks_of_another_skeleton():
    head = fast_head(num_keypoints=3, loss=FAST_LOSS)
    samples = with_areas(random_samples([2, 1], num_keypoints=3))
    with pytest.raises(ValueError, match=r'3 keypoints.* 5 sigmas'):
        head.loss((torch.randn(2, 8, 4, 3),), samples)


def test_oks_needs_areas():
    head = fast_head(loss=FAST_LOSS)
    with pytest.raises(KeyError, match='areas of people'):
        head.loss((torch.randn(2, 8, 4, 3),), random_samples([2, 1]))


def test_oks_needs_metainfo():
    with pytest.raises(ValueError, match=r'model\.head\.loss\.metainfo'):
        tiny_head(loss=dict(PAPER_LOSS, oks_weight=1.0))


def test_oks_of_no_area():
    """0 but where a joint is exact, as in COCO; and a gradient."""
    keypoints, visible = random_people(
        2, 5, (64, 48), torch.Generator().manual_seed(0)
    )
    visible[:] = 2
    labels = POETCodec('labelled').encode(
        keypoints, visible, (64, 48), area=np.zeros(2)
    )
    true = {name: torch.as_tensor(x) for name, x in labels.items()}
    pred = dict(centers=true['centers'].clone(), offsets=true['offsets'] + 0.1)
    pred['centers'].requires_grad_()
    got = KeypointSimilarity(FIVE)(pred, true)
    assert got.tolist() == [0, 0]
    got.sum().backward()
    assert pred['centers'].grad.isfinite().all()


def test_people_without_joints_have_no_oks():
    loss = fast_head(loss=FAST_LOSS).loss_module
    (sample,) = with_areas(random_samples([1]))
    sample.gt_instance_labels.keypoint_weights[:] = 0
    batch = loss.measure(
        random_outputs(num_images=1), *stack_targets([sample])
    )
    assert batch.sums['loss_oks'].tolist() == [0, 0]


def test_oks_by_hand():
    """One joint a size of 2 sigmas off, one exact, one that does not count;
    a person without joints has 0."""
    true = torch.tensor([[[0.5, 0.5]] * 3] * 2)
    pred = true.clone()
    pred[0, 0, 0] += 0.1  # of 200 pixels: 20, person 100, 0.2 = 2 sigma
    pred[0, 2] = 0
    weights = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    scales = torch.tensor([[2.0, 1.0]] * 2)
    oks = matched_oks(
        pred, true, weights, scales, torch.tensor([0.1, 0.1, 0.1])
    )
    expected = (np.exp(-0.5) + 1) / 2
    np.testing.assert_allclose(oks, [expected, 0], rtol=1e-6)
