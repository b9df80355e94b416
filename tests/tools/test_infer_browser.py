"""tools/infer.py: poses are seen in a browser."""

import cv2
import numpy as np
import pytest
from browser import (
    GREY,
    PEOPLE,
    browse,
    find_people,
    limbs_seen,
    needs_chromium,
)
from helpers import write_video


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
