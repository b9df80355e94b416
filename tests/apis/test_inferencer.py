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
from helpers import ROOT, assert_same, people_of
from mmengine.config import Config
from mmpose.apis import MMPoseInferencer

from poet_mm.apis import POETInferencer
from poet_mm.errors import UserError

FIVE_JOINTS = dict(
    dataset_name='five',
    keypoint_info={
        n: dict(name=f'j{n}', id=n, color=[255, 0, 0], type='', swap='')
        for n in range(5)
    },
    skeleton_info={0: dict(link=('j0', 'j4'), id=0, color=[0, 255, 0])},
    joint_weights=[1.0] * 5,
    sigmas=[0.05] * 5,
)


def test_same_people_as_test_py(
    inferencer, model_files, toy, images, tmp_path, monkeypatch
):
    """And the same pictures, if the config has our visualizer. The tool's
    batch is 16, so all six images share one."""
    dump = tmp_path / 'predictions.pkl'
    argv = [
        'test.py',
        *model_files,
        '--data-root',
        toy,
        '--work-dir',
        tmp_path,
        '--dump',
        dump,
        '--show-dir',
        'drawn',
        '--cfg-options',
        'visualizer.type=POETVisualizer',
    ]
    monkeypatch.setattr('sys.argv', [str(arg) for arg in argv])
    runpy.run_path(str(ROOT / 'tools' / 'test.py'), run_name='__main__')
    samples = pickle.loads(dump.read_bytes())
    expected = {s['img_path']: s['pred_instances'] for s in samples}
    got = next(
        inferencer(images, batch_size=16, score_thr=0, return_datasamples=True)
    )['predictions']
    assert len(got) == len(expected) == 6
    for sample in got:
        theirs = expected[sample.img_path]
        for key in (
            'keypoints',
            'keypoint_scores',
            'bbox_scores',
            'centers',
            'visibility',
        ):
            np.testing.assert_allclose(
                sample.pred_instances[key], theirs[key], atol=1e-4
            )
        assert np.ptp(theirs['keypoints'], axis=0).max() > 0.3  # not all alike
    shown = inferencer(images, batch_size=16, return_vis=True, kpt_thr=0.3)
    for path, picture in zip(images, next(shown)['visualization']):
        (drawn,) = tmp_path.glob(f'*/drawn/{Path(path).stem}*')
        np.testing.assert_array_equal(
            picture, cv2.imread(str(drawn))[..., ::-1]
        )


def test_same_people_as_mmpose_inferencer(inferencer, model_files, images):
    mmpose = MMPoseInferencer(
        pose2d=model_files[0], pose2d_weights=model_files[1], device='cpu'
    )
    expected = [
        np.array([person['keypoints'] for person in result['predictions'][0]])
        for result in mmpose(str(Path(images[0]).parent))
    ]
    assert_same(people_of(inferencer, images), expected)


def test_mmpose_inferencer_draws_with_our_visualizer(
    inferencer, model_files, images
):
    cfg = Config.fromfile(model_files[0])
    cfg.visualizer.type = 'POETVisualizer'
    mmpose = MMPoseInferencer(
        pose2d=cfg, pose2d_weights=model_files[1], device='cpu'
    )
    theirs, ours = (
        next(results)['visualization'][0]
        for results in (
            mmpose(images[0], return_vis=True, kpt_thr=0.1),
            inferencer(
                images[0], return_vis=True, radius=3, thickness=1, kpt_thr=0.1
            ),
        )
    )
    # rounding moves the edge of a line
    assert (np.abs(theirs.astype(int) - ours) > 8).mean() < 1e-3
    assert (ours != cv2.imread(images[0])[..., ::-1]).any()


def test_batch_is_the_same_as_one_by_one(inferencer, images, monkeypatch):
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


def test_batch_is_the_same_with_a_resnet(inferencer, images, monkeypatch):
    """ResNet-18 and padding mask. It sees a few pixels beyond the border of
    an image, zeros of a convolution alone, padding in a batch: so that both
    are the same, images are padded to 128 pixels here when they are alone."""
    assert inferencer.model.backbone.depth == 18
    assert len({cv2.imread(path).shape for path in images}) == 4
    preprocessor = inferencer.model.data_preprocessor
    monkeypatch.setattr(preprocessor, 'pad_size_divisor', 128)
    alone = people_of(inferencer, images)
    for batch_size in (2, 4, 6):
        got = people_of(inferencer, images, batch_size=batch_size)
        assert_same(got, alone)
    monkeypatch.setattr(
        'poet_mm.models.heads.poet_head.image_extents', lambda *_: None
    )
    unmasked = people_of(inferencer, images, batch_size=6)
    for image in (0, 1):
        assert np.abs(unmasked[image] - alone[image]).max() > 0.01


def test_batch_of_one_size_is_the_same_with_a_resnet(inferencer, images):
    """Without any padding."""
    rng = np.random.default_rng(0)
    images = [
        cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), (120, 90))
        for _ in range(3)
    ]
    alone = people_of(inferencer, images)
    assert_same(people_of(inferencer, images, batch_size=3), alone)
    assert np.abs(alone[0] - alone[1]).max() > 0.01


def test_one_pass_a_batch(inferencer, images, monkeypatch):
    sizes = []
    monkeypatch.setattr(
        inferencer.model,
        'test_step',
        lambda data, run=inferencer.model.test_step: (
            sizes.append(len(data['inputs'])) or run(data)
        ),
    )
    results = list(inferencer(images, batch_size=4))
    assert sizes == [4, 2]
    assert [len(result['predictions']) for result in results] == [4, 2]


def test_every_kind_of_input(inferencer, images, toy):
    folder = toy / 'val2017'
    expected = people_of(inferencer, images)
    same = partial(people_of, inferencer)
    assert_same(same(str(folder)), expected)
    assert_same(same(folder), expected)
    assert_same(same(f'{folder}/*.png'), expected)
    assert_same(same([Path(path) for path in images]), expected)
    assert_same(same(path for path in images), expected)
    assert_same(same(images[1]), expected[1:2])
    array = cv2.imread(images[1])
    assert_same(same(array), expected[1:2])
    assert_same(same(iter([array, images[2]])), expected[1:3])


def test_nothing_is_read_ahead_of_need(inferencer, images):
    """From a generator without an end."""

    def forever():
        while True:
            yield images[0]

    results = inferencer(forever(), batch_size=2)
    assert len(next(results)['predictions']) == 2
    results.close()


def test_result_structure(inferencer, images):
    """MMPose's keys, and what POET knows beyond them; json can have it."""
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
    assert [vis.shape for vis in result['visualization']] == [
        cv2.imread(path).shape for path in images[:2]
    ]


def test_score_thr(inferencer, images):
    everyone = next(inferencer(images[0], score_thr=0))['predictions'][0]
    scores = sorted(person['bbox_score'] for person in everyone)
    assert len(scores) == 10
    found = next(inferencer(images[0], score_thr=scores[4]))['predictions'][0]
    assert sorted(person['bbox_score'] for person in found) == scores[5:]


def test_drawing(inferencer, images, tmp_path):
    image = cv2.imread(images[0])[..., ::-1]

    def drawn(**kwargs):
        kwargs = dict(dict(score_thr=0.01, return_vis=True), **kwargs)
        return next(inferencer(images[0], **kwargs))['visualization'][0]

    everything = drawn()
    assert (everything != image).any()
    assert (drawn(score_thr=0.9999) == image).all()
    assert (drawn(draw=['skeleton'], kpt_thr=1.1) == image).all()
    assert (drawn(draw=['centers']) != everything).any()
    assert (drawn() == everything).all()  # other calls have left no trace
    drawn(out_dir=str(tmp_path))
    path = Path(images[0])
    assert (tmp_path / 'visualizations' / path.name).is_file()
    path = tmp_path / 'predictions' / f'{path.stem}.json'
    people = json.loads(path.read_text())
    assert len(people[0]['keypoints']) == 17


def test_image_ids_reach_the_samples(inferencer, images):
    samples = [
        sample
        for result in inferencer(images, return_datasamples=True)
        for sample in result['predictions']
    ]
    assert [sample.img_id for sample in samples] == [
        int(Path(path).stem) for path in images
    ]


def test_any_skeleton(images):
    cfg = Config.fromfile(ROOT / 'configs' / 'poet_r18_toy.py')
    cfg.model.head.num_keypoints = 5
    for name in ('train', 'val', 'test'):
        cfg[f'{name}_dataloader'].dataset.metainfo = FIVE_JOINTS
    inferencer = POETInferencer(cfg, device='cpu')
    result = next(
        inferencer(
            images[0],
            score_thr=0,
            return_vis=True,
            draw=['skeleton', 'centers', 'offsets', 'visibility'],
        )
    )
    assert np.shape(result['predictions'][0][0]['keypoints']) == (5, 2)
    assert (
        result['visualization'][0] != cv2.imread(images[0])[..., ::-1]
    ).any()


def test_associative_embedding_of_this_repository(images):
    cfg = Config.fromfile(ROOT / 'configs' / 'ae_r18_s16_toy.py')
    inferencer = POETInferencer(cfg, device='cpu')
    result = next(inferencer(images[:2], batch_size=2, return_vis=True))
    assert len(result['predictions']) == 2


def test_config_from_the_checkpoint(model_files, images, tmp_path):
    config, checkpoint = model_files
    state = torch.load(checkpoint)
    text = Config.fromfile(config).pretty_text
    state['message_hub'] = dict(runtime_info=dict(cfg=text))
    torch.save(state, tmp_path / 'whole.pth')
    inferencer = POETInferencer(
        None, str(tmp_path / 'whole.pth'), device='cpu'
    )
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
