"""Loss and AP over training, from mmengine's log (paper Fig. 4 and 6)."""
import json
import os.path as osp
from glob import glob
from typing import Dict, List, Tuple

from matplotlib.figure import Figure

# Okabe and Ito's colours, which the colour-blind tell apart
COLORS = ('#0072B2', '#E69F00', '#009E73', '#D55E00', '#CC79A7', '#56B4E9')


def read_scalars(work_dir: str) -> List[Dict[str, float]]:
    """All records that training has written, runs and resumed runs in order.

    Args:
        work_dir (str): Work dir of ``tools/train.py``.

    Returns:
        list[dict]: Records with ``step`` and either ``loss*`` (per logging
        interval, step = iteration) or ``coco/*`` (per validation, step =
        epoch). A resumed run replaces what it did again.

    Raises:
        FileNotFoundError: Nothing was logged there.
    """
    files = sorted(glob(osp.join(work_dir, '*', 'vis_data', 'scalars.json')))
    records = {}
    for name in files:
        with open(name) as lines:
            for line in lines:
                if not line.endswith('\n'):
                    continue  # training was killed while writing it
                record = json.loads(line)
                records['loss' in record, record['step']] = record
    if not records:
        raise FileNotFoundError(
            f'No scalars.json with records under {work_dir}: it must be the '
            '--work-dir of a training.')
    return [records[key] for key in sorted(records)]


def series(records: List[dict], key: str) -> Tuple[List[int], List[float]]:
    """Steps and values of one key."""
    found = [(record['step'], record[key]) for record in records
             if key in record]
    steps, values = zip(*found) if found else ((), ())
    return list(steps), list(values)


def draw_curves(work_dir: str, out: str, ap_label: str) -> None:
    """Draw the loss terms of the last decoder layer, and AP.

    Args:
        work_dir (str): Work dir of ``tools/train.py``.
        out (str): Picture to write.
        ap_label (str): What the AP is measured on.
    """
    records = read_scalars(work_dir)
    figure = Figure(figsize=(9, 3.4), layout='constrained')
    left, right = figure.subplots(1, 2)
    terms = {key for record in records for key in record}
    terms = sorted(key for key in terms if key.startswith('loss_'))
    for key, color in zip(terms, COLORS):
        left.plot(*series(records, key), label=key, color=color)
    left.set(yscale='log', xlabel='iteration', ylabel='loss, last layer')
    left.legend(frameon=False)
    for key, color in zip(('coco/AP', 'coco/AP .5'), COLORS):
        right.plot(
            *series(records, key), label=key, color=color, marker='.')
    right.set(ylim=(0, 1), xlabel='epoch', ylabel='AP', title=ap_label)
    right.legend(frameon=False, loc='lower right')
    figure.savefig(out, dpi=150)
