"""POETVisualizer: what is drawn where, pixel by pixel."""

import numpy as np
import pytest
from helpers import FIVE
from mmengine.structures import InstanceData
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import VISUALIZERS
from mmpose.structures import PoseDataSample

from poet_mm.visualization.pose_visualizer import POETVisualizer
from poet_mm.visualization.strokes import HOLE, person_colors

# Five keypoints in a cross, 400 x 400 pixels
POINTS = np.float32(
    [[200, 200], [200, 50], [350, 200], [200, 350], [50, 200]]
) + np.float32(0.5)
CROSS = dict(
    FIVE,
    skeleton_info={
        n: dict(link=('joint0', f'joint{n + 1}'), id=n, color=[0, 255, 0])
        for n in range(4)
    },
)
GRAY = (128, 128, 128)
FIRST, SECOND = person_colors()[:2]


@pytest.fixture(scope='module')
def visualizer():
    visualizer = POETVisualizer(name='cross')
    visualizer.set_dataset_meta(parse_pose_metainfo(CROSS))
    return visualizer


def one_person(**kwargs):
    fields = dict(
        keypoints=POINTS[None],
        keypoints_visible=np.full((1, 5), 0.9),
        keypoint_scores=np.full((1, 5), 0.9),
        visibility=np.array([[0.9, 0.9, 0.1, 0.9, 0.1]]),
        centers=np.array([[300.5, 300.5]]),
        bbox_scores=np.array([0.9]),
    )
    fields.update(kwargs)
    return InstanceData(**fields)


def draw(visualizer, people, size=400, draw=None, **kwargs):
    """Picture (size, size, 3) of predictions on gray; all parts are reset."""
    visualizer.draw = draw or ('skeleton', 'visibility')
    sample = PoseDataSample()
    sample.pred_instances = people
    image = np.full((size, size, 3), GRAY, dtype=np.uint8)
    drawn = visualizer.add_datasample(
        'picture', image, sample, draw_gt=False, **kwargs
    )
    assert (image == GRAY).all(), 'the picture that came was drawn on'
    return drawn


def pixel(image, x, y):
    return tuple(image[y, x].tolist())


def test_filled_if_visible_hollow_if_hidden(visualizer):
    drawn = draw(visualizer, one_person())
    assert pixel(drawn, 200, 50) == FIRST  # visibility 0.9
    assert pixel(drawn, 350, 200) == HOLE  # 0.1
    assert pixel(drawn, 50, 200) == HOLE
    # the ring around the hole, and the outline around that
    across = {pixel(drawn, 350, y) for y in range(200, 210)}
    assert {HOLE, FIRST, GRAY} <= across
    assert min(sum(color) for color in across) < sum(FIRST) / 2


def test_without_visibility_all_are_filled(visualizer):
    drawn = draw(visualizer, one_person(), draw=['skeleton'])
    assert pixel(drawn, 350, 200) == FIRST
    people = one_person()
    del people.visibility  # as AE gives them
    drawn = draw(visualizer, people)
    assert pixel(drawn, 350, 200) == FIRST


def test_annotations_tell_by_v(visualizer):
    """COCO's v: 0 not labelled, 1 hidden, 2 visible."""
    people = one_person(keypoints_visible=np.array([[2, 2, 1, 0, 2]]))
    del people.visibility, people.keypoint_scores
    drawn = draw(visualizer, people)
    assert pixel(drawn, 200, 50) == FIRST
    assert pixel(drawn, 350, 200) == HOLE
    assert pixel(drawn, 200, 350) == GRAY


def test_links(visualizer):
    people = one_person(keypoints=POINTS[None] * 4)
    drawn = draw(visualizer, people, size=1600)
    assert pixel(drawn, 801, 500) == FIRST  # between two visible joints
    thick = (drawn[500] != GRAY).any(axis=1).sum()
    thin = (drawn[:, 1100] != GRAY).any(axis=1).sum()
    assert 0 < thin < 0.7 * thick  # one of its ends is hidden
    drawn = draw(visualizer, one_person(), draw=['visibility'])
    assert pixel(drawn, 200, 125) == GRAY
    assert pixel(drawn, 200, 50) == FIRST


def test_centers_and_offsets(visualizer):
    drawn = draw(visualizer, one_person(), draw=['centers'])
    assert pixel(drawn, 300, 300) == FIRST
    assert pixel(drawn, 200, 50) == GRAY
    drawn = draw(visualizer, one_person(), draw=['offsets'])
    assert pixel(drawn, 250, 250) != GRAY  # half-way to (200, 200)
    assert pixel(drawn, 300, 310) == GRAY
    people = one_person()
    del people.centers
    drawn = draw(visualizer, people, draw=['centers', 'offsets'])
    assert (drawn == GRAY).all()


def test_keypoints_below_the_threshold_are_not_drawn(visualizer):
    scores = np.array([[0.9, 0.2, 0.9, 0.9, 0.9]])
    people = one_person(keypoints_visible=scores)
    drawn = draw(visualizer, people, kpt_thr=0.3)
    assert pixel(drawn, 200, 50) == GRAY
    assert pixel(drawn, 200, 125) == GRAY  # the link to it
    assert pixel(drawn, 200, 350) == FIRST
    drawn = draw(visualizer, people, kpt_thr=0.1)
    assert pixel(drawn, 200, 50) == FIRST


def test_people_below_the_threshold_are_not_drawn(visualizer):
    people = InstanceData.cat(
        [one_person(bbox_scores=np.array([score])) for score in (0.9, 0.4)]
    )
    people.keypoints[1] += 20
    drawn = draw(visualizer, people)
    assert pixel(drawn, 200, 50) == FIRST
    assert SECOND not in {pixel(drawn, 220, 70), pixel(drawn, 220, 145)}
    people.bbox_scores[1] = 0.6
    drawn = draw(visualizer, people)
    assert pixel(drawn, 220, 70) == SECOND


def test_points_that_are_nowhere(visualizer):
    """Beside the image, far away, not a number, and no people at all."""
    points = POINTS[None].copy()
    points[0, 1:4] = [[-5000, 9000], [np.nan, 3], [410, 390]]
    drawn = draw(visualizer, one_person(keypoints=points))
    assert pixel(drawn, 50, 200) == HOLE
    for people in (one_person()[np.zeros(1, dtype=bool)], InstanceData()):
        assert (draw(visualizer, people) == GRAY).all()


def test_sizes_grow_with_the_image(visualizer):
    """Twice the image, twice the joints; small people get smaller ones."""

    def diameter(size, scale):
        people = one_person(keypoints=POINTS[None] * scale)
        x = round(200 * scale)
        drawn = draw(visualizer, people, size=size, draw=['visibility'])
        return (drawn[:, x] != GRAY).any(axis=1)[: round(150 * scale)].sum()

    assert diameter(1600, 4) == pytest.approx(2 * diameter(800, 2), rel=0.2)
    assert diameter(1600, 0.5) < 0.7 * diameter(1600, 4)


def test_small_images_are_enlarged(visualizer, monkeypatch):
    monkeypatch.setattr(visualizer, 'min_side', 700)
    people = one_person(bboxes=np.array([[150, 150, 390, 390]]))
    drawn = draw(visualizer, people, draw=['visibility'], draw_bbox=True)
    assert drawn.shape == (800, 800, 3)
    assert pixel(drawn, 401, 101) == FIRST
    assert pixel(drawn, 701, 401) == HOLE
    assert pixel(drawn, 500, 300) != GRAY  # the upper edge of the box
    drawn = draw(visualizer, people, draw=['centers'])
    assert pixel(drawn, 601, 601) == FIRST
    assert people.keypoints[0, 1, 0] == POINTS[1, 0]  # left as they were
    assert draw(visualizer, people, size=701).shape == (701, 701, 3)


def test_numbers_of_keypoints(visualizer):
    plain = draw(visualizer, one_person())
    assert (draw(visualizer, one_person(), show_kpt_idx=True) != plain).any()


def test_in_a_config_it_writes_files(tmp_path):
    visualizer = VISUALIZERS.build(
        dict(type='POETVisualizer', name='config', draw='centers')
    )
    assert visualizer.draw == ('centers',)
    out = tmp_path / 'drawn.png'
    draw(visualizer, one_person(), out_file=str(out))
    assert out.is_file()


@pytest.mark.parametrize('wrong', [['bones'], [], 'skeletons'])
def test_unknown_parts(wrong):
    with pytest.raises(ValueError, match=r'skeleton.*visibility'):
        POETVisualizer(name='wrong', draw=wrong)
