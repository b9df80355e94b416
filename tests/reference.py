"""Matching and losses as slow loops, written from the equations.

Sources: arXiv 2103.12115v1, Eq. 1-4; associative embedding, arXiv 1611.05424,
section 3.2. Nothing of poet_mm is used here.
"""

import itertools
import math

import numpy as np


def person_loss(pred, true, keypoint_field='keypoints'):
    """Eq. 3 for one query and one person, unweighted by the people count.

    Args:
        pred (dict): ``centers`` (2), ``offsets`` (K, 2), ``visibility`` (K),
            nested lists.
        true (dict): The same, and ``keypoint_weights`` (K).

    Returns:
        dict: The weighted terms by field.
    """
    num_keypoints = len(true['visibility'])
    l1 = 0.0
    for k in range(num_keypoints):
        for axis in range(2):
            difference = pred['offsets'][k][axis] - true['offsets'][k][axis]
            if keypoint_field == 'keypoints':
                difference += pred['centers'][axis] - true['centers'][axis]
            l1 += true['keypoint_weights'][k] * abs(difference)
    visibility = sum(
        (pred['visibility'][k] - true['visibility'][k]) ** 2
        for k in range(num_keypoints)
    )
    center = sum(
        (pred['centers'][axis] - true['centers'][axis]) ** 2 for axis in (0, 1)
    )
    if not any(true['keypoint_weights']):
        center = 0.0
    return {
        keypoint_field: 4 * l1,
        'visibility': 0.2 * visibility,
        'centers': 0.5 * center,
    }


def probability(logits, label):
    exps = [math.exp(x) for x in logits]
    return exps[label] / sum(exps)


def query_of(fields, query):
    return {name: values[query] for name, values in fields.items()}


def match_cost(pred, true, keypoint_field='keypoints'):
    """Eq. 1: minus the probability of the person's class, plus Eq. 3."""
    return -probability(pred['logits'], true['labels']) + sum(
        person_loss(pred, true, keypoint_field).values()
    )


def best_assignment(preds, people, **kwargs):
    """Eq. 2 by trying every assignment; -> (cost, query of each person)."""
    num_queries = len(preds['logits'])
    costs = [
        [
            match_cost(query_of(preds, q), person, **kwargs)
            for q in range(num_queries)
        ]
        for person in people
    ]
    return min(
        (sum(costs[n][q] for n, q in enumerate(queries)), queries)
        for queries in itertools.permutations(range(num_queries), len(people))
    )


def set_loss(layers, images, nobody_weight=0.1, **kwargs):
    """Eq. 4 of every layer: dicts of ``cls`` and the fields of Eq. 3.

    Args:
        layers: ``layers[l][b]`` the predicted fields of image b, lists of Q.
        images: ``images[b]`` a list of people.
    """
    num_people = max(sum(len(people) for people in images), 1)
    results = []
    for predictions in layers:
        total = {}
        nll, weight_sum = 0.0, 0.0
        for preds, people in zip(predictions, images):
            _, queries = best_assignment(preds, people, **kwargs)
            no_object = len(preds['logits'][0]) - 1
            for q, logits in enumerate(preds['logits']):
                label, weight = no_object, nobody_weight
                if q in queries:
                    label = people[queries.index(q)]['labels']
                    weight = 1.0
                nll -= weight * math.log(probability(logits, label))
                weight_sum += weight
            for person, q in zip(people, queries):
                terms = person_loss(query_of(preds, q), person, **kwargs)
                for field, value in terms.items():
                    total[field] = total.get(field, 0.0) + value / num_people
        total['cls'] = nll / weight_sum
        results.append(total)
    return results


def heatmap_loss(heatmaps, target, mask):
    """Mean squared error of (B, K, H, W) where the mask (B, 1, H, W) holds,
    over all cells (arXiv 1611.05424, section 3.2)."""
    total = 0.0
    B, K, H, W = heatmaps.shape
    for b, k, y, x in np.ndindex(B, K, H, W):
        if mask[b, 0, y, x]:
            total += (heatmaps[b, k, y, x] - target[b, k, y, x]) ** 2
    return total / (B * K * H * W)


def tag_losses(tags, indices, num_tags):
    """L_g of arXiv 1611.05424, section 3.2, for (B, LK, H, W) tags: pull and
    push, mean over images. As in MMPose, pull is the mean over a person's
    joints and tags, 2 sigma^2 = 1, push is divided by 2 N (N - 1) in place of
    N^2, and 0 for a single person."""
    pulls, pushes = [], []
    for maps, people in zip(tags, indices):
        K = people.shape[1]
        maps = maps.reshape(num_tags, K, -1)
        means, pull = [], 0.0
        for person in people.tolist():
            own = [
                maps[:, k, cell]
                for k, (cell, counts) in enumerate(person)
                if counts
            ]
            if not own:
                continue
            mean = sum(own) / len(own)
            means.append(mean)
            pull += sum(((tag - mean) ** 2).mean() for tag in own) / len(own)
        N = len(means)
        push = 0.0
        if N > 1:
            push = sum(
                np.exp(-((a - b) ** 2)).sum() for a in means for b in means
            )
            push /= 2 * N * (N - 1)
        pulls.append(pull / max(N, 1))
        pushes.append(push)
    return np.mean(pulls), np.mean(pushes)


def as_reference(outputs, samples):
    """Tensors -> the nested lists of ``reference.set_loss``."""
    num_layers, num_images = outputs['logits'].shape[:2]
    layers = [
        [
            {
                name: values[layer, image].tolist()
                for name, values in outputs.items()
            }
            for image in range(num_images)
        ]
        for layer in range(num_layers)
    ]
    images = []
    for sample in samples:
        labels = sample.gt_instance_labels
        images.append(
            [
                {
                    name: labels[name][n].tolist()
                    for name in labels.keys()  # noqa: SIM118
                }
                for n in range(len(labels))
            ]
        )
    return layers, images
