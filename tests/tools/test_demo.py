"""tools/demo.py: the function behind the page."""

import cv2
import demo
import infer
import numpy as np
import pytest
from browser import PEOPLE, find_people

from poet_mm.apis import POETInferencer, UserError

GREY = np.full((64, 64, 3), 120, np.uint8)


@pytest.fixture
def inferencer(model_files):
    return POETInferencer(*model_files, device='cpu')


def test_people_are_those_of_infer_py(inferencer, toy, model, tmp_path):
    """Same picture, same scores, for the parts that are asked."""
    path = min((toy / 'val2017').iterdir())
    inferencer.visualizer.min_side = demo.MIN_SIDE
    photo = cv2.imread(str(path))[..., ::-1]
    drawn, line = demo.draw_people(
        inferencer, photo, 0.3, ['visibility', 'centers', 'offsets']
    )
    assert drawn.shape == (448, 448, 3)
    parts = '--draw', ','.join(infer.PARTS), '--score-thr', '0.3'
    infer.main([str(path), *model, *parts, '--out', str(tmp_path)])
    written = cv2.imread(str(tmp_path / 'pictures' / f'{path.stem}.jpg'))
    assert np.abs(written[..., ::-1].astype(int) - drawn).mean() < 5  # JPEG
    (people,) = next(inferencer(photo[..., ::-1], score_thr=0.3))[
        'predictions'
    ]
    assert line.startswith(f'People: {len(people)}. Scores: ')
    assert f'{max(one["bbox_score"] for one in people):.2f}' in line


@pytest.mark.parametrize('score', [0.2, 0.9])
def test_hidden_keypoints_are_left_out(inferencer, monkeypatch, score):
    """Without the tick, and only these, however low the threshold."""
    find_people(monkeypatch, PEOPLE[:1], score=score, hidden=[9])
    x, y = PEOPLE[0, 9].astype(int)  # a wrist

    def wrist(parts):
        drawn, line = demo.draw_people(inferencer, GREY, 0.1, parts)
        assert line == f'People: 1. Scores: {score:.2f}.'
        changed = np.abs(drawn.astype(int) - GREY).max(-1) > 9
        assert changed[28:33, 8:12].any()  # another one
        return changed[y - 1 : y + 2, x - 1 : x + 2].any()

    assert wrist(['visibility'])
    assert not wrist([])


def test_a_model_without_visibility(inferencer, monkeypatch):
    """As AE: keypoints with a score below 0.3 are left out."""
    find_people(monkeypatch, PEOPLE[:1], hidden=[9])
    forward = POETInferencer.forward

    def without(self, inputs, bbox_thr):
        samples = forward(self, inputs, bbox_thr)
        for sample in samples:
            del sample.pred_instances.visibility
        return samples

    monkeypatch.setattr(POETInferencer, 'forward', without)
    drawn, line = demo.draw_people(inferencer, GREY, 0.1, ['visibility'])
    assert line == 'People: 1. Scores: 1.00.'
    changed = np.abs(drawn.astype(int) - GREY).max(-1) > 9
    x, y = PEOPLE[0, 9].astype(int)
    assert not changed[y - 1 : y + 2, x - 1 : x + 2].any()
    assert changed[28:33, 8:12].any()


def test_no_people_and_no_photo(inferencer, monkeypatch):
    find_people(monkeypatch, PEOPLE[:0])
    drawn, line = demo.draw_people(inferencer, GREY, 0.5, [])
    np.testing.assert_array_equal(drawn, GREY)
    assert line == 'People: 0. Scores: none.'
    assert demo.draw_people(inferencer, None, 0.5, []) == (None, '')


def test_gradio_is_missing(monkeypatch):
    monkeypatch.setattr(demo, 'find_spec', {}.get)
    with pytest.raises(UserError, match='pip install "gradio>=6" numpy=='):
        demo.parse_args([])


def test_page(inferencer):
    pytest.importorskip('gradio')
    page = demo.build_page(inferencer)
    (function,) = page.fns.values()
    assert len(function.targets) == 3
    values = [one.value for one in function.inputs]
    assert values == [None, 0.5, ['visibility']]
