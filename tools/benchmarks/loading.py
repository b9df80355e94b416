"""Compare loading and augmentation by one worker with stock transforms.

Both sides read the same files and people, with the nearest pipelines.

AE: MMPose's ``BottomupRandomAffine`` to 512 x 512, flip, heatmaps and mask,
against the pipeline of ae_r50_s4_512_coco.py.

POET: MMPose's ED-Pose pipeline (flip, random short edge with or without a crop
before it), with the rotation and the holes that POET has besides. MMPose's
``BottomupRandomCrop`` stops at images of two people, and it has no rotation of
a free canvas: mmdet's crop, rotation and CutOut replace them. They leave the
people where they were, and the stock pipeline makes no targets: it does less.

Without ``--data-root`` the images are noise, smooth as photographs are, and
JPEG files of about 150 KB at 640 x 480, the mean of COCO.
"""

import json
import tempfile
from pathlib import Path

import cv2
import numpy as np
from mmengine.config import Config
from mmpose.registry import DATASETS

from . import measure

THREADS = 1
CONFIGS = Path(__file__).parents[2] / 'configs'
ANNOTATIONS = 'annotations/person_keypoints_train2017.json'
NUM_KEYPOINTS, NUM_PEOPLE = 17, 4


def photo(rng, w, h):
    """Return noise (h, w, 3), uint8, at several scales like photographs."""
    image = rng.normal(0, 8, (h, w, 3)).astype(np.float32)
    for scale in (4, 16, 64):
        coarse = rng.normal(0, 2 * scale**0.5, (h // scale, w // scale, 3))
        image += cv2.resize(coarse.astype(np.float32), (w, h))
    return np.clip(image + 128, 0, 255).astype(np.uint8)


def random_person(rng, person_id, image):
    """Return an annotation; every fourth person has no labelled keypoint."""
    size = np.array([image['width'], image['height']])
    extent = rng.uniform(0.2, 0.5) * size
    corner = rng.uniform(0, size - extent)
    keypoints = corner + rng.uniform(0, extent, (NUM_KEYPOINTS, 2))
    v = rng.integers(0, 3, NUM_KEYPOINTS) * bool(person_id % NUM_PEOPLE)
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)  # (40, 2)
    outline = corner + (1 + ring) / 2 * extent
    return dict(
        id=person_id,
        image_id=image['id'],
        category_id=1,
        iscrowd=0,
        bbox=[*corner, *extent],
        area=float(extent.prod()),
        num_keypoints=int((v > 0).sum()),
        keypoints=np.column_stack([keypoints, v]).flatten().tolist(),
        segmentation=[outline.flatten().tolist()],
    )


def write_photos(folder, num_images):
    """Write JPEG files; return COCO's annotations of them."""
    rng = np.random.default_rng(0)
    images, people = [], []
    for image_id in range(num_images):
        w, h = (640, 480) if image_id % 3 else (480, 640)
        name = f'{image_id}.jpg'
        cv2.imwrite(str(folder / name), photo(rng, w, h))
        images.append(dict(id=image_id, file_name=name, width=w, height=h))
        people += [
            random_person(rng, NUM_PEOPLE * image_id + n, images[-1])
            for n in range(NUM_PEOPLE)
        ]
    return dict(
        images=images,
        annotations=people,
        categories=[dict(id=1, name='person')],
    )


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
    """Return ED-Pose's pipeline with sizes of a config, rotation and holes."""
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
            if args.data_root:
                images = Path(args.data_root) / 'train2017'
                people = Path(args.data_root) / ANNOTATIONS
            else:
                images, people = Path(folder), Path(folder) / 'people.json'
                people.write_text(json.dumps(write_photos(images, num_images)))
            return compare_recipes(str(people), str(images), num_images, args)
    finally:
        cv2.setNumThreads(threads)


def compare_recipes(people, images, num_images, args):
    """Return one row for AE, two for POET."""

    def load(dataset, pipeline):
        return load_all(
            num_images,
            type=dataset,
            ann_file=people,
            data_prefix=dict(img=images),
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
