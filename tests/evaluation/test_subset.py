"""AP of some images of an annotation file."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from mmpose.datasets.datasets.utils import parse_pose_metainfo

from poet_mm.evaluation.keypoint_metric import silence
from poet_mm.evaluation.subset import add_people, build_subset_metric
from poet_mm.utils.config import COCO


@pytest.fixture
def dataset(tmp_path):
    """Two images with a person each, of which the data set has the second."""
    points = np.random.default_rng(0).uniform(10, 90, (17, 2)).round()
    keypoints = np.concatenate([points, np.full((17, 1), 2)], 1)
    person = dict(category_id=1, iscrowd=0, area=6400, num_keypoints=17)
    person.update(bbox=[10, 10, 80, 80], keypoints=keypoints.ravel().tolist())
    content = dict(
        images=[dict(id=i, width=100, height=100) for i in (1, 2)],
        annotations=[dict(person, id=i, image_id=i) for i in (1, 2)],
        categories=[dict(id=1, name='person')],
    )
    path = tmp_path / 'annotations.json'
    path.write_text(json.dumps(content))

    class Images(list):
        ann_file = str(path)
        metainfo = parse_pose_metainfo(COCO)

        def get_data_info(self, i):
            return dict(img_id=self[i])

    return SimpleNamespace(all=Images([1, 2]), one=Images([2]), points=points)


@pytest.mark.parametrize(('part', 'ap'), [('all', 0.5), ('one', 1.0)])
@pytest.mark.parametrize('visibility', [None, np.ones((1, 17))])
def test_images_left_out_are_not_missed(dataset, part, ap, visibility):
    cfg = dict(type='FastCocoMetric', score_mode='bbox', nms_mode='none')
    images = getattr(dataset, part)
    with silence():
        metric = build_subset_metric(cfg, images)
        if part == 'all':
            add_people(metric, 1, np.ones(0), np.zeros((0, 17, 2)), None)
        add_people(metric, 2, np.ones(1), dataset.points[None], visibility)
        found = metric.evaluate(len(images))
    assert found['coco/AP'] == pytest.approx(ap, abs=0.01)
