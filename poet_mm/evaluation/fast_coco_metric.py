"""Compute COCO's AP and AR like MMPose's ``CocoMetric``, in less time.

``CocoMetric`` writes all detections to a JSON file, reads them back and
matches them with ``xtcocotools``, all in Python. Here detections stay in
memory and ``hotcoco`` (https://github.com/derekallman/hotcoco, MIT, optional)
matches them. The differences of xtcocotools from COCO's own code are kept:
people without a labelled keypoint are found by v, not by ``num_keypoints``;
detections without a score above 0 for any keypoint are ignored;
``use_area=False`` takes 0.53 of the box (``coco_arrays.py``).

N: number of people, K: number of keypoints of the skeleton.
"""

import warnings
from itertools import chain
from typing import Dict, List, Optional, Sequence

from mmengine.logging import print_log
from mmpose.evaluation.metrics import CocoMetric
from mmpose.registry import METRICS
from xtcocotools.cocoeval import COCOeval

from ..errors import MissingFile
from .coco_arrays import (
    Detections,
    as_one_class,
    detection_dicts,
    find_obstacle,
    gather_detections,
    person_dicts,
)

try:
    import hotcoco
except ImportError:  # optional: xtcocotools evaluates without it
    hotcoco = None  # type: ignore[assignment]

BACKENDS = ('auto', 'hotcoco', 'xtcocotools')
SUFFIXES = ('', ' .5', ' .75', ' (M)', ' (L)')
NAMES = tuple(kind + suffix for kind in ('AP', 'AR') for suffix in SUFFIXES)
SMALL_NAMES = ('AP (S)', 'AR (S)')
SMALL = [0, 32**2]  # square pixels, COCO's range of small objects
NOT_INSTALLED = 'hotcoco is not installed (pip install hotcoco)'


def small_stats(evaluation) -> List[float]:
    """Return AP and AR of small people, -1 without any.

    People of other areas are ignored, and so are detections that match one of
    them, or have another area and match no person.

    Args:
        evaluation: A ``COCOeval`` of xtcocotools or hotcoco, changed in place.
    """
    evaluation.params.areaRng = [SMALL]
    evaluation.evaluate()
    evaluation.accumulate()
    found = (evaluation.eval[key] for key in ('precision', 'recall'))
    return [
        float(values[values > -1].mean()) if (values > -1).any() else -1.0
        for values in found
    ]


def hotcoco_stats(
    people: List[dict],
    detections: List[dict],
    image_ids: Sequence[int],
    category_ids: Sequence[int],
    sigmas: Sequence[float],
    small: bool = False,
) -> List[float]:
    """Return COCO's ten numbers by hotcoco, and print its table.

    Args:
        people (list[dict]): From :func:`person_dicts`.
        detections (list[dict]): From :func:`detection_dicts`.
        image_ids (list[int]): All images, also those without people.
        category_ids (list[int]): All categories.
        sigmas (list[float]): Of the K keypoints, as in the metainfo.
        small (bool): If True, AP and AR of small people follow.
    """
    dataset = dict(
        images=[dict(id=image_id) for image_id in image_ids],
        categories=[dict(id=n, name=str(n)) for n in category_ids],
    )
    evaluation = hotcoco.COCOeval(
        hotcoco.COCO(dict(dataset, annotations=people)),
        hotcoco.COCO(dict(dataset, annotations=detections)),
        'keypoints',
    )
    evaluation.params.kpt_oks_sigmas = [float(sigma) for sigma in sigmas]
    with warnings.catch_warnings():
        # it warns of other sigmas than COCO's
        warnings.filterwarnings('ignore', 'hotcoco: kpt_oks_sigmas')
        evaluation.run()
        stats = list(evaluation.stats)
        return stats + small_stats(evaluation) if small else stats


@METRICS.register_module()
class FastCocoMetric(CocoMetric):
    """Evaluate like ``CocoMetric``, with the same numbers and a fast backend.

    All categories of the annotation file are one, of any name and id: the
    models have one class.

    Args:
        *args: As in :class:`CocoMetric`.
        backend (str): ``'auto'`` is hotcoco where it is installed and covers
            the case, else xtcocotools; the log then gives the reason.
            ``'hotcoco'`` raises an error instead. ``'xtcocotools'`` evaluates
            as ``CocoMetric``. Defaults to ``'auto'``.
        small (bool): If True, also report ``AP (S)`` and ``AR (S)``, of
            people below 32 x 32 pixels, which COCO leaves out for keypoints.
            Defaults to False.
        **kwargs: As in :class:`CocoMetric`. With ``outfile_prefix`` the
            detections are also written to a file, which takes most of the
            time.
    """

    def __init__(
        self, *args, backend: str = 'auto', small: bool = False, **kwargs
    ) -> None:
        if backend not in BACKENDS:
            raise ValueError(
                f'backend is {backend!r}, expected one of {BACKENDS}.'
            )
        if backend == 'hotcoco' and hotcoco is None:
            raise ImportError(f"backend='hotcoco': {NOT_INSTALLED}.")
        try:
            super().__init__(*args, **kwargs)
        except FileNotFoundError as error:
            raise MissingFile(
                f'No annotation file at {error.filename!r}: give '
                '--data-root, or set ann_file of the evaluator.'
            ) from error
        if self.coco is not None:
            self._join_categories()
        self.backend = backend
        self.small = small
        self._detections: Optional[Detections] = None  # None: in the file

    def _join_categories(self) -> None:
        """Make all categories of the ground truth one, as of predictions."""
        dataset = self.coco.dataset
        people = as_one_class(dataset.get('annotations', []))
        if people != dataset.get('annotations'):
            dataset['annotations'] = people
            dataset['categories'] = [dict(id=1, name='person')]
            self.coco.createIndex()

    def results2json(
        self, keypoints: Dict[int, list], outfile_prefix: str
    ) -> None:
        """Keep the detections, and write them to a file if necessary.

        Args:
            keypoints (dict): Image id -> its detections.
            outfile_prefix (str): The file is "PREFIX.keypoints.json".
        """
        self._detections = None
        if not self.format_only and self.backend != 'xtcocotools':
            self._keep(list(chain.from_iterable(keypoints.values())))
        if self._detections is None or self.outfile_prefix is not None:
            super().results2json(keypoints, outfile_prefix)

    def _keep(self, people: List[dict]) -> None:
        """Keep N detections for hotcoco, or log why it cannot evaluate."""
        obstacle: Optional[str]
        if hotcoco is None:
            obstacle = NOT_INSTALLED
        elif self.iou_type != 'keypoints':
            obstacle = f'hotcoco has no iou_type {self.iou_type!r}'
        else:
            detections = gather_detections(
                people, self.dataset_meta['num_keypoints']
            )
            obstacle = find_obstacle(
                self._people(),
                detections,
                self.coco.getImgIds(),
                self.use_area,
            )
        if obstacle is None:
            self._detections = detections
        elif self.backend == 'hotcoco':
            raise ValueError(
                f"backend='hotcoco': {obstacle}. backend='auto' "
                'takes xtcocotools in this case.'
            )
        else:
            print_log(
                f'FastCocoMetric evaluates with xtcocotools: {obstacle}.',
                logger='current',
            )

    def _people(self) -> List[dict]:
        """Return the entries of the annotation file that COCO evaluates."""
        coco = self.coco
        return coco.loadAnns(
            coco.getAnnIds(imgIds=coco.getImgIds(), catIds=coco.getCatIds())
        )

    # Private API (mmpose 1.3.2, checked): CocoMetric calls it to evaluate.
    def _do_python_keypoint_eval(self, outfile_prefix: str) -> list:
        """Return COCO's numbers for the results of ``results2json``.

        Args:
            outfile_prefix (str): Prefix of the file of detections, if there
                is one.

        Returns:
            list[tuple[str, float]]: Names and numbers.
        """
        if self._detections is None:
            return [
                *super()._do_python_keypoint_eval(outfile_prefix),
                *self._small_by_xtcocotools(outfile_prefix),
            ]
        stats = hotcoco_stats(
            person_dicts(self._people(), self.use_area),
            detection_dicts(self._detections),
            self.coco.getImgIds(),
            self.coco.getCatIds(),
            self.dataset_meta['sigmas'],
            self.small,
        )
        self._detections = None
        return list(zip(NAMES + SMALL_NAMES, stats))

    def _small_by_xtcocotools(self, outfile_prefix: str) -> list:
        """Return names and numbers of small people, none if not wanted."""
        if not self.small:
            return []
        evaluation = COCOeval(
            self.coco,
            self.coco.loadRes(f'{outfile_prefix}.keypoints.json'),
            self.iou_type,
            self.dataset_meta['sigmas'],
            self.use_area,
        )
        return list(zip(SMALL_NAMES, small_stats(evaluation)))
