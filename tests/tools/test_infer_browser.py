"""tools/infer.py: poses are seen in a browser."""

import cv2
import numpy as np
import pytest
from browser import GREY, browse, limbs_seen, needs_chromium
from helpers import write_video
from mmengine.structures import InstanceData

from poet_mm.apis import POETInferencer

# x and y of COCO's keypoints, in pixels
WAVING = np.reshape(
    [16, 12, 17, 11, 15, 11, 19, 12, 13, 12, 21, 20, 11, 20, 27, 14, 6, 27]
    + [29, 6, 5, 35, 19, 36, 13, 36, 21, 46, 11, 46, 23, 57, 9, 57],
    (17, 2),
).astype(float)
PEOPLE = np.stack([WAVING, WAVING + (30, 3)])


def find_people(monkeypatch, people):
    """Let the network find people (N, 17, 2), all visible, in every image."""

    def forward(self, inputs, bbox_thr):
        for sample in inputs['data_samples']:
            ones = np.ones(people.shape[:2])
            sample.pred_instances = InstanceData(
                keypoints=people,
                keypoint_scores=ones,
                keypoints_visible=ones,
                visibility=ones,
                centers=people.mean(1),
                bbox_scores=ones[:, 0],
            )
        return inputs['data_samples']

    monkeypatch.setattr(POETInferencer, 'forward', forward)


@pytest.mark.slow
@needs_chromium
def test_poses_are_seen_in_a_browser(run, tmp_path, monkeypatch):
    """People found in a grey picture and in a film: a screenshot of the
    gallery has them where they are, in their own colours."""
    image = tmp_path / 'grey.png'
    cv2.imwrite(str(image), np.full((64, 64, 3), GREY, np.uint8))
    film = write_video(tmp_path / 'film.mp4', 3, (64, 64), grey=GREY)
    find_people(monkeypatch, PEOPLE)
    code, out = run(image, film)
    assert code == 0
    page, shot = out / 'gallery.html', tmp_path / 'shot.png'
    for number in (1, 2):
        browse(f'file://{page}#{number}', tmp_path, f'--screenshot={shot}')
        pixels = cv2.imread(str(shot))
        assert limbs_seen(pixels, 7 * PEOPLE, 448) == [1, 1]
        assert limbs_seen(pixels, 7 * PEOPLE[::-1], 448) == [0, 0]
