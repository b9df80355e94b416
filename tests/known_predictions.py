"""A model whose predictions are known by hand, its images and its logs."""

import csv
import json

import analyze
import cv2
import numpy as np
import torch
from helpers import ROOT
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

from poet_mm.analysis.session import open_session

OFFSETS = np.array(
    [[-0.2, -0.3], [0.2, -0.3], [0, 0], [-0.2, 0.3], [0.2, 0.3]]
)
VISIBILITY = np.array([0.9, 0.8, 0.2, 0.1, 0.5])
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
    """A person at the prediction, shifted by (x, y) pixels."""
    size = np.array([image['width'], image['height']])
    v = np.array(v)[:, None]
    points = np.round((0.5 + OFFSETS) * size + shift, 6)
    person = dict(
        image_id=image['id'],
        category_id=1,
        iscrowd=0,
        area=1024.0,
        bbox=[2, 2, 30, 40],
        num_keypoints=int((v > 0).sum()),
        keypoints=np.hstack([points * (v > 0), v]).ravel().tolist(),
    )
    return dict(person, **changes)


def write_data(folder, images, people):
    """COCO's layout; train and val are the same images."""
    (folder / 'annotations').mkdir(parents=True, exist_ok=True)
    data = dict(
        images=images,
        categories=[dict(id=1, name='person')],
        annotations=[dict(person, id=n) for n, person in enumerate(people, 1)],
    )
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
            torch.tensor([PERSON, 1 - PERSON]).log()
        )
    torch.save(dict(state_dict=model.state_dict()), path)


def make_world(folder):
    """Config, data of three images, and the checkpoint.

    1: a person exactly where the prediction is. 2: a person at (8, -4) from
    it. 3: only a crowd and a person without keypoints.
    """
    (folder / 'config.py').write_text(CONFIG)
    images = [
        make_image(folder, n, size)
        for n, size in ((1, (64, 96)), (2, (64, 64)), (3, (48, 64)))
    ]
    write_data(
        folder,
        images,
        [
            make_person(images[0], (0, 0), [2, 2, 1, 1, 2]),
            make_person(images[1], (8, -4), [2, 2, 1, 2, 0]),
            make_person(images[2], (0, 0), [2] * 5, iscrowd=1),
            make_person(images[2], (0, 0), [0] * 5),
        ],
    )
    make_checkpoint(Config.fromfile(folder / 'config.py'), folder / 'a.pth')
    return folder


def model_args(folder, out):
    """Arguments of a subcommand for ``config.py`` and ``a.pth``."""
    files = [str(folder / name) for name in ('config.py', 'a.pth')]
    data = ['--data-root', str(folder), '--device', 'cpu']
    return [*files, *data, '--out', str(out)]


def run(folder, command, *args):
    """Run a subcommand here; -> what it wrote as JSON."""
    out = folder / 'out' / command
    analyze.main([command, *model_args(folder, out), *map(str, args)])
    for ending in ('png', 'pdf', 'txt'):
        assert (out / f'{command}.{ending}').stat().st_size > 100
    return json.loads((out / f'{command}.json').read_text())


def read_rows(world, command, name=None):
    with open(world / 'out' / command / f'{name or command}.csv') as file:
        return list(csv.DictReader(file))


def session_of(world, **kwargs):
    return open_session(
        str(world / 'config.py'),
        str(world / 'a.pth'),
        str(world),
        device='cpu',
        **kwargs,
    )


def link_model(world, folder):
    """Config and checkpoint of ``world``, for other images."""
    for name in ('config.py', 'a.pth'):
        (folder / name).symlink_to(world / name)


def write_log(work_dir, records, time='2020'):
    folder = work_dir / time / 'vis_data'
    folder.mkdir(parents=True)
    lines = ''.join(json.dumps(record) + '\n' for record in records)
    (folder / 'scalars.json').write_text(lines)
