"""Compare assignment and set loss of all decoder layers with a plain loop.

The loop goes over images, layers and people, with ``torch.cdist``. Both must
match the same pairs and give the same loss.
"""

from pathlib import Path

import torch
from mmengine.config import Config
from mmpose.registry import MODELS
from scipy.optimize import linear_sum_assignment
from torch.nn import functional as F

from . import measure

THREADS = 1
DEFAULTS = dict(layers=6, images=32, queries=100, people=130, keypoints=17)
SWEEP = (
    dict(queries=25),
    dict(queries=300),
    dict(people=32),
    dict(people=520),
    dict(images=8),
    dict(keypoints=5),
    dict(keypoints=133),
)
CONFIG = Path(__file__).parents[2] / 'configs' / 'poet_r50_coco.py'


def make_batch(layers, images, queries, people, keypoints):
    """Draw predictions and people, as the head and the codec give them."""
    torch.manual_seed(0)
    lead = (layers, images, queries)
    outputs = dict(
        logits=torch.randn(*lead, 2),
        centers=torch.rand(*lead, 2),
        offsets=torch.rand(*lead, keypoints, 2) - 0.5,
        visibility=torch.rand(*lead, keypoints),
    )
    weights = (torch.rand(people, keypoints) > 0.3).float()
    targets = dict(
        centers=torch.rand(people, 2),
        offsets=(torch.rand(people, keypoints, 2) - 0.5) * weights[..., None],
        visibility=weights,
        keypoint_weights=weights,
        labels=torch.zeros(people, dtype=torch.long),
    )
    num_people = torch.bincount(
        torch.randint(images, (people,)), minlength=images
    ).tolist()
    for values in outputs.values():
        values.requires_grad_()
    return outputs, targets, num_people


def loop_match(preds, people):
    """Return the query of each person of one image and layer."""
    cost = torch.zeros(len(people['labels']), len(preds['logits']))
    points = preds['centers'][:, None] + preds['offsets']  # (Q, K, 2)
    for n in range(len(cost)):
        weight = people['keypoint_weights'][n, :, None]  # (K, 1)
        true = (people['centers'][n] + people['offsets'][n]) * weight
        l1 = torch.cdist(
            (points * weight).flatten(1), true.flatten()[None], p=1
        )
        visibility = torch.cdist(
            preds['visibility'], people['visibility'][n][None]
        ).square()
        center = torch.cdist(
            preds['centers'], people['centers'][n][None]
        ).square()
        center = center * weight.any()
        prob = preds['logits'].softmax(-1)[:, people['labels'][n]]
        cost[n] = (4 * l1 + 0.2 * visibility + 0.5 * center)[:, 0] - prob
    return linear_sum_assignment(cost.detach().numpy())[1]


def loop_loss(outputs, targets, num_people):
    """Return loss and queries, by one image, layer and person at a time."""
    total, matched = 0.0, []
    device = outputs['logits'].device
    people_of = {k: v.split(num_people) for k, v in targets.items()}
    for layer in range(len(outputs['logits'])):
        labels = torch.ones(
            outputs['logits'].shape[1:3], dtype=torch.long, device=device
        )
        pose = 0.0
        for image in range(len(num_people)):
            preds = {k: v[layer, image] for k, v in outputs.items()}
            people = {k: v[image] for k, v in people_of.items()}
            with torch.no_grad():
                queries = loop_match(preds, people)
            matched += queries.tolist()
            for n, q in enumerate(queries):
                labels[image, q] = people['labels'][n]
                weight = people['keypoint_weights'][n, :, None]
                point = preds['centers'][q] + preds['offsets'][q]
                true = people['centers'][n] + people['offsets'][n]
                pose = pose + 4 * ((point - true) * weight).abs().sum()
                pose = (
                    pose
                    + 0.2
                    * (preds['visibility'][q] - people['visibility'][n])
                    .square()
                    .sum()
                )
                pose = (
                    pose
                    + 0.5
                    * weight.any()
                    * (preds['centers'][q] - people['centers'][n])
                    .square()
                    .sum()
                )
        total = (
            total
            + pose / max(sum(num_people), 1)
            + F.cross_entropy(
                outputs['logits'][layer].flatten(0, 1),
                labels.flatten(),
                weight=torch.tensor([1.0, 0.1], device=device),
            )
        )
    return total, matched


def our_loss(module, outputs, targets, num_people):
    """Return total loss, and queries in the order of layers and people."""
    total = sum(module(outputs, targets, num_people).values())
    pairs = module.assigner.assign(outputs, targets, num_people)
    return total, pairs.query_idx.flatten().tolist()


def run(args, **case):
    """Return rows of the default case, and of changes to it."""
    case = {**DEFAULTS, **case}
    module = MODELS.build(Config.fromfile(CONFIG).model.head.loss)
    rows = measure_case(module, case, args)
    for change in [] if args.quick else SWEEP:
        rows += measure_case(module, {**case, **change}, args)
    return rows


def measure_case(module, case, args):
    """Return rows of forward, and of forward and backward."""
    batch = make_batch(**case)
    expected, got = loop_loss(*batch), our_loss(module, *batch)
    assert expected[1] == got[1], 'the assignments differ'
    torch.testing.assert_close(expected[0], got[0])
    numbers = ', '.join(f'{n} {name}' for name, n in case.items())
    return [
        measure(
            f'{numbers}, {name}',
            'loop over people, torch.cdist',
            lambda step=step: step(loop_loss(*batch)[0]),
            lambda step=step: step(sum(module(*batch).values())),
            args,
        )
        for name, step in (
            ('forward', lambda loss: loss),
            ('forward + backward', torch.Tensor.backward),
        )
    ]
