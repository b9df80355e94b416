"""COCO's ten numbers, as MMPose's ``CocoMetric`` gives them, in less time.

``CocoMetric`` writes all detections to a JSON file, reads them back and
matches them with ``xtcocotools``, all of it in Python. Here detections stay in
memory and ``hotcoco`` (https://github.com/derekallman/hotcoco, MIT, optional)
matches them. What xtcocotools does differently from the original COCO code is
kept: people without a labelled joint are told by v, not by
``num_keypoints``; detections without a score above 0 for any joint count as
not made; ``use_area=False`` takes 0.53 of the box.

N: number of people, K: number of keypoints of the skeleton.
"""
import gc
import warnings
from itertools import chain
from typing import Dict, List, NamedTuple, Optional, Sequence

import numpy as np
from mmengine.logging import print_log
from mmpose.evaluation.metrics import CocoMetric
from mmpose.registry import METRICS

try:
    import hotcoco
except ImportError:  # optional: xtcocotools does it, too
    hotcoco = None

BACKENDS = ('auto', 'hotcoco', 'xtcocotools')
NAMES = ('AP', 'AP .5', 'AP .75', 'AP (M)', 'AP (L)', 'AR', 'AR .5', 'AR .75',
         'AR (M)', 'AR (L)')
TOLERANCE = 1e-6
MISSING = 'hotcoco is not installed (pip install hotcoco)'


class Detections(NamedTuple):
    """What a model found in all images, in the order of the images.

    Shapes: keypoints (N, K, 3) as x, y in pixels and score, in float64;
    scores, areas in square pixels, image_ids and category_ids (N,).
    """
    keypoints: np.ndarray
    scores: np.ndarray
    areas: np.ndarray
    image_ids: np.ndarray
    category_ids: np.ndarray


def box_areas(keypoints: np.ndarray) -> np.ndarray:
    """Areas (N,) of the boxes around all joints of (N, K, 2 or 3) keypoints,
    in square pixels."""
    # people last: NumPy is slow at long reductions over short axes
    points = keypoints[..., :2].transpose(2, 1, 0).copy()  # (2, K, N)
    width, height = np.ptp(points, axis=1)
    return width * height


def gather_detections(people: List[dict], num_keypoints: int) -> Detections:
    """Join what ``CocoMetric`` collects into arrays.

    Args:
        people (list[dict]): N detections with ``keypoints`` (K, 3),
            ``score``, ``img_id``, ``category_id`` and, all of them or none,
            ``bbox`` (4,), x, y, w, h in pixels.
        num_keypoints (int): K.

    Returns:
        Detections: The area is that of the box, else of all keypoints' box.
    """
    keypoints = np.array([person['keypoints'] for person in people],
                         dtype=np.float64)
    keypoints = keypoints.reshape(len(people), num_keypoints, 3)
    if people and 'bbox' in people[0]:
        areas = np.array([person['bbox'] for person in people],
                         dtype=np.float64)[:, 2:].prod(axis=1)
    else:
        areas = box_areas(keypoints)
    return Detections(
        keypoints=keypoints,
        scores=np.array([person['score'] for person in people],
                        dtype=np.float64),
        areas=areas,
        image_ids=np.array([person['img_id'] for person in people]),
        category_ids=np.array([person['category_id'] for person in people]))


def find_obstacle(people: List[dict], detections: Detections,
                  image_ids: Sequence[int], use_area: bool) -> Optional[str]:
    """Why xtcocotools has to do it, or None. It knows what to do with all of
    this, be it an odd number or an error, where hotcoco goes on in silence.

    Args:
        people (list[dict]): Entries of the annotation file.
        detections (Detections): All detections.
        image_ids (list[int]): All images of the annotation file.
        use_area (bool): Whether people need an ``area``.
    """
    K = detections.keypoints.shape[1]
    if any(len(person['keypoints']) != 3 * K for person in people):
        return f'not everyone in the annotation file has {K} joints'
    if use_area and not all('area' in person for person in people):
        return "someone in the annotation file has no 'area'"
    of_people = chain.from_iterable(
        chain(person['keypoints'], person['bbox'],
              [person['area']] if use_area else []) for person in people)
    if not np.isfinite(np.fromiter(of_people, np.float64)).all():
        return 'a number in the annotation file is not finite'
    if not all(np.isfinite(values).all() for values in detections[:3]):
        return 'a detection has a number that is not finite'
    for ids in (image_ids, detections.image_ids, detections.category_ids):
        ids = np.asarray(ids)
        if len(ids) and (ids.ndim > 1 or ids.dtype.kind != 'i'
                         or ids.min() < 0):
            return 'an image or category has another id than 0, 1, 2, ...'
    if not np.isin(detections.image_ids, image_ids).all():
        return 'a detection is in an image that the annotation file has not'
    return None


def best_of_images(detections: Detections) -> np.ndarray:
    """Index of the 20 detections with the highest scores of each image and
    category, first come first served at equal scores; COCO looks at no others.

    Returns:
        np.ndarray: (M,), ascending, so that ties go on as they were.
    """
    order = np.lexsort((-detections.scores, detections.category_ids,
                        detections.image_ids))  # stable
    groups = np.stack([detections.image_ids, detections.category_ids])
    groups = groups[:, order]
    later = order[20:][(groups[:, 20:] == groups[:, :-20]).all(axis=0)]
    return np.setdiff1d(np.arange(len(order)), later, assume_unique=True)


def detection_dicts(detections: Detections) -> List[dict]:
    """COCO's entries of those detections that count.

    Keypoints are memoryviews of the array: 51 Python numbers per person would
    take most of the time.
    """
    found = (detections.keypoints[..., 2] > 0).any(axis=1)
    detections = Detections(*(values[found] for values in detections))
    _, K, _ = detections.keypoints.shape
    best = best_of_images(detections)
    columns = zip(detections.keypoints[best].reshape(-1, 3 * K),
                  *(values[best].tolist() for values in detections[1:]))
    return [
        dict(
            id=n,
            keypoints=memoryview(keypoints),
            score=score,
            area=area,
            image_id=image_id,
            category_id=category_id)
        for n, (keypoints, score, area, image_id,
                category_id) in enumerate(columns, 1)
    ]


def person_dicts(people: List[dict], use_area: bool) -> List[dict]:
    """COCO's entries of the people to find, as xtcocotools sees them.

    Args:
        people (list[dict]): Entries of the annotation file.
        use_area (bool): Else the area is 0.53 of the box.
    """
    return [
        dict(
            id=n,
            image_id=person['image_id'],
            category_id=person['category_id'],
            keypoints=person['keypoints'],
            num_keypoints=sum(v > 0 for v in person['keypoints'][2::3]),
            bbox=person['bbox'],
            area=person['area'] if use_area else w * h * 0.53,
            iscrowd=int(person['iscrowd']))
        for n, person in enumerate(people, 1)
        for w, h in [person['bbox'][2:]]
    ]


def hotcoco_stats(people: List[dict], detections: List[dict],
                  image_ids: Sequence[int], category_ids: Sequence[int],
                  sigmas: Sequence[float]) -> np.ndarray:
    """COCO's ten numbers by hotcoco, (10,); also prints its table.

    Args:
        people (list[dict]): From :func:`person_dicts`.
        detections (list[dict]): From :func:`detection_dicts`.
        image_ids (list[int]): All images, also those without people.
        category_ids (list[int]): All categories.
        sigmas (list[float]): Of the K keypoints, as in the metainfo.
    """
    dataset = dict(
        images=[dict(id=image_id) for image_id in image_ids],
        categories=[dict(id=n, name=str(n)) for n in category_ids])
    evaluation = hotcoco.COCOeval(
        hotcoco.COCO(dict(dataset, annotations=people)),
        hotcoco.COCO(dict(dataset, annotations=detections)), 'keypoints')
    evaluation.params.kpt_oks_sigmas = [float(sigma) for sigma in sigmas]
    with warnings.catch_warnings():
        # it says that other sigmas than COCO's give other numbers
        warnings.filterwarnings('ignore', 'hotcoco: kpt_oks_sigmas')
        evaluation.run()
    return np.asarray(evaluation.stats)


def require_equal(fast: List[tuple], reference: List[tuple]) -> None:
    """Raise a RuntimeError that names what differs by more than 1e-6.

    Args:
        fast (list[tuple[str, float]]): Names and numbers by hotcoco.
        reference (list[tuple[str, float]]): The same by xtcocotools.
    """
    wrong = [
        f'{name} is {value:.8f}, not {expected:.8f}'
        for (name, value), (_, expected) in zip(fast, reference)
        if not abs(value - expected) <= TOLERANCE
    ]
    if wrong:
        raise RuntimeError(
            f"hotcoco differs from xtcocotools: {'; '.join(wrong)}. Evaluate "
            "with backend='xtcocotools' and report this, with the versions of "
            'both and the detections (outfile_prefix writes them).')


@METRICS.register_module()
class FastCocoMetric(CocoMetric):
    """``CocoMetric`` with a fast backend: same arguments, same numbers.

    Args:
        *args: As in :class:`CocoMetric`.
        backend (str): ``'auto'`` is hotcoco where it is installed and covers
            the case, else xtcocotools, with a line in the log that says why.
            ``'hotcoco'`` raises an error instead. ``'xtcocotools'`` evaluates
            as ``CocoMetric``. Defaults to ``'auto'``.
        check (bool): Whether to evaluate with both, and to raise a
            RuntimeError that names the numbers that differ by more than 1e-6.
            Defaults to False.
        **kwargs: As in :class:`CocoMetric`. With ``outfile_prefix`` the
            detections are also written to a file, which takes longer than
            everything else.
    """

    def __init__(self,
                 *args,
                 backend: str = 'auto',
                 check: bool = False,
                 **kwargs) -> None:
        if backend not in BACKENDS:
            raise ValueError(
                f'backend is {backend!r}, expected one of {BACKENDS}.')
        if backend == 'hotcoco' and hotcoco is None:
            raise ImportError(f"backend='hotcoco': {MISSING}.")
        super().__init__(*args, **kwargs)
        self.backend = backend
        self.check = check
        self._detections: Optional[Detections] = None  # None: in the file

    def evaluate(self, size: int) -> Dict[str, float]:
        """As in ``CocoMetric``, with the garbage collector paused: it would
        go through hundreds of thousands of new dicts again and again."""
        enabled = gc.isenabled()
        gc.disable()
        try:
            return super().evaluate(size)
        finally:
            if enabled:
                gc.enable()

    def process(self, data_batch: Sequence[dict],
                data_samples: Sequence[dict]) -> None:
        """Collect the results of one batch, with the areas of all people of
        an image at once: ``CocoMetric`` takes 10 us for each."""
        done = len(self.results)
        super().process(data_batch, data_samples)
        if self.pred_converter is None:  # it moves the keypoints later
            for pred, _ in self.results[done:]:
                if len(pred['keypoints']):
                    pred.setdefault('areas', box_areas(pred['keypoints']))

    def results2json(self, keypoints: Dict[int, list],
                     outfile_prefix: str) -> None:
        """Keep the detections, and write them to a file where it is needed.

        Args:
            keypoints (dict): Image id -> its detections.
            outfile_prefix (str): The file is "PREFIX.keypoints.json".
        """
        self._detections = None
        if not self.format_only and self.backend != 'xtcocotools':
            self._keep(list(chain.from_iterable(keypoints.values())))
        if (self._detections is None or self.check
                or self.outfile_prefix is not None):
            super().results2json(keypoints, outfile_prefix)

    def _keep(self, people: List[dict]) -> None:
        """Keep N detections for hotcoco, or say why it cannot have them."""
        detections, obstacle = None, None
        if hotcoco is None:
            obstacle = MISSING
        elif self.iou_type != 'keypoints':
            obstacle = f'hotcoco has no iou_type {self.iou_type!r}'
        else:
            detections = gather_detections(people,
                                           self.dataset_meta['num_keypoints'])
            obstacle = find_obstacle(self._people(), detections,
                                     self.coco.getImgIds(), self.use_area)
        if obstacle is None:
            self._detections = detections
        elif self.backend == 'hotcoco':
            raise ValueError(f"backend='hotcoco': {obstacle}. backend='auto' "
                             'leaves such a case to xtcocotools.')
        else:
            print_log(
                f'FastCocoMetric leaves it to xtcocotools: {obstacle}.',
                logger='current')

    def _people(self) -> List[dict]:
        """Entries of the annotation file that COCO's code looks at."""
        coco = self.coco
        return coco.loadAnns(
            coco.getAnnIds(imgIds=coco.getImgIds(), catIds=coco.getCatIds()))

    def _do_python_keypoint_eval(self, outfile_prefix: str) -> list:
        """COCO's numbers of what ``results2json`` got.

        Args:
            outfile_prefix (str): Where the detections were written, if so.

        Returns:
            list[tuple[str, float]]: Names and numbers.
        """
        if self._detections is None:
            return super()._do_python_keypoint_eval(outfile_prefix)
        stats = hotcoco_stats(
            person_dicts(self._people(), self.use_area),
            detection_dicts(self._detections), self.coco.getImgIds(),
            self.coco.getCatIds(), self.dataset_meta['sigmas'])
        self._detections = None
        values = list(zip(NAMES, stats))
        if self.check:
            require_equal(values,
                          super()._do_python_keypoint_eval(outfile_prefix))
        return values
