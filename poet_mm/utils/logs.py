"""Read mmengine's training logs, ``vis_data/scalars.json``."""

import json
import os.path as osp
import re
from glob import escape, glob
from typing import Dict, List, Tuple

from ..errors import MissingFile

Records = List[Dict[str, float]]
VALIDATION = 'val/'  # prefix of losses of validation images
is_training_only = re.compile(r'(enc|dn)\.(d\d+\.)?loss').match


def read_records(name: str) -> Records:
    """Read the records of a file.

    Skip a last line that is still being written.
    """
    with open(name) as lines:
        return [json.loads(line) for line in lines if line.endswith('\n')]


def is_new_training(records: Records, before: Records) -> bool:
    """Return whether records belong to a new training.

    If not, they continue ``before``. A new training logs a step as early as
    the first step ``before``, or its first epoch after later epochs.
    """
    before = [record for record in before if 'loss' in record]
    records = [record for record in records if 'loss' in record]
    if not records or not before:
        return False
    last_epoch = max(record.get('epoch', 0) for record in before)
    return records[0]['step'] <= before[0]['step'] or (
        records[0].get('epoch') == 1 and last_epoch > 1
    )


def find_trainings(work_dir: str) -> List[Records]:
    """Return the records of each training in a work dir, oldest first.

    A training includes the records of its resumed runs.

    Args:
        work_dir (str): Work dir of ``tools/train.py``, or one of its folders
            that are named by a time.
    """
    folder = escape(work_dir)
    names = glob(osp.join(folder, 'vis_data', 'scalars.json')) or glob(
        osp.join(folder, '*', 'vis_data', 'scalars.json')
    )
    trainings: List[Records] = []
    for records in filter(None, map(read_records, sorted(names))):
        if not trainings or is_new_training(records, trainings[-1]):
            trainings.append([])
        trainings[-1].extend(records)
    return trainings


def read_scalars(work_dir: str) -> Records:
    """Return the records of the last training in a work dir.

    Args:
        work_dir (str): See :func:`find_trainings`.

    Returns:
        list[dict]: Records with ``step`` and either ``loss*`` (per logging
        interval, step = iteration) or ``coco/*`` and ``val/loss*`` (per
        validation, step = epoch). If a resumed run repeats a step, the later
        record replaces the earlier one.

    Raises:
        MissingFile: The work dir has no records.
    """
    trainings = find_trainings(work_dir)
    if not trainings:
        raise MissingFile(
            f'No scalars.json with records in {work_dir}. Give a work dir of '
            'tools/train.py.'
        )
    records = {
        ('loss' in record, record['step']): record for record in trainings[-1]
    }
    return [records[key] for key in sorted(records)]


def series(records: Records, key: str) -> Tuple[List[float], List[float]]:
    """Return the epochs, and the mean of a key in each."""
    epochs: Dict[float, List[float]] = {}
    for record in records:
        if key in record:
            epoch = record.get('epoch', record['step'])
            epochs.setdefault(epoch, []).append(record[key])
    return list(epochs), [sum(v) / len(v) for v in epochs.values()]


def of_decoder_layers(records: Records) -> Records:
    """Return records whose ``loss`` has the terms of decoder layers only.

    ``val/loss`` has these terms. Terms of two-stage proposals and of denoising
    queries, which only training computes, are subtracted.
    """
    result = []
    for record in records:
        others = {key: record[key] for key in record if is_training_only(key)}
        kept = {key: record[key] for key in record if key not in others}
        if others:
            kept['loss'] = record['loss'] - sum(others.values())
        result.append(kept)
    return result


def loss_keys(records: Records) -> List[str]:
    """Return ``loss`` and the keys ``loss_*`` of the last decoder layer."""
    keys = dict.fromkeys(key for record in records for key in record)
    return [key for key in keys if key == 'loss' or key.startswith('loss_')]
