"""POETInferencer: the numbers of tools/test.py, for every kind of input."""
import json
import os
import pickle
import runpy
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from helpers import ROOT, write_video
from make_toy_coco import make_toy_coco
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmpose.apis import MMPoseInferencer
from mmpose.structures import PoseDataSample
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from poet_mm.apis import POETInferencer, to_coco
from poet_mm.apis.inputs import as_bgr, find_files, image_ids
from poet_mm.apis.video import CODECS, Video, VideoWriter, best_codec
from poet_mm.errors import EveryImageFails, UserError
from poet_mm.utils.config import find_config

FIVE_JOINTS = dict(
    dataset_name='five',
    keypoint_info={
        n: dict(name=f'j{n}', id=n, color=[255, 0, 0], type='', swap='')
        for n in range(5)
    },
    skeleton_info={0: dict(link=('j0', 'j4'), id=0, color=[0, 255, 0])},
    joint_weights=[1.0] * 5,
    sigmas=[0.05] * 5)


@pytest.fixture(scope='module')
def toy(tmp_path_factory):
    """Toy people, some of the images cut to other sizes."""
    folder = tmp_path_factory.mktemp('toy')
    make_toy_coco(folder, 1, 6, 96, 0)
    annotations = folder / 'annotations/person_keypoints_val2017.json'
    content = json.loads(annotations.read_text())
    for image, (h, w) in zip(content['images'], ((60, 96), (96, 50),
                                                 (40, 40))):
        path = str(folder / 'val2017' / image['file_name'])
        cv2.imwrite(path, cv2.imread(path)[:h, :w])
        image.update(height=h, width=w)
    cut = {image['id'] for image in content['images'][:3]}
    content['annotations'] = [  # their joints may lie in what was cut off
        person for person in content['annotations']
        if person['image_id'] not in cut
    ]
    annotations.write_text(json.dumps(content))
    return folder


@pytest.fixture(scope='module')
def inferencer(model_files):
    return POETInferencer(*model_files, device='cpu')


@pytest.fixture(scope='module')
def images(toy):
    return sorted(str(path) for path in (toy / 'val2017').iterdir())


def people_of(inferencer, inputs, **kwargs):
    """Keypoints (N, K, 2) of every image, all queries."""
    kwargs.setdefault('score_thr', 0)
    return [
        np.array([person['keypoints'] for person in people])
        for result in inferencer(inputs, **kwargs)
        for people in result['predictions']
    ]


def assert_same(got, expected, atol=1e-4):
    assert len(got) == len(expected)
    for a, b in zip(got, expected):
        np.testing.assert_allclose(a, b, atol=atol)


def test_same_people_as_test_py(inferencer, model_files, toy, images, tmp_path,
                                monkeypatch):
    """And the same pictures, if the config has our visualizer. The tool's
    batch is 16, so all six images share one."""
    dump = tmp_path / 'predictions.pkl'
    argv = [
        'test.py', *model_files, '--data-root', toy, '--work-dir', tmp_path,
        '--dump', dump, '--show-dir', 'drawn', '--cfg-options',
        'visualizer.type=POETVisualizer'
    ]
    monkeypatch.setattr('sys.argv', [str(arg) for arg in argv])
    runpy.run_path(str(ROOT / 'tools' / 'test.py'), run_name='__main__')
    samples = pickle.loads(dump.read_bytes())
    expected = {s['img_path']: s['pred_instances'] for s in samples}
    got = next(
        inferencer(
            images, batch_size=16, score_thr=0,
            return_datasamples=True))['predictions']
    assert len(got) == len(expected) == 6
    for sample in got:
        theirs = expected[sample.img_path]
        for key in ('keypoints', 'keypoint_scores', 'bbox_scores', 'centers',
                    'visibility'):
            np.testing.assert_allclose(
                sample.pred_instances[key], theirs[key], atol=1e-4)
        assert np.ptp(theirs['keypoints'], axis=0).max() > 0.3  # not all alike
    shown = inferencer(images, batch_size=16, return_vis=True, kpt_thr=0.3)
    for path, picture in zip(images, next(shown)['visualization']):
        drawn, = tmp_path.glob(f'*/drawn/{Path(path).stem}*')
        np.testing.assert_array_equal(
            picture, cv2.imread(str(drawn))[..., ::-1])


def test_same_people_as_mmpose_inferencer(inferencer, model_files, images):
    mmpose = MMPoseInferencer(
        pose2d=model_files[0], pose2d_weights=model_files[1], device='cpu')
    expected = [
        np.array([person['keypoints'] for person in result['predictions'][0]])
        for result in mmpose(str(Path(images[0]).parent))
    ]
    assert_same(people_of(inferencer, images), expected)


def test_mmpose_inferencer_draws_with_our_visualizer(inferencer, model_files,
                                                     images):
    cfg = Config.fromfile(model_files[0])
    cfg.visualizer.type = 'POETVisualizer'
    mmpose = MMPoseInferencer(
        pose2d=cfg, pose2d_weights=model_files[1], device='cpu')
    theirs, ours = (
        next(results)['visualization'][0] for results in (
            mmpose(images[0], return_vis=True, kpt_thr=0.1),
            inferencer(
                images[0], return_vis=True, radius=3, thickness=1,
                kpt_thr=0.1)))
    # rounding moves the edge of a line
    assert (np.abs(theirs.astype(int) - ours) > 8).mean() < 1e-3
    assert (ours != cv2.imread(images[0])[..., ::-1]).any()


def test_batch_is_the_same_as_one_by_one(inferencer, images, monkeypatch):
    """With a backbone that looks at one cell at a time."""
    patches = torch.nn.Conv2d(3, 32, 16, 16).requires_grad_(False)
    monkeypatch.setattr(inferencer.model, 'extract_feat',
                        lambda x: (patches(x), ))
    rng = np.random.default_rng(0)
    images = [
        rng.integers(0, 256, size, dtype=np.uint8)
        for size in ((128, 128, 3), (64, 128, 3), (128, 48, 3))
    ]
    alone = people_of(inferencer, images)
    assert_same(people_of(inferencer, images, batch_size=3), alone)
    assert_same(people_of(inferencer, images, batch_size=2), alone)
    monkeypatch.setattr('poet_mm.models.heads.poet_head.image_extents',
                        lambda *_: None)
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
    monkeypatch.setattr('poet_mm.models.heads.poet_head.image_extents',
                        lambda *_: None)
    unmasked = people_of(inferencer, images, batch_size=6)
    for image in (0, 1):
        assert np.abs(unmasked[image] - alone[image]).max() > 0.01


def test_batch_of_one_size_is_the_same_with_a_resnet(inferencer, images):
    """Without any padding."""
    rng = np.random.default_rng(0)
    images = [cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), (120, 90))
              for _ in range(3)]
    alone = people_of(inferencer, images)
    assert_same(people_of(inferencer, images, batch_size=3), alone)
    assert np.abs(alone[0] - alone[1]).max() > 0.01


def test_one_pass_a_batch(inferencer, images, monkeypatch):
    sizes = []
    monkeypatch.setattr(
        inferencer.model, 'test_step',
        lambda data, run=inferencer.model.test_step:
        sizes.append(len(data['inputs'])) or run(data))
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
        inferencer(images[:2], batch_size=2, score_thr=0, return_vis=True))
    assert set(result) == {'predictions', 'visualization'}
    person = result['predictions'][0][0]
    json.dumps(result['predictions'])
    assert len(person['keypoints']) == len(person['keypoint_scores']) == 17
    assert len(person['center']) == 2
    assert len(person['visibility']) == 17
    assert 0 <= person['bbox_score'] <= 1
    assert [vis.shape for vis in result['visualization']
            ] == [cv2.imread(path).shape for path in images[:2]]


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


def test_video(inferencer, tmp_path):
    """As many frames out as in; batches as one by one; also JSON."""
    path = str(write_video(tmp_path / 'film.mp4', 7))
    frames = list(Video(path))
    assert len(frames) == 7
    out = tmp_path / 'out'
    got = people_of(inferencer, path, batch_size=3, out_dir=str(out))
    assert_same(got, people_of(inferencer, frames))
    film, = (out / 'visualizations').iterdir()
    assert film.name == f'film{best_codec().suffix}'
    drawn = list(Video(str(film)))
    assert [frame.shape for frame in drawn] == [(38, 50, 3)] * 7
    records = json.loads((out / 'predictions' / 'film.json').read_text())
    assert [record['frame_id'] for record in records] == list(range(7))
    assert len(records[0]['instances']) == 10


def test_video_is_whole_if_its_user_stops(inferencer, tmp_path):
    path = write_video(tmp_path / 'film.mp4', 5)
    results = inferencer(path, vis_out_dir=str(tmp_path / 'out'))
    next(results)
    next(results)
    results.close()
    film, = (tmp_path / 'out').iterdir()
    assert len(list(Video(str(film)))) == 2


@pytest.mark.parametrize('codec', CODECS, ids=lambda codec: codec.fourcc)
def test_codecs(codec, tmp_path, monkeypatch, capfd):
    """Those that OpenCV has here write as many frames as they get, of the
    colours that they get, and nothing to the terminal."""
    monkeypatch.setattr('poet_mm.apis.video.best_codec', lambda: codec)
    writer = VideoWriter(str(tmp_path / 'film'), 12.5)
    frames = list(Video(str(write_video(tmp_path / 'in.mp4', 9))))
    try:
        for frame in frames:
            writer.write(frame)
    except UserError as error:
        assert codec != best_codec()
        pytest.skip(str(error))
    writer.release()
    assert 'FFMPEG' not in capfd.readouterr().err
    video = Video(writer.path)
    assert video.fps == 12.5
    got = list(video)
    video.check_end()
    assert len(got) == len(frames) == writer.num_written
    assert np.abs(np.subtract(got, frames, dtype=float)).mean() < 8


def damage(path, begin, end):
    """Overwrite a part of a file, or take off its end."""
    data = bytearray(path.read_bytes())
    begin, end = int(begin * len(data)), end and int(end * len(data))
    if end is None:
        del data[begin:]
    else:
        data[begin:end] = bytes(end - begin)
    path.write_bytes(data)


@pytest.mark.parametrize(('name', 'fourcc', 'part'), [
    ('film.mp4', 'mp4v', (0.4, 0.6)), ('film.mp4', 'mp4v', (0.5, 0.9)),
    ('film.avi', 'MJPG', (0.6, None)), ('film.webm', 'VP80', (0.6, None)),
    ('film.webm', 'VP80', (0.4, 0.6))])
def test_damaged_video(inferencer, tmp_path, name, fourcc, part):
    """What comes before is kept, and it is said."""
    path = write_video(tmp_path / name, 40, fourcc=fourcc)
    whole = people_of(inferencer, path, batch_size=8)
    assert len(whole) == 40
    damage(path, *part)
    errors = []
    got = people_of(inferencer, path, batch_size=8, on_error=errors.append)
    assert 8 < len(got) < 36
    assert_same(got[:8], whole[:8])
    error, = errors
    assert str(error) == (f'{path}: cut off or damaged; of 40 frames only '
                          f'the first {len(got)} can be read')
    results = inferencer(path, batch_size=8)
    for _ in range(-(-len(got) // 8)):
        next(results)
    with pytest.raises(UserError, match='cut off or damaged'):
        next(results)


def test_frame_counts_that_are_estimates(tmp_path):
    """Some containers tell a duration only."""
    video = Video(str(write_video(tmp_path / 'film.mp4', 5)))
    assert len(list(video)) == 5
    video.check_end()
    video.num_frames = 6
    with pytest.raises(UserError, match='of 6 frames only the first 5'):
        video.check_end()
    video.name, video.num_frames = 'film.MKV', 8
    video.check_end()
    video.num_frames = 9
    with pytest.raises(UserError):
        video.check_end()
    video.num_frames = None
    video.check_end()
    video.num_read = 0
    with pytest.raises(UserError, match='not one frame'):
        video.check_end()


def test_video_among_images(inferencer, images, tmp_path):
    """It is not left out in silence."""
    folder = tmp_path / 'folder'
    folder.mkdir()
    (folder / 'a.png').symlink_to(images[0])
    (folder / 'c.png').symlink_to(images[1])
    write_video(folder / 'b.mp4', 2)
    errors = []
    got = people_of(
        inferencer, folder, batch_size=2, on_error=errors.append)
    assert_same(got, people_of(inferencer, images[:2], batch_size=2))
    assert 'b.mp4: a video' in str(errors[0])
    assert len(errors) == 1
    with pytest.raises(UserError, match=r'b\.mp4: .*give videos one by one'):
        list(inferencer(folder))


@pytest.fixture
def fails_on(inferencer, monkeypatch):
    """Let the network or the drawing fail on images of some ids."""

    def fails_on(method, ids):
        run = getattr(type(inferencer), method)

        def fail(inputs, *args, **kwargs):
            samples = (inputs['data_samples'] if method == 'forward' else
                       args[0])
            if any(sample.img_id in ids for sample in samples):
                raise RuntimeError('too much\nsecond line')
            return run(inferencer, inputs, *args, **kwargs)

        monkeypatch.setattr(inferencer, method, fail)

    return fails_on


@pytest.mark.parametrize('method', ['forward', 'visualize'])
def test_one_image_fails(inferencer, images, fails_on, method):
    """Those of its batch do not."""
    expected = people_of(inferencer, images)
    ids = [int(Path(path).stem) for path in images]
    fails_on(method, ids[4:5])
    with pytest.raises(RuntimeError, match='too much'):
        people_of(inferencer, images, batch_size=3)
    errors = []
    results = list(inferencer(
        images, batch_size=3, score_thr=0, on_error=errors.append,
        return_vis=True))
    assert [str(error) for error in errors
            ] == [f'{images[4]}: RuntimeError: too much']
    assert [len(result['visualization']) for result in results] == [3, 2]
    got = [np.array([person['keypoints'] for person in people])
           for result in results for people in result['predictions']]
    # a batch that is taken apart has no padding
    assert_same(got[3:], [expected[3], expected[5]])


def test_one_frame_fails(inferencer, fails_on, tmp_path):
    """The numbers of the others stay as they are."""
    path = write_video(tmp_path / 'film.mp4', 5)
    fails_on('forward', [3])
    errors = []
    list(inferencer(path, batch_size=2, pred_out_dir=str(tmp_path),
                    score_thr=0, on_error=errors.append))
    assert str(errors[0]) == f'{path}: frame 3: RuntimeError: too much'
    records = json.loads((tmp_path / 'film.json').read_text())
    assert [len(record['instances']) for record in records
            ] == [10, 10, 10, 0, 10]


def test_every_image_fails(inferencer, images, fails_on):
    """Three are enough to know; broken files do not count."""
    ids = [int(Path(path).stem) for path in images]
    fails_on('forward', ids)
    errors = []
    inputs = ['missing.jpg', *images]
    with pytest.raises(EveryImageFails, match='the first 3 images all failed'):
        list(inferencer(inputs, batch_size=4, on_error=errors.append))
    assert len(errors) == 4
    fails_on('forward', ids[1:])
    errors.clear()
    got = people_of(inferencer, images, on_error=errors.append)
    assert len(got) == 1
    assert len(errors) == 5


def test_webcam(inferencer, monkeypatch):
    """A camera without a screen: three frames, then it is unplugged."""

    class Camera:

        def __init__(self, number):
            assert number == 1
            self.frames = [np.zeros((40, 60, 3), np.uint8)] * 3

        def isOpened(self):
            return True

        def get(self, _):
            return -1.0

        def read(self):
            return (True, self.frames.pop()) if self.frames else (False, None)

        def release(self):
            self.frames = None

    monkeypatch.setattr(cv2, 'VideoCapture', Camera)
    assert len(people_of(inferencer, 'webcam:1')) == 3


def test_files_of_all_sorts(inferencer, tmp_path):
    """Gray, 16 bits, alpha, turned by EXIF: as cv2 reads them, be it as a
    file or as the array that it holds."""
    rng = np.random.default_rng(0)
    bgr = cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), (80, 60))
    arrays = dict(
        gray=bgr[..., 0],
        deep=bgr.astype(np.uint16) * 256 + 7,
        deep_gray=bgr[..., 0].astype(np.uint16) * 256,
        alpha=np.dstack([bgr, bgr[..., 0]]))
    for name, array in arrays.items():
        path = str(tmp_path / f'{name}.png')
        cv2.imwrite(path, array)
        np.testing.assert_array_equal(as_bgr(array), cv2.imread(path))
        assert_same(people_of(inferencer, array), people_of(inferencer, path))
    assert as_bgr(bgr[..., :1]).shape == bgr.shape

    turned = Image.fromarray(bgr[..., ::-1])
    exif = turned.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    path = str(tmp_path / 'turned.jpg')
    turned.save(path, exif=exif)
    assert cv2.imread(path).shape == (80, 60, 3)
    assert_same(
        people_of(inferencer, path),
        people_of(inferencer, cv2.imread(path)))
    result = next(inferencer(path, return_vis=True))
    assert result['visualization'][0].shape == (80, 60, 3)


@pytest.mark.parametrize('array', [
    np.zeros((2, 10, 10, 3), np.uint8),
    np.zeros((10, 10, 2), np.uint8),
    np.zeros((10, 10, 3), np.float32),
    np.zeros((0, 10, 3), np.uint8),
])
def test_arrays_that_are_no_images(inferencer, array):
    with pytest.raises(UserError, match=r'expected uint8 or uint16'):
        next(inferencer([array]))


def test_broken_images(inferencer, images, tmp_path):
    """They end it, or are told about and left out."""
    broken, empty = tmp_path / 'broken.jpg', tmp_path / 'empty.png'
    broken.write_bytes(Path(images[0]).read_bytes()[:20])
    empty.touch()
    inputs = [images[0], broken, str(empty), 'missing.jpg', images[1]]
    with pytest.raises(UserError, match=r'broken\.jpg: cannot be read'):
        list(inferencer(inputs))
    errors = []
    got = people_of(
        inferencer, inputs, on_error=errors.append, batch_size=2)
    assert_same(got, people_of(inferencer, images[:2], batch_size=2))
    said = [str(error) for error in errors]
    assert ['\n' in line for line in said] == [False] * 3
    assert said[0].startswith(f'{broken}: cannot be read')
    assert 'empty.png' in said[1]
    assert 'missing.jpg' in said[2]
    assert 'No such file' in said[2] or 'no such file' in said[2]


def test_inputs_that_are_not_there(inferencer, tmp_path):
    write_video(tmp_path / 'a.mp4', 1)
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'text.mp4').write_text('no video')
    for wrong, said in ((tmp_path / 'empty', 'no images or videos'),
                        (tmp_path / 'none.jpg', 'no such file'),
                        (str(tmp_path / '*.png'), 'no file fits'),
                        (tmp_path / 'text.mp4', 'cannot be opened'),
                        (tmp_path, 'no image; give videos one by one'),
                        (3.5, 'float: not an input')):
        with pytest.raises(UserError, match=said):
            next(inferencer(wrong))


def test_folder_without_permission(monkeypatch, tmp_path):
    def refuse(path):
        raise PermissionError(13, 'Permission denied')

    monkeypatch.setattr(os, 'listdir', refuse)
    with pytest.raises(UserError, match='Permission denied'):
        find_files(tmp_path)


def test_image_without_permission(inferencer, images, monkeypatch):
    def refuse(results):
        raise PermissionError(13, 'Permission denied')

    monkeypatch.setattr(inferencer.pipeline.transforms[0], 'transform', refuse)
    with pytest.raises(UserError, match=r'\(Permission denied\)'):
        next(inferencer(images[0]))


def test_find_files(tmp_path):
    (tmp_path / 'deep').mkdir()
    names = ['b.PNG', 'a.jpg', 'deep/c.jpg', 'notes.txt', '[x].jpg']
    for name in names:
        (tmp_path / name).touch()

    def found(path):
        return [os.path.relpath(file, tmp_path) for file in find_files(path)]

    assert found(tmp_path) == ['[x].jpg', 'a.jpg', 'b.PNG']
    assert found(tmp_path / '[x].jpg') == ['[x].jpg']  # no glob: it is there
    assert found(f'{tmp_path}/*.jpg') == ['[x].jpg', 'a.jpg']
    assert found(f'{tmp_path}/**/*.jpg') == ['[x].jpg', 'a.jpg', 'deep/c.jpg']


def test_image_ids():
    assert image_ids(['x/000000000139.jpg', '7.png']) == [139, 7]
    assert image_ids(['a/1.jpg', 'b/01.jpg']) == [1, 2]  # two with number 1
    assert image_ids(['one.jpg', np.zeros((2, 2)), '5.jpg', '0.jpg'
                      ]) == [6, 7, 5, 0]
    assert image_ids(['one.jpg', 'two.jpg', '1x.jpg']) == [0, 1, 2]


def test_to_coco_evaluates(toy):
    """Perfect people, through COCO's own code: AP 1."""
    file = toy / 'annotations' / 'person_keypoints_val2017.json'
    truth = COCO(str(file))
    results = []
    for image in truth.dataset['images']:
        anns = truth.loadAnns(truth.getAnnIds(image['id'], iscrowd=False))
        joints = np.array([ann['keypoints'] for ann in anns])
        joints = joints.reshape(-1, 17, 3).astype(np.float32)
        sample = PoseDataSample(
            metainfo=dict(img_id=image['id'], img_path=image['file_name']))
        sample.pred_instances = InstanceData(
            keypoints=joints[..., :2],
            keypoint_scores=joints[..., 2] / 2,
            bbox_scores=np.ones(len(joints), np.float32))
        results += to_coco(sample)
    assert {'image_id', 'category_id', 'keypoints', 'score'} < set(results[0])
    evaluation = COCOeval(truth, truth.loadRes(results), 'keypoints')
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1)


def test_image_ids_reach_the_samples(inferencer, images):
    samples = [
        sample for result in inferencer(images, return_datasamples=True)
        for sample in result['predictions']
    ]
    assert [sample.img_id for sample in samples
            ] == [int(Path(path).stem) for path in images]


def test_any_skeleton(images):
    cfg = Config.fromfile(ROOT / 'configs' / 'poet_r18_toy.py')
    cfg.model.head.num_keypoints = 5
    for name in ('train', 'val', 'test'):
        cfg[f'{name}_dataloader'].dataset.metainfo = FIVE_JOINTS
    inferencer = POETInferencer(cfg, device='cpu')
    result = next(
        inferencer(
            images[0], score_thr=0, return_vis=True,
            draw=['skeleton', 'centers', 'offsets', 'visibility']))
    assert np.shape(result['predictions'][0][0]['keypoints']) == (5, 2)
    assert (result['visualization'][0] != cv2.imread(images[0])[..., ::-1]
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
        None, str(tmp_path / 'whole.pth'), device='cpu')
    assert len(people_of(inferencer, images[0])[0]) == 10


def test_names_of_configs():
    assert Path(find_config('poet_r18_toy')) == (
        ROOT / 'configs' / 'poet_r18_toy.py')
    with pytest.raises(UserError, match=r'Did you mean.*poet_r18_toy'):
        find_config('poet_r18')
    with pytest.raises(UserError, match='neither a config file'):
        POETInferencer('qqqq')


def test_models_with_a_detector_are_refused():
    cfg = Config.fromfile(ROOT / 'configs' / 'poet_r18_toy.py')
    cfg.data_mode = 'topdown'
    with pytest.raises(UserError, match='MMPoseInferencer'):
        POETInferencer(cfg, device='cpu')


def test_progress_knows_the_total(inferencer, images, monkeypatch, capsys):
    monkeypatch.setattr(inferencer, 'show_progress', True)
    list(inferencer(images, batch_size=4))
    assert '100%' in capsys.readouterr().err
