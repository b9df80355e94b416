"""POETInferencer: the numbers of tools/test.py, for every kind of input."""

import json
import pickle
import runpy
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from helpers import FIVE, ROOT, assert_same, people_of
from mmengine.config import Config
from mmpose.apis import MMPoseInferencer

from poet_mm.apis import POETInferencer
from poet_mm.errors import UserError
from poet_mm.models.instances import apply_temperature

PARTS = ['skeleton', 'centers', 'offsets', 'visibility']
FIELDS = ['keypoints', 'keypoint_scores', 'bbox_scores', 'centers']


def read(path):
    """Read an image in RGB."""
    return cv2.imread(str(path))[..., ::-1]


def first(inferencer, inputs, key='predictions', **kwargs):
    """Return the results of the first batch."""
    return next(inferencer(inputs, **kwargs))[key]


def test_same_people_as_test_py(
    inferencer, model_files, toy, images, tmp_path, monkeypatch
):
    """And the same pictures, if the config has our visualizer. The tool's
    batch is 16, so all six images share one."""
    dump = tmp_path / 'predictions.pkl'
    argv = ['test.py', *model_files, '--data-root', toy]
    argv += ['--work-dir', tmp_path, '--dump', dump, '--show-dir', 'drawn']
    argv += ['--cfg-options', 'visualizer.type=POETVisualizer']
    monkeypatch.setattr('sys.argv', [str(arg) for arg in argv])
    runpy.run_path(str(ROOT / 'tools' / 'test.py'), run_name='__main__')
    samples = pickle.loads(dump.read_bytes())
    expected = {s['img_path']: s['pred_instances'] for s in samples}
    run = partial(first, inferencer, images, batch_size=16)
    got = run(score_thr=0, return_datasamples=True)
    assert len(got) == len(expected) == 6
    for sample in got:
        theirs = expected[sample.img_path]
        for key in (*FIELDS, 'visibility'):
            np.testing.assert_allclose(
                sample.pred_instances[key], theirs[key], atol=1e-4
            )
        assert np.ptp(theirs['keypoints'], axis=0).max() > 0.3  # not all alike
    pictures = run('visualization', return_vis=True, kpt_thr=0.3)
    for path, picture in zip(images, pictures):
        (drawn,) = tmp_path.glob(f'*/drawn/{Path(path).stem}*')
        # rounding moves the edge of a line
        assert (np.abs(picture.astype(int) - read(drawn)) > 8).mean() < 1e-3


def test_same_people_and_pictures_as_mmpose(inferencer, model_files, images):
    cfg = Config.fromfile(model_files[0])
    cfg.visualizer.type = 'POETVisualizer'
    mmpose = MMPoseInferencer(
        pose2d=cfg, pose2d_weights=model_files[1], device='cpu'
    )
    expected = [
        np.array([person['keypoints'] for person in result['predictions'][0]])
        for result in mmpose(str(Path(images[0]).parent))
    ]
    assert_same(people_of(inferencer, images), expected)
    kwargs = dict(return_vis=True, kpt_thr=0.1)
    (theirs,) = next(mmpose(images[0], **kwargs))['visualization']
    (ours,) = first(
        inferencer, images[0], 'visualization', radius=3, thickness=1, **kwargs
    )
    # rounding moves the edge of a line
    assert (np.abs(theirs.astype(int) - ours) > 8).mean() < 1e-3
    assert (ours != read(images[0])).any()


def test_name_of_the_zoo(tiny_zoo, images):
    """Alone, by default, or as the weights for the caller's config."""
    first_one = POETInferencer('tiny', device='cpu')
    config = first_one.cfg
    expected = people_of(first_one, images[:1])
    assert len(expected[0]) == 7
    for other in (
        POETInferencer(device='cpu'),
        POETInferencer(config.copy(), 'tiny', device='cpu'),
    ):
        assert_same(people_of(other, images[:1]), expected)
    with pytest.raises(UserError, match=r'tinny is .* zoo has tiny\.'):
        POETInferencer('tinny', device='cpu')


def test_batch_is_the_same_as_one_by_one(inferencer, monkeypatch):
    """With a backbone that looks at one cell at a time."""
    patches = torch.nn.Conv2d(3, 32, 16, 16).requires_grad_(False)
    monkeypatch.setattr(
        inferencer.model, 'extract_feat', lambda x: (patches(x),)
    )
    rng = np.random.default_rng(0)
    images = [
        rng.integers(0, 256, size, dtype=np.uint8)
        for size in ((128, 128, 3), (64, 128, 3), (128, 48, 3))
    ]
    alone = people_of(inferencer, images)
    assert_same(people_of(inferencer, images, batch_size=3), alone)
    assert_same(people_of(inferencer, images, batch_size=2), alone)
    monkeypatch.setattr(
        'poet_mm.models.heads.poet_head.image_extents', lambda *_: None
    )
    unmasked = people_of(inferencer, images, batch_size=3)
    assert np.abs(unmasked[1] - alone[1]).max() > 1e-3


def test_one_pass_per_batch(inferencer, images, monkeypatch):
    sizes, run = [], inferencer.model.test_step

    def count(data):
        sizes.append(len(data['inputs']))
        return run(data)

    monkeypatch.setattr(inferencer.model, 'test_step', count)
    results = list(inferencer(images, batch_size=4))
    assert sizes == [4, 2]
    assert [len(result['predictions']) for result in results] == [4, 2]


def test_every_kind_of_input(inferencer, images, toy):
    folder = toy / 'val2017'
    expected = people_of(inferencer, images)
    array = cv2.imread(images[1])
    for inputs, part in (
        (str(folder), slice(6)),
        (folder, slice(6)),
        (f'{folder}/*.png', slice(6)),
        ([Path(path) for path in images], slice(6)),
        ((path for path in images), slice(6)),
        (images[1], slice(1, 2)),
        (array, slice(1, 2)),
        (iter([array, images[2]]), slice(1, 3)),
    ):
        assert_same(people_of(inferencer, inputs), expected[part])


def test_nothing_is_read_ahead_of_need(inferencer, images):
    """From a generator without an end."""
    results = inferencer(iter(lambda: images[0], None), batch_size=2)
    assert len(next(results)['predictions']) == 2
    results.close()


def test_result_structure(inferencer, images):
    """MMPose's keys, and those that POET adds; json can have it."""
    result = next(
        inferencer(images[:2], batch_size=2, score_thr=0, return_vis=True)
    )
    assert set(result) == {'predictions', 'visualization'}
    person = result['predictions'][0][0]
    json.dumps(result['predictions'])
    assert len(person['keypoints']) == len(person['keypoint_scores']) == 17
    assert len(person['center']) == 2
    assert len(person['visibility']) == 17
    assert 0 <= person['bbox_score'] <= 1
    shapes = [picture.shape for picture in result['visualization']]
    assert shapes == [read(path).shape for path in images[:2]]
    samples = first(inferencer, images, batch_size=6, return_datasamples=True)
    ids = [sample.img_id for sample in samples]
    assert ids == [int(Path(path).stem) for path in images]


def test_score_thr(inferencer, images):
    (everyone,) = first(inferencer, images[0], score_thr=0)
    scores = sorted(person['bbox_score'] for person in everyone)
    assert len(scores) == 10
    (found,) = first(inferencer, images[0], score_thr=scores[4])
    assert sorted(person['bbox_score'] for person in found) == scores[5:]


def test_calibrate(inferencer, model_files, images, tmp_path):
    """The checkpoint's temperature changes visibility and its products."""
    config, checkpoint = model_files
    with pytest.raises(UserError, match='has no visibility temperature'):
        POETInferencer(config, checkpoint, 'cpu', calibrate=True)
    state = torch.load(checkpoint)
    state['meta']['visibility_temperature'] = 2.0
    path = str(tmp_path / 'calibrated.pth')
    torch.save(state, path)
    kwargs = dict(score_thr=0, return_datasamples=True)
    before, same, after = (
        first(each, images[0], **kwargs)[0].pred_instances
        for each in (
            inferencer,
            POETInferencer(config, path, 'cpu'),
            POETInferencer(config, path, 'cpu', calibrate=True),
        )
    )
    for name in (*FIELDS, 'visibility'):
        np.testing.assert_array_equal(same[name], before[name])
    visibility = apply_temperature(before.visibility, 2)
    assert (visibility != before.visibility).any()
    np.testing.assert_array_equal(after.visibility, visibility)
    np.testing.assert_array_equal(after.bbox_scores, before.bbox_scores)
    scores = before.bbox_scores[:, None] * visibility
    np.testing.assert_array_equal(after.keypoint_scores, scores)


def test_score_of_the_checkpoint(inferencer, model_files, images, tmp_path):
    """People above it are kept, unless the caller says otherwise."""
    scores = first(inferencer, images[0], score_thr=0, return_datasamples=True)
    scores = np.sort(scores[0].pred_instances.bbox_scores)
    config, checkpoint = model_files
    state = torch.load(checkpoint)
    state['meta']['score_thr'] = float(scores[-3:-1].mean())
    path = str(tmp_path / 'scored.pth')
    torch.save(state, path)
    scored = POETInferencer(config, path, 'cpu')
    assert len(first(scored, images[0])[0]) == 2
    assert len(first(scored, images[0], score_thr=0)[0]) == len(scores)


def test_drawing(inferencer, images, tmp_path):
    image = read(images[0])

    def drawn(**kwargs):
        kwargs = dict(dict(score_thr=0.01, return_vis=True), **kwargs)
        return first(inferencer, images[0], 'visualization', **kwargs)[0]

    everything = drawn()
    assert (everything != image).any()
    assert (drawn(score_thr=0.9999) == image).all()
    assert (drawn(draw=['skeleton'], kpt_thr=1.1) == image).all()
    assert (drawn(draw=['centers']) != everything).any()
    assert (drawn(radius=20) != everything).any()
    assert (drawn() == everything).all()  # other calls have left no trace
    drawn(out_dir=str(tmp_path))
    path = Path(images[0])
    assert (tmp_path / 'visualizations' / path.name).is_file()
    path = tmp_path / 'predictions' / f'{path.stem}.json'
    assert len(json.loads(path.read_text())[0]['keypoints']) == 17


def test_any_skeleton(images):
    link = dict(link=('joint0', 'joint4'), id=0, color=[0, 255, 0])
    cfg = Config.fromfile(ROOT / 'configs' / 'poet_r18_toy.py')
    cfg.model.head.num_keypoints = 5
    for name in ('train', 'val', 'test'):
        dataset = cfg[f'{name}_dataloader'].dataset
        dataset.metainfo = dict(FIVE, skeleton_info={0: link})
    inferencer = POETInferencer(cfg, device='cpu')
    kwargs = dict(score_thr=0, return_vis=True, draw=PARTS)
    result = next(inferencer(images[0], **kwargs))
    assert np.shape(result['predictions'][0][0]['keypoints']) == (5, 2)
    assert (result['visualization'][0] != read(images[0])).any()


def test_associative_embedding_of_this_repository(images):
    cfg = Config.fromfile(ROOT / 'configs' / 'ae_r18_s16_toy.py')
    inferencer = POETInferencer(cfg, device='cpu')
    kwargs = dict(batch_size=2, return_vis=True)
    assert len(first(inferencer, images[:2], **kwargs)) == 2


def test_config_from_the_checkpoint(model_files, images, tmp_path):
    config, checkpoint = model_files
    state = torch.load(checkpoint)
    text = Config.fromfile(config).pretty_text
    state['message_hub'] = dict(runtime_info=dict(cfg=text))
    path = str(tmp_path / 'whole.pth')
    torch.save(state, path)
    inferencer = POETInferencer(None, path, device='cpu')
    assert len(people_of(inferencer, images[0])[0]) == 10


def test_models_with_a_detector_are_refused():
    cfg = Config.fromfile(ROOT / 'configs' / 'poet_r18_toy.py')
    cfg.data_mode = 'topdown'
    with pytest.raises(UserError, match='MMPoseInferencer'):
        POETInferencer(cfg, device='cpu')


def test_progress_knows_the_total(inferencer, images, monkeypatch, capsys):
    monkeypatch.setattr(inferencer, 'show_progress', True)
    list(inferencer(images, batch_size=4))
    assert '100%' in capsys.readouterr().err
