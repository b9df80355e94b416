"""tools/analyze.py on checkpoints whose predictions are known by hand."""
import csv
import json
import runpy

import analyze
import cv2
import matplotlib
import numpy as np
import pytest
import torch
from helpers import ROOT
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.registry import MODELS

from poet_mm.analysis.attention import attention_maps, record_rows
from poet_mm.analysis.collect import walk_images
from poet_mm.analysis.plots.curves import draw_curves
from poet_mm.analysis.session import open_session
from poet_mm.errors import UserError
from poet_mm.models.layers.attention import record_weights
from poet_mm.utils.config import set_data_root

K = 5
OFFSETS = np.array([[-.2, -.3], [.2, -.3], [0, 0], [-.2, .3], [.2, .3]])
VISIBILITY = np.array([.9, .8, .2, .1, .5])
PERSON = 0.8  # probability
CONFIG = f"""
_base_ = ['{ROOT}/configs/poet_r18_toy.py']
metainfo = dict(
    _delete_=True,
    dataset_name='five_joints',
    keypoint_info={{
        k: dict(name=name, id=k, color=[0, 0, 0], type='', swap=swap)
        for k, (name, swap) in enumerate(
            [('a', 'b'), ('b', 'a'), ('c', ''), ('d', 'e'), ('e', 'd')])}},
    skeleton_info={{
        0: dict(link=('a', 'b'), id=0, color=[255, 0, 0]),
        1: dict(link=('c', 'd'), id=1, color=[0, 255, 0])}},
    joint_weights=[1.0] * 5,
    sigmas=[0.1] * 5)
model = dict(
    backbone=dict(base_channels=8, stem_channels=8),
    head=dict(in_channels=32, num_keypoints=5, num_queries=1))
train_dataloader = dict(dataset=dict(metainfo=metainfo))
val_dataloader = dict(batch_size=2, dataset=dict(metainfo=metainfo))
test_dataloader = dict(batch_size=2, dataset=dict(metainfo=metainfo))
default_hooks = dict(visualization=dict(enable=False))
"""


def make_image(folder, image_id, size, seed=0):
    """A file of noise of (w, h) pixels; -> its entry."""
    name = f'{image_id:012}.png'
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 255, (*size[::-1], 3), np.uint8)
    (folder / 'val2017').mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / 'val2017' / name), pixels)
    return dict(id=image_id, file_name=name, width=size[0], height=size[1])


def make_person(image, shift, v, **changes):
    """Someone at the prediction, shifted by (x, y) pixels."""
    size = np.array([image['width'], image['height']])
    v = np.array(v)[:, None]
    points = np.round((0.5 + OFFSETS) * size + shift, 6)
    person = dict(
        image_id=image['id'], category_id=1, iscrowd=0, area=1024.,
        bbox=[2, 2, 30, 40], num_keypoints=int((v > 0).sum()),
        keypoints=np.hstack([points * (v > 0), v]).ravel().tolist())
    return dict(person, **changes)


def write_data(folder, images, people):
    """COCO's layout; train and val are the same images."""
    (folder / 'annotations').mkdir(parents=True, exist_ok=True)
    data = dict(
        images=images, categories=[dict(id=1, name='person')],
        annotations=[dict(person, id=n) for n, person in enumerate(people, 1)])
    for split in ('train', 'val'):
        path = folder / f'annotations/person_keypoints_{split}2017.json'
        path.write_text(json.dumps(data))
    if not (folder / 'train2017').exists():
        (folder / 'train2017').symlink_to(folder / 'val2017')
    return folder


def make_checkpoint(cfg, path, noise=0.0):
    """A model whose every query predicts what is known, but for noise."""
    torch.manual_seed(0)
    init_default_scope('mmpose')
    model = MODELS.build(cfg.model)
    model.init_weights()
    pose = np.column_stack([(OFFSETS + 1) / 2, VISIBILITY])
    pose = torch.tensor([0.5, 0.5, *pose.ravel()]).logit()
    last = model.head.pose_embed.layers[-1]
    with torch.no_grad():
        last.weight.normal_(std=noise)
        last.bias.copy_(pose)
        model.head.class_embed.weight.normal_(std=noise)
        model.head.class_embed.bias.copy_(
            torch.tensor([PERSON, 1 - PERSON]).log())
    torch.save(dict(state_dict=model.state_dict()), path)


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    """Config, data of three images, and the checkpoint.

    1: someone exactly where the prediction is. 2: someone else, at (8, -4)
    from it. 3: nobody but a crowd and someone without joints.
    """
    folder = tmp_path_factory.mktemp('world')
    (folder / 'config.py').write_text(CONFIG)
    images = [
        make_image(folder, n, size)
        for n, size in ((1, (64, 96)), (2, (64, 64)), (3, (48, 64)))
    ]
    write_data(folder, images, [
        make_person(images[0], (0, 0), [2, 2, 1, 1, 2]),
        make_person(images[1], (8, -4), [2, 2, 1, 2, 0]),
        make_person(images[2], (0, 0), [2] * 5, iscrowd=1),
        make_person(images[2], (0, 0), [0] * 5)
    ])
    make_checkpoint(Config.fromfile(folder / 'config.py'), folder / 'a.pth')
    return folder


def run(world, command, *args, out=None):
    """Run a subcommand here; -> what it wrote as JSON."""
    out = out or world / 'out' / command
    analyze.main([
        command, str(world / 'config.py'), str(world / 'a.pth'), '--data-root',
        str(world), '--device', 'cpu', '--out', str(out), *map(str, args)
    ])
    for ending in ('png', 'pdf', 'txt'):
        assert (out / f'{command}.{ending}').stat().st_size > 100
    return json.loads((out / f'{command}.json').read_text())


def read_rows(world, command):
    with open(world / 'out' / command / f'{command}.csv') as file:
        return list(csv.DictReader(file))


def test_predictions_by_hand(world):
    """Squared distance 80, two variances of 0.2^2 x 1024 are 81.92."""
    oks = np.exp(-80 / 81.92)
    found = run(world, 'predictions')
    assert (found['images'], found['labelled_people'],
            found['found']) == (3, 2, 2)
    assert found['mean_oks'] == pytest.approx((1 + oks) / 2, abs=1e-5)
    assert found['predictions_of_nobody'] == 1
    assert [image['image_id'] for image in found['best']] == [1, 2]
    assert [image['image_id'] for image in found['worst']] == [2, 1]
    rows = read_rows(world, 'predictions')
    assert [row['cause'] for row in rows] == ['good', 'jitter']
    assert [float(row['score']) for row in rows] == pytest.approx([0.8] * 2)
    assert [row['labelled_joints'] for row in rows] == ['5', '4']
    for said in ('config.py', 'a.pth', 'test split', '3 images'):
        assert said in found['caption']


def test_centers_by_hand(world):
    """The second centre is the mean of four joints, at (36.8, 23.2)."""
    found = run(world, 'centers')
    rows = read_rows(world, 'centers')
    errors = [(float(row['dx']), float(row['dy'])) for row in rows]
    np.testing.assert_allclose(
        errors, [(0, 0), (-4.8 / 50, 8.8 / 50)], atol=2e-6)
    assert found['quadrants']['lower left'] == 0.5
    assert found['people'] == 2
    assert float(rows[0]['predicted_y']) == pytest.approx(48)


def test_visibility_by_hand(world):
    """Occluded .2 .1 .2; visible .9 .8 .5 .9 .8 .1; not labelled .5."""
    found = run(world, 'visibility')
    assert found['joints'] == {'0': 1, '1': 3, '2': 6}
    assert found['median']['1'] == pytest.approx(0.2)
    assert found['median']['2'] == pytest.approx(0.8)
    rows = read_rows(world, 'visibility')
    assert [row['annotation_id'] for row in rows] == ['1'] * 5 + ['2'] * 5
    assert [row['image_id'] for row in rows] == ['1'] * 5 + ['2'] * 5
    assert [row['joint'] for row in rows] == list('01234') * 2
    assert ''.join(row['v'] for row in rows) == '2211222120'
    assert [row['predicted'] for row in rows
            ] == ['0.9', '0.8', '0.2', '0.1', '0.5'] * 2
    detector = found['occlusion_detector']
    assert detector['auc'] == pytest.approx((5.5 + 5 + 5) / 18)
    assert detector['occluded_share'] == pytest.approx(1 / 3)
    # at .9: 1 of 2; at .8: 3 of 4
    assert detector['ap'] == pytest.approx(1 / 3 / 2 + 2 / 3 * 3 / 4)


def test_layers_by_hand(world):
    """Of two people of the same score the first is found: precision 1 up to
    recall 1 / 2, which are 51 of COCO's 101 points."""
    found = run(world, 'layers')
    assert len(found['layers']) == 3
    for layer in found['layers']:
        assert layer['coco/AP'] == pytest.approx(51 / 101)
        assert layer['coco/AR'] == pytest.approx(1 / 2)
    assert read_rows(world, 'layers')[0]['AP75'][:4] == '50.4'
    only_first = run(world, 'layers', '--max-images', 1)
    assert only_first['layers'][0]['coco/AP'] == pytest.approx(1)


def evaluate(cfg, model):
    """What mmengine's loop of the test does, without a Runner."""
    loader = Runner.build_dataloader(cfg.test_dataloader)
    evaluator = Evaluator(cfg.test_evaluator)
    evaluator.dataset_meta = loader.dataset.metainfo
    for batch in loader:
        with torch.no_grad():
            evaluator.process(model.test_step(batch), batch)
    return evaluator.evaluate(len(loader.dataset))


def test_last_layer_is_what_test_says(world, tmp_path):
    """All ten numbers, to the last digit, of what tools/test.py runs."""
    images = [make_image(tmp_path, n, (64 + 8 * n, 80), n) for n in range(6)]
    rng = np.random.default_rng(0)
    write_data(tmp_path, images, [
        make_person(image, rng.normal(0, 3, 2), [2] * 5, area=area)
        for image in images for area in (2000., 20000.)
    ])
    options = {'model.head.num_queries': 6, 'test_dataloader.batch_size': 4}
    cfg = Config.fromfile(world / 'config.py')
    cfg.model.head.num_queries = 6
    make_checkpoint(cfg, tmp_path / 'a.pth', noise=0.02)
    (tmp_path / 'config.py').write_text(CONFIG)
    found = run(tmp_path, 'layers', '--cfg-options',
                *(f'{key}={value}' for key, value in options.items()))
    set_data_root(cfg, str(tmp_path))
    cfg.test_dataloader.batch_size = 4
    session = session_of(tmp_path, cfg_options=options)
    expected = evaluate(cfg, session.model)
    assert found['layers'][-1] == expected
    assert 0 < expected['coco/AP'] < 1
    assert found['layers'][0] != found['layers'][-1]


def test_attention(world):
    found = run(world, 'attention', '--people', 1)
    encoder, decoder = np.array(found['encoder']), np.array(found['decoder'])
    rows, columns = encoder.shape[2:]
    assert encoder.shape[:2] == (2, 3)  # layers, points
    assert decoder.shape == (3, 1, rows, columns)
    np.testing.assert_allclose(encoder.sum((2, 3)), 1, atol=1e-4)
    np.testing.assert_allclose(decoder.sum((2, 3)), 1, atol=1e-4)
    assert found['image'] in ('000000000001.png', '000000000002.png')


def test_attention_of_a_file_and_of_an_id(world):
    path = world / 'val2017' / '000000000001.png'
    by_file = run(world, 'attention', '--image', path, '--points', '10,20')
    by_id = run(world, 'attention', '--image', 1, '--points', '10,20')
    assert by_file['points'] == [[10, 20]]
    assert by_file['encoder'] == by_id['encoder']
    # 85 x 127 pixels for the network, 6 x 8 cells of 16 pixels
    assert np.shape(by_id['encoder'])[2:] == (8, 6)
    assert by_id['extent'] == pytest.approx([0, 64, 0, 96])


def session_of(world, **kwargs):
    return open_session(
        str(world / 'config.py'), str(world / 'a.pth'), str(world),
        device='cpu', **kwargs)


def test_attention_rows_are_those_of_all_weights(world):
    """And nothing else is kept; padded cells are cut off."""
    from mmengine.dataset import pseudo_collate
    session = session_of(world, cfg_options={
        'model.data_preprocessor.pad_size_divisor': 256})
    model = session.model
    batch = pseudo_collate([session.dataset[0]])
    points = np.array([[1., 1], [60, 90]])  # cells 0 and (7, 4)
    maps = attention_maps(model, batch, points, [0])
    assert maps.encoder.shape == (2, 2, 8, 6)
    assert maps.extent == pytest.approx([0, 64 * 96 / 85, 0, 96 * 128 / 127])
    data = model.data_preprocessor(batch, False)
    with torch.no_grad(), record_weights(model) as everything:
        feats = model.extract_feat(data['inputs'])
        model.head.forward(feats, data['data_samples'])
    name = 'encoder.layers.1.self_attn'
    full = everything[f'head.{name}'][0].mean(0)  # (256, 256)
    expected = full[[0, 7 * 16 + 4]].unflatten(-1, (16, 16))
    np.testing.assert_allclose(
        maps.encoder[1], expected[:, :8, :6], atol=1e-6)
    assert expected.sum() == pytest.approx(maps.encoder[1].sum(), abs=1e-5)
    with torch.no_grad(), record_rows(model.head, [3], [0]) as rows:
        model.head.forward(feats, data['data_samples'])
    kept = {name: len(weights) for name, weights in rows.items()}
    assert kept['encoder.layers.0.self_attn'] == 1
    assert kept['decoder.layers.2.cross_attn'] == 1
    assert kept['decoder.layers.2.self_attn'] == 0
    model.head.forward(feats, data['data_samples'])  # no hooks, no records
    assert rows.keys() == kept.keys()


def test_batches_change_nothing(world):
    records = [
        list(walk_images(session_of(world, split='test', cfg_options={
            'test_dataloader.batch_size': size}))) for size in (1, 3)
    ]
    for one, three in zip(*records):
        assert one.img_id == three.img_id
        np.testing.assert_allclose(
            one.prediction.keypoints, three.prediction.keypoints, atol=1e-4)
        np.testing.assert_allclose(
            one.prediction.scores, three.prediction.scores, atol=1e-5)


def test_report(world, tmp_path):
    """One page with every picture in it, and nothing from elsewhere."""
    logs = world / 'logs'
    write_log(logs, [dict(loss=2.0, loss_cls=1.0, epoch=1, step=1)])
    out = world / 'out' / 'report'
    analyze.main([
        'report', str(world / 'config.py'), str(world / 'a.pth'),
        '--data-root', str(world), '--split', 'train', '--out', str(out),
        '--work-dir', str(logs), '--device', 'cpu'
    ])
    page = (out / 'report.html').read_text()
    assert page.count('data:image/png;base64,') == 6
    assert 'http' not in page
    assert page.count('train split') == 5
    for name in (*analyze.ANALYSES, 'curves'):
        assert (out / f'{name}.pdf').is_file()
        assert f'id="{name}"' in page


def test_nobody_found_and_nobody_there(world, tmp_path, capsys):
    """Every figure says so."""
    found = run(world, 'predictions', '--score-thr', 1.0)
    assert found['causes']['missed'] == 2
    assert 'Nobody was found' in found['caption']
    for name in ('attention', 'centers', 'visibility'):
        run(world, name, '--score-thr', 1.0)
    write_data(tmp_path, [make_image(tmp_path, 1, (64, 64))], [])
    link_model(world, tmp_path)
    analyze.main([
        'report', str(tmp_path / 'config.py'), str(tmp_path / 'a.pth'),
        '--data-root', str(tmp_path), '--out', str(tmp_path), '--device', 'cpu'
    ])
    page = (tmp_path / 'report.html').read_text()
    assert page.count('data:image/png;base64,') == 5
    assert 'No curves' in page
    numbers = json.loads((tmp_path / 'layers.json').read_text())
    assert numbers['layers'][0]['coco/AP'] == -1


def link_model(world, folder):
    """Config and checkpoint of ``world``, for other images."""
    for name in ('config.py', 'a.pth'):
        (folder / name).symlink_to(world / name)


@pytest.fixture
def broken_world(world, tmp_path):
    """Five images, the fourth of which is no image."""
    images = [make_image(tmp_path, n, (64, 64)) for n in range(1, 6)]
    write_data(tmp_path, images, [
        make_person(image, (0, 0), [2] * 5) for image in images])
    link_model(world, tmp_path)
    broken = tmp_path / 'val2017' / images[3]['file_name']
    broken.write_bytes(broken.read_bytes()[:30])
    return tmp_path, broken


@pytest.mark.parametrize('workers', [0, 2])
def test_broken_image_of_the_data(broken_world, workers):
    """It is named, also where another process loads it; and nothing is drawn
    of the rest, which would look like the whole."""
    folder, broken = broken_world
    with pytest.raises(UserError) as error:
        run(folder, 'visibility', '--cfg-options',
            f'test_dataloader.num_workers={workers}')
    assert str(error.value) == (
        f'{broken}: cannot be read as an image '
        '(empty, damaged or of an unknown format)')
    assert not (folder / 'out').exists()
    run(folder, 'visibility', '--max-images', 2)


@pytest.mark.parametrize('image', ['file', 4])
def test_attention_of_a_broken_image(broken_world, image):
    folder, broken = broken_world
    image = broken if image == 'file' else image
    with pytest.raises(UserError, match=f'{broken.name}: cannot be read'):
        run(folder, 'attention', '--image', image)


def test_other_errors_of_the_data_stay(broken_world, monkeypatch):
    """A mistake in the pipeline is not blamed on an image."""
    folder, broken = broken_world
    broken.write_bytes((broken.parent / '000000000001.png').read_bytes())
    session = session_of(folder)

    def fail(results):
        raise KeyError('mistake')

    monkeypatch.setattr(session.dataset.pipeline.transforms[1], 'transform',
                        fail)
    with pytest.raises(KeyError, match='mistake'):
        list(walk_images(session))


def write_log(work_dir, records, time='2020'):
    folder = work_dir / time / 'vis_data'
    folder.mkdir(parents=True)
    lines = ''.join(json.dumps(record) + '\n' for record in records)
    (folder / 'scalars.json').write_text(lines)


def test_curves_of_several_work_dirs(tmp_path):
    """Epochs are averaged; validation has its own keys."""
    for name, scale in (('a/run', 1), ('b/run', 2)):
        write_log(tmp_path / name, [
            dict(loss=4 * scale, loss_cls=1., epoch=1, step=1),
            dict(loss=2 * scale, loss_cls=1., epoch=1, step=2),
            {'coco/AP': 0.1 * scale, 'val/loss': 5, 'val/loss_cls': 2,
             'val/d0.loss_cls': 3, 'step': 1}
        ])
    out = tmp_path / 'out'
    dirs = [str(tmp_path / 'a/run'), str(tmp_path / 'b/run')]
    analyze.main(['curves', *dirs, '--out', str(out)])
    runs = json.loads((out / 'curves.json').read_text())['runs']
    assert list(runs) == ['a/run', 'b/run']
    assert runs['b/run']['loss'] == [[1], [6]]
    assert runs['b/run']['coco/AP'] == [[1], [0.2]]
    assert runs['a/run']['val/loss_cls'] == [[1], [2]]
    assert 'dashed on validation images' in (out / 'curves.txt').read_text()
    with pytest.raises(UserError, match='named twice'):
        analyze.main(['curves', dirs[0], dirs[0], '--out', str(out)])
    with pytest.raises(UserError, match=r'No scalars\.json'):
        analyze.main(['curves', str(out), '--out', str(out)])


def losses(steps, value, per_epoch=10):
    """What training logs at these steps."""
    return [dict(loss=value, loss_cls=value, step=step,
                 epoch=(step - 1) // per_epoch + 1) for step in steps]


def curves_of(out, *work_dirs):
    analyze.main(['curves', *map(str, work_dirs), '--out', str(out)])
    runs = json.loads((out / 'curves.json').read_text())['runs']
    return ({name: run['loss'] for name, run in runs.items()},
            (out / 'curves.txt').read_text())


def test_curves_of_a_resumed_training(tmp_path):
    """It goes on from epoch 2, and replaces what it does again."""
    write_log(tmp_path / 'run', losses((10, 20, 30), 3.), '2020')
    write_log(tmp_path / 'run', losses((30, 40), 2.), '2021')
    write_log(tmp_path / 'run', losses((35, ), 1.), '2022')  # in an epoch
    runs, caption = curves_of(tmp_path / 'out', tmp_path / 'run')
    assert runs == dict(run=[[1, 2, 3, 4], [3, 3, 2, 1.5]])
    assert 'trainings' not in caption


@pytest.mark.parametrize(('first', 'second'), [
    ((10, 20, 30), (10, 20)), ((5, 10), (5, )), ((2, 4, 30), (8, 16))])
def test_curves_of_two_trainings_in_one_work_dir(tmp_path, first, second):
    """The last alone is drawn, and that is said; each can be drawn."""
    work_dir = tmp_path / 'run'
    write_log(work_dir, losses(first, 3.), '2020')
    write_log(work_dir, losses((100, ), 3.), '2021')  # resumed
    write_log(work_dir, losses(second, 2.), '2022')
    write_log(work_dir, losses((60, ), 1.), '2023')  # resumed
    runs, caption = curves_of(tmp_path / 'out', work_dir)
    assert set(runs['run'][1]) == {2, 1}
    assert runs['run'][0][-1] == 6
    assert 'run holds 2 trainings' in caption
    runs, caption = curves_of(
        tmp_path / 'each', work_dir / '2020', work_dir / '2022')
    assert set(runs['2020'][1]) == {3}
    assert set(runs['2022'][1]) == {2}
    assert 'trainings' not in caption


def test_curves_compare_the_same_terms(tmp_path):
    """Training of the fast POET has proposals and noised people."""
    terms = {'loss_cls': 1., 'd0.loss_cls': 2., 'enc.loss_cls': 4.,
             'dn.loss_centers': 8., 'dn.d0.loss_centers': 16.}
    write_log(tmp_path / 'run', [
        dict(terms, loss=31., epoch=1, step=5),
        {'val/loss': 3., 'val/loss_cls': 1., 'val/d0.loss_cls': 2., 'step': 1}
    ])
    runs, caption = curves_of(tmp_path / 'out', tmp_path / 'run')
    assert runs == dict(run=[[1], [3]])
    assert 'without those of proposals' in caption


def test_ae_has_predictions_only(world, tmp_path, capsys):
    cfg = Config.fromfile(ROOT / 'configs' / 'ae_r18_s4_toy.py')
    cfg.merge_from_dict({
        'model.head.num_keypoints': K,
        'model.head.decoder.decode_keypoint_order': list(range(K))
    })
    five = Config.fromfile(world / 'config.py').metainfo
    for loader in (cfg.test_dataloader, cfg.val_dataloader):
        loader.dataset.metainfo = five
    path = tmp_path / 'ae.py'
    cfg.dump(path)
    model = MODELS.build(cfg.model)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'ae.pth')
    args = [str(path), str(tmp_path / 'ae.pth'), '--data-root', str(world),
            '--out', str(tmp_path), '--device', 'cpu']
    with pytest.raises(UserError, match='only POET has'):
        analyze.main(['centers', *args])
    analyze.main(['report', *args])
    assert (tmp_path / 'predictions.png').is_file()
    assert not (tmp_path / 'layers.png').exists()
    assert 'Only POET has' in (tmp_path / 'report.html').read_text()


@pytest.mark.parametrize(('args', 'said'), [
    (['--max-images', '0'], 'expected 1 or more'),
    (['--device', 'nonsense'], 'Cannot use --device nonsense'),
    (['--image', '77'], 'neither a file nor the id'),
    (['--points', '1,1'], 'give it, too'),
    (['--image', '1', '--points', '1,99'], 'not all inside'),
    (['--cfg-options', 'model.head.num_queries=3'], 'does not fit the config'),
    (['--cfg-options', 'test_dataloader=None'], 'no test_dataloader'),
])
def test_mistakes_get_a_sentence(world, args, said):
    with pytest.raises(UserError, match=said):
        run(world, 'attention', *args)


def test_missing_files(world, tmp_path):
    with pytest.raises(UserError, match='no config'):
        open_session('none.py', 'none.pth')
    config = str(world / 'config.py')
    with pytest.raises(UserError, match='no checkpoint'):
        open_session(config, 'none.pth')
    (tmp_path / 'text.pth').write_text('no weights')
    with pytest.raises(UserError, match='Cannot read the checkpoint'):
        open_session(config, str(tmp_path / 'text.pth'), str(world))
    with pytest.raises(UserError, match='No annotation file'):
        open_session(config, str(world / 'a.pth'), cfg_options={
            'test_dataloader.dataset.data_root': str(tmp_path)})
    (tmp_path / 'annotations').symlink_to(world / 'annotations')
    with pytest.raises(UserError, match='There is no image'):
        open_session(config, str(world / 'a.pth'), str(tmp_path))


def test_tool_ends_with_a_sentence(monkeypatch):
    tool = ROOT / 'tools' / 'analyze.py'
    monkeypatch.setattr('sys.argv', [str(tool), 'layers', 'none.py', 'x.pth'])
    with pytest.raises(SystemExit) as error:
        runpy.run_path(str(tool), run_name='__main__')
    assert error.value.code == 'analyze.py: There is no config none.py.'


def test_style_stays_in_its_figures(tmp_path):
    before = dict(matplotlib.rcParams)
    records = [dict(loss=1.0, loss_cls=1.0, step=1)]
    draw_curves({'run': records}, str(tmp_path / 'curves'), 'AP')
    assert (tmp_path / 'curves.pdf').is_file()
    assert dict(matplotlib.rcParams) == before
