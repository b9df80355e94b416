"""Hand people on to other tools: supervision, pandas and CSV.

N: number of people of an image, K: number of keypoints of the skeleton.
"""

import csv
from typing import TYPE_CHECKING, Any, Dict, List, Tuple

import numpy as np
from mmpose.structures import PoseDataSample

from ..utils.packages import import_optional
from .results import keypoint_boxes

if TYPE_CHECKING:
    import pandas
    import supervision

COLUMNS = dict(
    image=str,
    person=int,
    keypoint=str,
    x=float,
    y=float,
    score=float,
    visibility=float,
)


def detection_arrays(
    sample: PoseDataSample, kpt_thr: float
) -> Dict[str, np.ndarray]:
    """Return the arrays of :func:`to_supervision`.

    Returns:
        dict[str, np.ndarray]: ``keypoints`` (N, K, 2), float32, and ``boxes``
        (N, 4), float32, x1, y1, x2, y2, in pixels of the original image;
        ``keypoint_scores`` (N, K) and ``scores`` (N, ), float32, in [0, 1];
        ``visible`` (N, K), bool, where the visibility, or the score if there
        is none, is not below ``kpt_thr``.
    """
    people = sample.pred_instances
    keypoints = np.asarray(people.keypoints, np.float32)
    keypoint_scores = np.asarray(people.keypoint_scores, np.float32)
    # The score would hide all keypoints of a person with a low score.
    visible = np.asarray(people.get('visibility', keypoint_scores)) >= kpt_thr
    return dict(
        keypoints=keypoints,
        boxes=keypoint_boxes(keypoints, visible),
        keypoint_scores=keypoint_scores,
        scores=np.asarray(people.bbox_scores, np.float32),
        visible=visible,
    )


def to_supervision(
    sample: PoseDataSample, kpt_thr: float = 0.3
) -> Tuple['supervision.KeyPoints', 'supervision.Detections']:
    """Return the people of an image as classes of supervision.

    Args:
        sample (PoseDataSample): From :class:`POETInferencer`, with
            ``return_datasamples=True``.
        kpt_thr (float): Keypoints with a lower visibility, in [0, 1], are not
            ``visible``, and the box of a person leaves them out; of a model
            without visibility, those with a lower score. A person without a
            visible keypoint has the box of all keypoints. Defaults to 0.3.

    Returns:
        tuple: ``supervision.KeyPoints``, N skeletons of K keypoints in pixels
        of the original image, if predicted with ``data['visibility']`` (N, K);
        and ``supervision.Detections``, N boxes in the same order, whose
        ``data['person']`` (N, ) is the index of the skeleton, also after a
        filter or a tracker.

    Raises:
        UserError: supervision is missing or too old.
    """
    sv = import_optional('supervision', '0.29')
    arrays = detection_arrays(sample, kpt_thr)
    people = sample.pred_instances
    classes = np.zeros(len(people), int)  # all are people
    skeletons = sv.KeyPoints(
        xy=arrays['keypoints'],
        class_id=classes,
        keypoint_confidence=arrays['keypoint_scores'],
        detection_confidence=arrays['scores'],
        visible=arrays['visible'],
    )
    if 'visibility' in people:
        skeletons.data['visibility'] = np.asarray(people.visibility)
    detections = sv.Detections(
        xyxy=arrays['boxes'],
        confidence=arrays['scores'],
        class_id=classes,
        data=dict(person=np.arange(len(people))),
    )
    return skeletons, detections


def to_rows(sample: PoseDataSample) -> List[Dict[str, Any]]:
    """Return one row for each keypoint of each person of an image.

    Returns:
        list[dict]: N * K rows with the keys of ``COLUMNS``, see
        :func:`to_dataframe`.
    """
    people = sample.pred_instances
    N, K = people.keypoint_scores.shape
    names = sample.get('keypoint_names') or [str(index) for index in range(K)]
    fields = (
        np.round(np.asarray(people[field], float), 4).tolist()
        if field in people
        else [[None] * K] * N
        for field in ('keypoints', 'keypoint_scores', 'visibility')
    )
    return [
        dict(
            image=sample.img_path,
            person=index,
            keypoint=name,
            x=x,
            y=y,
            score=score,
            visibility=visibility,
        )
        for index, person in enumerate(zip(*fields))
        for name, (x, y), score, visibility in zip(names, *person)
    ]


def to_dataframe(sample: PoseDataSample) -> 'pandas.DataFrame':
    """Return the keypoints of an image as a table in long form.

    Args:
        sample (PoseDataSample): From :class:`POETInferencer`, with
            ``return_datasamples=True``.

    Returns:
        pandas.DataFrame: One row per keypoint. ``image`` is the path as given
        (of an array or a frame its number, '000003.jpg'), ``person`` counts
        from 0 in the image, ``keypoint`` is the name, ``x`` and ``y`` are in
        pixels of the original image, ``score`` is that of the keypoint, in
        [0, 1]; ``visibility``, the probability that it is visible, is missing
        if the model does not predict it. Numbers have four decimals.

    Raises:
        UserError: pandas is missing or too old.
    """
    pd = import_optional('pandas', '1.5')
    table = pd.DataFrame(to_rows(sample), columns=list(COLUMNS))
    return table.astype(COLUMNS)


def append_rows(path: str, sample: PoseDataSample, new: bool) -> None:
    """Write the rows of an image to a CSV file.

    Args:
        path (str): The file.
        sample (PoseDataSample): People of the image.
        new (bool): Begin the file; otherwise the rows are appended.
    """
    with open(
        path,
        'w' if new else 'a',
        newline='',
        encoding='utf-8',
        errors='surrogateescape',  # any name of a file
    ) as file:
        writer = csv.DictWriter(file, list(COLUMNS))
        if new:
            writer.writeheader()
        writer.writerows(to_rows(sample))
