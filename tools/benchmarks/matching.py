"""Assignment and set loss of all decoder layers, against a plain loop over
images, layers and people on ``torch.cdist``; both must match the same pairs
and give the same loss."""
from pathlib import Path

import torch
from mmengine.config import Config
from mmpose.registry import MODELS
from scipy.optimize import linear_sum_assignment
from torch.nn import functional as F

from . import median_ms

CONFIG = Path(__file__).parents[2] / 'configs' / 'poet_r50_coco.py'


def add_arguments(parser):
    parser.add_argument('--images', type=int, default=32)
    parser.add_argument('--queries', type=int, default=100)
    parser.add_argument('--people', type=int, default=130, help='in all')
    parser.add_argument('--layers', type=int, default=6)


def make_batch(args, num_keypoints=17):
    """Random predictions and people, as the head and the codec give them."""
    torch.manual_seed(0)
    lead = (args.layers, args.images, args.queries)
    outputs = dict(
        logits=torch.randn(*lead, 2),
        centers=torch.rand(*lead, 2),
        offsets=torch.rand(*lead, num_keypoints, 2) - 0.5,
        visibility=torch.rand(*lead, num_keypoints))
    weights = (torch.rand(args.people, num_keypoints) > 0.3).float()
    targets = dict(
        centers=torch.rand(args.people, 2),
        offsets=(torch.rand(args.people, num_keypoints, 2) - 0.5) *
        weights[..., None],
        visibility=weights,
        keypoint_weights=weights,
        labels=torch.zeros(args.people, dtype=torch.long))
    num_people = torch.bincount(
        torch.randint(args.images, (args.people, )),
        minlength=args.images).tolist()
    for values in outputs.values():
        values.requires_grad_()
    return outputs, targets, num_people


def loop_match(preds, people):
    """Query of each person of one image and layer; cost person by person."""
    cost = torch.zeros(len(people['labels']), len(preds['logits']))
    points = preds['centers'][:, None] + preds['offsets']  # (Q, K, 2)
    for n in range(len(cost)):
        weight = people['keypoint_weights'][n, :, None]  # (K, 1)
        true = (people['centers'][n] + people['offsets'][n]) * weight
        l1 = torch.cdist((points * weight).flatten(1),
                         true.flatten()[None], p=1)
        visibility = torch.cdist(preds['visibility'],
                                 people['visibility'][n][None]).square()
        center = torch.cdist(preds['centers'],
                             people['centers'][n][None]).square()
        center = center * weight.any()
        prob = preds['logits'].softmax(-1)[:, people['labels'][n]]
        cost[n] = (4 * l1 + 0.2 * visibility + 0.5 * center)[:, 0] - prob
    return linear_sum_assignment(cost.detach().numpy())[1]


def loop_loss(outputs, targets, num_people):
    """The incumbent: one image, one layer, one person at a time."""
    total, matched = 0.0, []
    people_of = {k: v.split(num_people) for k, v in targets.items()}
    for layer in range(len(outputs['logits'])):
        labels = torch.ones(outputs['logits'].shape[1:3], dtype=torch.long)
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
                pose = pose + 0.2 * (preds['visibility'][q] -
                                     people['visibility'][n]).square().sum()
                pose = pose + 0.5 * weight.any() * (
                    preds['centers'][q] - people['centers'][n]).square().sum()
        total = total + pose / max(sum(num_people), 1) + F.cross_entropy(
            outputs['logits'][layer].flatten(0, 1),
            labels.flatten(),
            weight=torch.tensor([1.0, 0.1]))
    return total, matched


def our_loss(module, outputs, targets, num_people):
    """-> total loss, queries in the order of layers and people."""
    total = sum(module(outputs, targets, num_people).values())
    pairs = module.assigner.assign(outputs, targets, num_people)
    return total, pairs.query_idx.flatten().tolist()


def run(args):
    """Time matching + loss, forward and with backward."""
    module = MODELS.build(Config.fromfile(CONFIG).model.head.loss)
    batch = make_batch(args)
    expected, got = loop_loss(*batch), our_loss(module, *batch)
    assert expected[1] == got[1], 'the assignments differ'
    torch.testing.assert_close(expected[0], got[0])
    runs = dict(
        loop=lambda: loop_loss(*batch)[0],
        ours=lambda: sum(module(*batch).values()))
    print(f'{args.layers} layers, {args.images} images, {args.queries} '
          f'queries, {args.people} people; same pairs, same loss')
    for name, steps in (('forward', lambda run: run()),
                        ('with backward', lambda run: run().backward())):
        ms = {
            key: median_ms(lambda run=run, steps=steps: steps(run),
                           3 if key == 'loop' else args.repeat)
            for key, run in runs.items()
        }
        per_image = ms['ours'] / args.images / args.layers
        print(f'{name:14s} loop {ms["loop"]:8.1f} ms   ours '
              f'{ms["ours"]:7.1f} ms   {ms["loop"] / ms["ours"]:5.1f} x   '
              f'({per_image:.3f} ms per image and layer)')
