"""Compare COCO's evaluation of keypoints with MMPose's.

Ours is ``FastCocoMetric``, MMPose's is ``CocoMetric``, which matches with
xtcocotools. Both get the same detections, and must give the same ten numbers
to 6 digits.

xtcocotools runs on one core, hotcoco on all cores, or as many as
``RAYON_NUM_THREADS`` says.
"""

import io
import json
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
from mmengine.logging import MMLogger
from mmpose.evaluation.metrics import CocoMetric
from xtcocotools.cocoeval import COCOeval

from poet_mm.evaluation.fast_coco_metric import FastCocoMetric, hotcoco

from . import measure

THREADS = 1
K = 17
WIDTH, HEIGHT = 640, 480


def random_image(img_id, num_queries, rng):
    """Draw people as in val2017, and detections of them.

    Half of the images have no person, and 3 of 100 people are crowds. The
    detections hit, nearly hit or miss them.

    Returns:
        tuple: Annotations, and the sample that ``process`` gets.
    """
    N = rng.poisson(4) if rng.random() < 0.54 else 0
    sizes = rng.uniform(20, 300, N)
    points = rng.random((N, K, 2)) * sizes[:, None, None]
    points += rng.random((N, 1, 2)) * [WIDTH, HEIGHT]
    people = [
        person_dict(img_id, *person, rng) for person in zip(points, sizes)
    ]
    of = rng.integers(0, max(N, 1), num_queries)
    if N:
        error = rng.exponential(0.12, num_queries) * sizes[of]
        found = points[of] + error[:, None, None] * rng.normal(
            size=(num_queries, K, 2)
        )
        scores = rng.random(num_queries) / (1 + error)
    else:
        found = rng.random((num_queries, K, 2)) * [WIDTH, HEIGHT]
        scores = 0.5 * rng.random(num_queries)
    preds = dict(
        keypoints=found.astype(np.float32),
        keypoint_scores=rng.random((num_queries, K), dtype=np.float32),
        bbox_scores=scores.astype(np.float32),
    )
    return people, dict(
        id=[img_id], img_id=img_id, gt_instances={}, pred_instances=preds
    )


def person_dict(img_id, points, size, rng):
    """Return the annotation of a person."""
    v = rng.integers(0, 3, K) * (rng.random() > 0.05)
    triplets = np.column_stack([points * (v > 0)[:, None], v])
    low, high = points.min(axis=0), points.max(axis=0)
    return dict(
        image_id=img_id,
        category_id=1,
        keypoints=triplets.round(2).ravel().tolist(),
        num_keypoints=int((v > 0).sum()),
        bbox=[*low.tolist(), *(high - low).tolist()],
        area=float(0.6 * size**2),
        iscrowd=int(rng.random() < 0.03),
    )


def make_data(num_images, num_queries, path):
    """Write an annotation file; return the samples."""
    rng = np.random.default_rng(0)
    pairs = [random_image(n, num_queries, rng) for n in range(num_images)]
    people = [person for people, _ in pairs for person in people]
    path.write_text(
        json.dumps(
            dict(
                images=[dict(id=n) for n in range(num_images)],
                categories=[dict(id=1, name='person')],
                annotations=[dict(p, id=n) for n, p in enumerate(people)],
            )
        )
    )
    return [sample for _, sample in pairs]


class Evaluation:
    """Evaluate the samples; keep the ten numbers."""

    def __init__(self, metric, samples):
        self.metric, self.samples = metric, samples
        metric.dataset_meta = dict(num_keypoints=K, sigmas=COCOeval().sigmas)

    def __call__(self):
        """Evaluate all samples once."""
        with redirect_stdout(io.StringIO()):
            self.metric.process(None, self.samples)
            self.numbers = self.metric.evaluate(len(self.samples))


def run(args, num_images=5000, num_queries=25):
    """Return the row of the whole metric."""
    if hotcoco is None:
        print('  left out: hotcoco is not installed (pip install hotcoco)')
        return []
    MMLogger.get_current_instance().setLevel('WARNING')
    if args.quick:
        num_images = min(num_images, 500)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'people.json'
        samples = make_data(num_images, num_queries, path)
        kwargs = dict(ann_file=str(path), score_mode='bbox', nms_mode='none')
        with redirect_stdout(io.StringIO()):
            theirs, ours = (
                Evaluation(metric(**kwargs), samples)
                for metric in (CocoMetric, FastCocoMetric)
            )
    theirs(), ours()
    for name, value in theirs.numbers.items():
        assert abs(value - ours.numbers[name]) <= 1e-6, f'{name} differs'
    return [
        measure(
            f'{num_images} images, {num_queries} detections each',
            'CocoMetric, xtcocotools',
            theirs,
            ours,
            args,
        )
    ]
