"""Read mmengine's training logs, ``vis_data/scalars.json``."""

import json
import os.path as osp
import re
from glob import glob
from typing import Dict, List, Tuple

from ..errors import MissingFile

Records = List[Dict[str, float]]
VALIDATION = 'val/'  # begins the keys of losses of validation images
ONLY_TRAINING = re.compile(r'(enc|dn)\.(d\d+\.)?loss').match


def read_file(name: str) -> Records:
    """Records of one start of training, but for a line it was killed in."""
    with open(name) as lines:
        return [json.loads(line) for line in lines if line.endswith('\n')]


def begins_anew(records: Records, before: Records) -> bool:
    """Whether records are those of a training from scratch, not of one that
    was resumed from what is ``before``: it logs steps as early as that, or is
    in its first epoch after others have been beyond it.
    """
    here, there = (
        [record for record in some if 'loss' in record]
        for some in (records, before)
    )
    if not here or not there:
        return False
    last_epoch = max(record.get('epoch', 0) for record in there)
    return here[0]['step'] <= there[0]['step'] or (
        here[0].get('epoch') == 1 and last_epoch > 1
    )


def find_trainings(work_dir: str) -> List[Records]:
    """Records of the trainings of a work dir, oldest first, each with what it
    logged when it was resumed.

    Args:
        work_dir (str): Work dir of ``tools/train.py``, or one of the folders
            named by a time in it.
    """
    names = glob(osp.join(work_dir, 'vis_data', 'scalars.json')) or glob(
        osp.join(work_dir, '*', 'vis_data', 'scalars.json')
    )
    trainings: List[Records] = []
    for records in filter(None, map(read_file, sorted(names))):
        if not trainings or begins_anew(records, trainings[-1]):
            trainings.append([])
        trainings[-1].extend(records)
    return trainings


def read_scalars(work_dir: str) -> Records:
    """All records of the last training in a work dir, see
    :func:`find_trainings`.

    Returns:
        list[dict]: Records with ``step`` and either ``loss*`` (per logging
        interval, step = iteration) or ``coco/*`` and ``val/loss*`` (per
        validation, step = epoch). A resumed run replaces what it did again.

    Raises:
        MissingFile: Nothing was logged there.
    """
    trainings = find_trainings(work_dir)
    if not trainings:
        raise MissingFile(
            f'No scalars.json with records under {work_dir}: it must be the '
            '--work-dir of a training.'
        )
    records = {
        ('loss' in record, record['step']): record for record in trainings[-1]
    }
    return [records[key] for key in sorted(records)]


def series(records: Records, key: str) -> Tuple[List[float], List[float]]:
    """Epochs and values of one key: what training logged several times in an
    epoch is averaged over it.
    """
    epochs: Dict[float, List[float]] = {}
    for record in records:
        if key in record:
            epoch = record.get('epoch', record['step'])
            epochs.setdefault(epoch, []).append(record[key])
    return list(epochs), [sum(v) / len(v) for v in epochs.values()]


def of_decoder_layers(records: Records) -> Records:
    """Records whose ``loss`` has the terms of all decoder layers and no
    others, as ``val/loss`` has: those of what the encoder proposes and of
    noised people, which only training has, are taken out.
    """

    def without(record: Dict[str, float]) -> Dict[str, float]:
        others = {key: record[key] for key in record if ONLY_TRAINING(key)}
        kept = {key: record[key] for key in record if key not in others}
        if others:
            kept['loss'] = record['loss'] - sum(others.values())
        return kept

    return list(map(without, records))


def loss_keys(records: Records) -> List[str]:
    """``loss``, and the terms of the last decoder layer, ``loss_*``."""
    keys = dict.fromkeys(key for record in records for key in record)
    return [key for key in keys if key == 'loss' or key.startswith('loss_')]
