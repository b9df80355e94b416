"""The weights in the repository find the person in a photo."""

import numpy as np
import pytest
from matplotlib import cbook

from poet_mm.apis import POETInferencer

# Looked up by eye in the photo of Grace Hopper, x and y in pixels.
SEEN = dict(
    nose=(262, 250),
    left_eye=(305, 190),
    right_eye=(220, 195),
    left_shoulder=(460, 420),
    right_shoulder=(80, 420),
)
NEAR = 40  # pixels; the photo is 512 wide and 600 high


@pytest.mark.slow
def test_photo_of_grace_hopper(monkeypatch):
    """One person, face and shoulders in place and visible, knees hidden."""
    monkeypatch.delenv('POET_MM_ZOO', raising=False)
    photo = cbook.get_sample_data('grace_hopper.jpg', asfileobj=False)
    inferencer = POETInferencer(device='cpu')
    (person,) = next(inferencer(photo))['predictions'][0]
    names = inferencer.model.dataset_meta['keypoint_name2id']
    keypoints = np.array(person['keypoints'])
    for name, place in SEEN.items():
        assert np.linalg.norm(keypoints[names[name]] - place) < NEAR, name
        assert person['visibility'][names[name]] > 0.5
    for name in ('left_knee', 'right_knee'):
        assert person['visibility'][names[name]] < 0.5
