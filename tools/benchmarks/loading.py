"""Compare loading and augmentation by one worker with stock transforms.

Both sides read the same files and people, with the nearest pipelines.

AE: MMPose's ``BottomupRandomAffine`` to 512 x 512, flip, heatmaps and mask,
against the pipeline of ae_r50_s4_512_coco.py.

POET: MMPose's ED-Pose pipeline (flip, random short edge with or without a crop
before it), plus POET's rotation and coarse dropout. MMPose's
``BottomupRandomCrop`` stops at images of two people, and it has no rotation of
a free canvas: mmdet's crop, rotation and CutOut replace them. These do not
move annotations, and the stock pipeline makes no targets, so it does less
work.

With ``--data-root`` the images are COCO's, else 640 x 640 pixels of
``tools/make_toy_coco.py``.
"""

import tempfile
from pathlib import Path

import cv2
import numpy as np
from make_toy_coco import make_toy_coco
from mmengine.config import Config
from mmpose.registry import DATASETS

from . import measure

THREADS = 1
CONFIGS = Path(__file__).parents[2] / 'configs'
ANNOTATIONS = 'annotations/person_keypoints_train2017.json'


def stock_ae_pipeline():
    """Return the pipeline of MMPose 0.x's AE in transforms of MMPose 1.x."""
    codec = dict(
        type='AssociativeEmbedding',
        input_size=(512, 512),
        heatmap_size=(128, 128),
        sigma=2,
    )
    return [
        dict(type='LoadImage'),
        dict(type='BottomupRandomAffine', input_size=(512, 512)),
        dict(type='RandomFlip', prob=0.5),
        dict(type='GenerateTarget', encoder=codec),
        dict(type='BottomupGetHeatmapMask'),
        dict(type='PackPoseInputs'),
    ]


def stock_poet_pipeline(cfg):
    """Return ED-Pose's pipeline with sizes of a config, rotation, dropout."""
    choice = cfg.random_scale_or_crop
    first, crop, last = choice.transforms[1]

    def resize(step):
        limit = step.get('max_size', 4200)  # none: that of ED-Pose
        return dict(
            type='BottomupRandomChoiceResize',
            scales=[(edge, limit) for edge in step.short_edges],
            keep_ratio=True,
        )

    mmdet_crop = dict(
        type='mmdet.RandomCrop',
        crop_type='absolute_range',
        crop_size=(crop.min_size, crop.max_size),
        allow_negative_crop=True,
    )
    holes = dict(type='mmdet.CutOut', n_holes=(5, 20), cutout_ratio=(0.1, 0.1))
    return [
        dict(type='LoadImage'),
        dict(type='RandomFlip', prob=0.5),
        dict(type='mmdet.Rotate', prob=0.5, max_mag=25.0),
        dict(
            type='RandomChoice',
            transforms=[
                [resize(last)],
                [resize(first), mmdet_crop, resize(last)],
            ],
        ),
        dict(type='RandomApply', prob=0.5, transforms=[holes]),
        dict(type='PackPoseInputs'),
    ]


def load_all(num_images, **dataset):
    """Return a function that loads the first images of a data set once."""
    dataset = DATASETS.build(
        dict(data_mode='bottomup', indices=num_images, **dataset)
    )

    def load():
        np.random.seed(0)
        for index in range(len(dataset)):
            dataset[index]

    load.num_images = len(dataset)
    return load


def run(args, num_images=32):
    """Return rows of AE and POET."""
    num_images = min(num_images, 8) if args.quick else num_images
    threads = cv2.getNumThreads()
    cv2.setNumThreads(0)  # as MMPose's default_runtime has it
    try:
        with tempfile.TemporaryDirectory() as folder:
            if not args.data_root:
                make_toy_coco(folder, num_images, 0, size=640, seed=0)
            root = Path(args.data_root or folder)
            return compare_recipes(root, num_images, args)
    finally:
        cv2.setNumThreads(threads)


def compare_recipes(root, num_images, args):
    """Return one row for AE, two for POET."""

    def load(dataset, pipeline):
        return load_all(
            num_images,
            type=dataset,
            ann_file=str(root / ANNOTATIONS),
            data_prefix=dict(img=str(root / 'train2017')),
            pipeline=pipeline,
        )

    rows = []
    for name in ('ae_r50_s4_512_coco', 'poet_r50_512_coco', 'poet_r50_coco'):
        cfg = Config.fromfile(CONFIGS / f'{name}.py')
        if name.startswith('ae'):
            case, incumbent = 'AE, 512 x 512', 'mmpose'
            stock = stock_ae_pipeline()
        else:
            case, incumbent = f'POET, up to {cfg.max_size}', 'mmpose + mmdet'
            stock = stock_poet_pipeline(cfg)
        theirs = load('CocoDataset', stock)
        ours = load('BottomupCocoDataset', cfg.train_pipeline)
        row = measure(
            f'{case}, {ours.num_images} images', incumbent, theirs, ours, args
        )
        speeds = [
            1e3 * ours.num_images / row[side]['median']
            for side in ('theirs', 'ours')
        ]
        row['note'] = f'{speeds[0]:.0f} -> {speeds[1]:.0f} images/s'
        rows.append(row)
    return rows
