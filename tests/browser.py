"""Read the pages of infer.py and demo.py, by data and in Chromium."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from mmengine.structures import InstanceData

from poet_mm.apis import POETInferencer
from poet_mm.visualization.strokes import person_colors

CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome')
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason='there is no Chromium: apt-get install chromium'
)


def gallery_data(out):
    page = (out / 'gallery.html').read_text(encoding='utf-8')
    found = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(found[1])


FLAGS = (
    '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run '
    '--disable-background-networking --disable-component-update '
    '--disable-sync --hide-scrollbars --window-size=1200,700 '
    '--virtual-time-budget=3000'
)


def browse(page, tmp_path, *flags):
    """Show a page in Chromium, and return what that writes to stdout."""
    profile = f'--user-data-dir={tmp_path / "profile"}'
    return subprocess.run(
        [CHROMIUM, *FLAGS.split(), profile, *flags, page],
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout


GREY = 120

# x and y of COCO's keypoints, in pixels
WAVING = np.reshape(
    [16, 12, 17, 11, 15, 11, 19, 12, 13, 12, 21, 20, 11, 20, 27, 14, 6, 27]
    + [29, 6, 5, 35, 19, 36, 13, 36, 21, 46, 11, 46, 23, 57, 9, 57],
    (17, 2),
).astype(float)
PEOPLE = np.stack([WAVING, WAVING + (30, 3)])


def find_people(monkeypatch, people, score=1.0, hidden=()):
    """Let the network find people (N, 17, 2) in every image.

    All keypoints are visible, but those of the indices ``hidden``.
    """

    def forward(self, inputs, bbox_thr):
        for sample in inputs['data_samples']:
            visibility = np.ones(people.shape[:2])
            visibility[:, list(hidden)] = 0.1
            sample.pred_instances = InstanceData(
                keypoints=people,
                keypoint_scores=score * visibility,
                keypoints_visible=score * visibility,
                visibility=visibility,
                centers=people.mean(1),
                bbox_scores=np.full(len(people), score),
            )
        return inputs['data_samples']

    monkeypatch.setattr(POETInferencer, 'forward', forward)


def limbs_seen(shot, people, size):
    """Return the share of limbs of each person that have the person's colour.

    ``shot`` (h, w, 3), BGR, shows a grey picture of a height and width of
    ``size``, in whose pixels are ``people`` (N, 17, 2).
    """
    grey = (np.abs(shot.astype(int) - GREY) < 6).all(-1)
    grey[:, :368] = False  # thumbnails
    (columns,) = np.nonzero(grey.sum(0) > 100)
    (rows,) = np.nonzero(grey.sum(1) > 100)
    scale = (columns[-1] - columns[0] + 1) / size
    assert scale * size > 400
    links = [(5, 7), (7, 9), (6, 8), (8, 10), (11, 13), (12, 14)]
    middles = (columns[0], rows[0]) + scale * people[:, links].mean(2)
    shares = []
    for points, color in zip(middles.round().astype(int), person_colors()):
        color = np.array(color[::-1])
        distances = [
            np.abs(shot[y - 3 : y + 4, x - 3 : x + 4] - color).sum(-1).min()
            for x, y in points
        ]
        shares.append(np.mean(np.array(distances) < 90))
    return shares
