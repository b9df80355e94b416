"""Loading and augmentation: images per second of one worker, against the
nearest pipeline of stock transforms, on the same files and people.

AE: MMPose's ``BottomupRandomAffine`` to 512 x 512, flip, heatmaps and mask,
against the pipeline of ae_r50_s4_512_coco.py.

POET: MMPose's ED-Pose pipeline (flip, random short edge with or without a crop
before it), with the rotation and the holes that POET has besides. MMPose's
``BottomupRandomCrop`` stops at images of two people, and it has no rotation of
a free canvas: mmdet's crop, rotation and CutOut stand in. They leave the
people where they were, and the stock pipeline makes no targets: less is asked
of it.

Without ``--data-root`` the images are noise, smooth as photographs are, and
JPEG files of about 150 KB at 640 x 480, the mean of COCO.

The notes tell how much of POET's training batches is padding, before
(mmengine's batches, every image with a size of its own) and after
(SimilarShapeBatchSampler and SameInBatch), for sizes of images as COCO has
them or those of ``--data-root``; and what few shapes for torch.compile cost,
with ``model.data_preprocessor.pad_size_divisor=128``.
"""
import json
import tempfile
from pathlib import Path

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.dataset import DefaultSampler
from mmpose.registry import DATASETS, TRANSFORMS

from poet_mm.datasets.samplers import SimilarShapeBatchSampler
from poet_mm.datasets.transforms.geometry import PENDING

from . import measure

THREADS = 1
CONFIGS = Path(__file__).parents[2] / 'configs'
ANNOTATIONS = 'annotations/person_keypoints_train2017.json'
NUM_KEYPOINTS, NUM_PEOPLE = 17, 4
# Commonest sizes (w, h) of COCO's images with people, and their shares
COMMON_SIZES = {
    (640, 427): 0.36,
    (640, 480): 0.32,
    (427, 640): 0.11,
    (480, 640): 0.11,
    (640, 640): 0.04,
    (640, 400): 0.02,
    (640, 360): 0.02,
    (640, 512): 0.02
}
PADDED_IMAGES, DIVISOR = 3000, 128


def photo(rng, w, h):
    """(h, w, 3), uint8: noise at several scales, as photographs have it."""
    image = rng.normal(0, 8, (h, w, 3)).astype(np.float32)
    for scale in (4, 16, 64):
        coarse = rng.normal(0, 2 * scale**0.5, (h // scale, w // scale, 3))
        image += cv2.resize(coarse.astype(np.float32), (w, h))
    return np.clip(image + 128, 0, 255).astype(np.uint8)


def random_person(rng, person_id, image):
    """Annotation of joints in a box; every fourth person has none labelled."""
    size = np.array([image['width'], image['height']])
    extent = rng.uniform(0.2, 0.5) * size
    corner = rng.uniform(0, size - extent)
    joints = corner + rng.uniform(0, extent, (NUM_KEYPOINTS, 2))
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
        keypoints=np.column_stack([joints, v]).flatten().tolist(),
        segmentation=[outline.flatten().tolist()])


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
        categories=[dict(id=1, name='person')])


def read_annotations(data_root):
    """COCO's annotations; of the images, those with a labelled joint."""
    content = json.loads((Path(data_root) / ANNOTATIONS).read_text())
    used = {
        person['image_id']
        for person in content['annotations'] if person.get('num_keypoints')
    }
    content['images'] = [im for im in content['images'] if im['id'] in used]
    return content


def first_images(content, num_images):
    """Annotations of the first images only."""
    images = content['images'][:num_images]
    used = {image['id'] for image in images}
    people = [p for p in content['annotations'] if p['image_id'] in used]
    return dict(content, images=images, annotations=people)


def stock_ae_pipeline():
    """As MMPose 0.x trained AE, from transforms of MMPose 1.x."""
    codec = dict(
        type='AssociativeEmbedding',
        input_size=(512, 512),
        heatmap_size=(128, 128),
        sigma=2)
    return [
        dict(type='LoadImage'),
        dict(type='BottomupRandomAffine', input_size=(512, 512)),
        dict(type='RandomFlip', prob=0.5),
        dict(type='GenerateTarget', encoder=codec),
        dict(type='BottomupGetHeatmapMask'),
        dict(type='PackPoseInputs')
    ]


def stock_poet_pipeline(cfg):
    """ED-Pose's pipeline with the sizes of a config, rotation and holes."""
    choice = cfg.random_scale_or_crop
    first, crop, last = choice.transforms[1]

    def resize(step):
        limit = step.get('max_size', 4200)  # none: that of ED-Pose
        return dict(
            type='BottomupRandomChoiceResize',
            scales=[(edge, limit) for edge in step.short_edges],
            keep_ratio=True)

    mmdet_crop = dict(
        type='mmdet.RandomCrop',
        crop_type='absolute_range',
        crop_size=(crop.min_size, crop.max_size),
        allow_negative_crop=True)
    holes = dict(
        type='mmdet.CutOut', n_holes=(5, 20), cutout_ratio=(0.1, 0.1))
    return [
        dict(type='LoadImage'),
        dict(type='RandomFlip', prob=0.5),
        dict(type='mmdet.Rotate', prob=0.5, max_mag=25.0),
        dict(
            type='RandomChoice',
            transforms=[[resize(last)],
                        [resize(first), mmdet_crop,
                         resize(last)]]),
        dict(type='RandomApply', prob=0.5, transforms=[holes]),
        dict(type='PackPoseInputs')
    ]


def load_all(ann_file, image_folder, **dataset):
    """A function that loads every image of a data set once."""
    dataset = DATASETS.build(
        dict(
            ann_file=ann_file,
            data_mode='bottomup',
            data_prefix=dict(img=image_folder),
            **dataset))

    def load():
        np.random.seed(0)
        for index in range(len(dataset)):
            dataset[index]

    load.num_images = len(dataset)
    return load


class Sizes(list):
    """Sizes (w, h) of images, as a data set for samplers."""

    def get_data_info(self, index):
        return dict(zip(('width', 'height'), self[index]))


def padding(cfg, sizes, batches, divisor=1):
    """Share of padding, and number of different shapes of batches."""
    warp = next(t for t in cfg.train_pipeline if t.type == 'WarpOnce')
    geometry = TRANSFORMS.build(warp).transforms
    np.random.seed(0)
    image_pixels, batch_pixels, shapes = 0, 0, set()
    for batch in batches:
        drawn = [
            geometry({
                'img_shape': sizes[index][::-1],
                'sample_idx': index,
                PENDING: np.eye(2, 3)
            })['img_shape'] for index in batch
        ]
        padded = -(np.max(drawn, axis=0) // -divisor) * divisor
        image_pixels += np.prod(drawn, axis=1).sum()
        batch_pixels += padded.prod() * len(batch)
        shapes.add(tuple(padded))
    return 1 - image_pixels / batch_pixels, len(shapes)


def padding_note(cfg, sizes):
    """Padding and shapes of two epochs, before, after, and in buckets."""
    sampler = DefaultSampler(sizes, seed=0)
    batch_size = cfg.train_dataloader.batch_size
    grouped = SimilarShapeBatchSampler(sampler, batch_size)
    single, similar = [], []
    for epoch in range(2):
        sampler.set_epoch(epoch)
        order = list(sampler)
        single += [
            order[i:i + batch_size] for i in range(0, len(order), batch_size)
        ]
        similar += list(grouped)
    before, _ = padding(cfg, sizes, single)
    after, shapes = padding(cfg, sizes, similar)
    buckets, few = padding(cfg, sizes, similar, DIVISOR)
    return (f'padding in batches of {batch_size}: {before:.1%} -> {after:.1%} '
            f'({shapes} shapes); pad_size_divisor={DIVISOR}: {buckets:.1%} '
            f'({few} shapes)')


def compare(case, incumbent, theirs, ours, decode, bare, args, note=''):
    """Row of two functions of :func:`load_all`, with images per second and
    what nobody can save: the share of ours that decodes JPEG, and how much
    faster than the incumbent decoding and one warp alone would be."""
    row = measure(case, incumbent, theirs, ours, args.repeat, floor=2)
    least = measure(case, '', decode, bare, args.repeat)
    decoding, at_least = least.theirs.median, least.ours.median
    speeds = [
        1e3 * side.num_images / time.median
        for side, time in ((theirs, row.theirs), (ours, row.ours))
    ]
    row.note = (f'{speeds[0]:.0f} -> {speeds[1]:.0f} images/s, '
                f'{decoding / row.ours.median:.0%} of ours is decoding; '
                'decoding and one warp without anything else: '
                f'{row.theirs.median / at_least:.1f}x{note}')
    return row


def run(args):
    """Rows of AE and POET."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(0)  # as MMPose's default_runtime has it
    try:
        return load_and_compare(args)
    finally:
        cv2.setNumThreads(threads)


def load_and_compare(args):
    """The same, with cv2 on one thread."""
    num_images = min(args.images, 8) if args.quick else args.images
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        if args.data_root:
            images = Path(args.data_root) / 'train2017'
            content = read_annotations(args.data_root)
            sizes = Sizes((i['width'], i['height']) for i in content['images'])
        else:
            images, content = folder, write_photos(folder, num_images)
            sizes = Sizes(size for size, share in COMMON_SIZES.items()
                          for _ in range(round(PADDED_IMAGES * share)))
        people = folder / 'people.json'
        people.write_text(json.dumps(first_images(content, num_images)))
        return compare_recipes(str(people), str(images), sizes, args)


def compare_recipes(people, images, sizes, args):
    """One row for AE, two for POET."""

    def load(dataset, pipeline):
        return load_all(people, images, type=dataset, pipeline=pipeline)

    rows = []
    decode = load('BottomupCocoDataset', [dict(type='LoadImage')])
    for name in ('ae_r50_s4_512_coco', 'poet_r50_512_coco', 'poet_r50_coco'):
        cfg = Config.fromfile(CONFIGS / f'{name}.py')
        if name.startswith('ae'):
            case, stock = 'AE, 512 x 512', stock_ae_pipeline()
            incumbent, note = 'mmpose', ''
        else:
            case, stock = f'POET, up to {cfg.max_size}', stock_poet_pipeline(
                cfg)
            incumbent = 'mmpose + mmdet'
            note = '; ' + padding_note(cfg, sizes)
        warp = [
            step for step in cfg.train_pipeline
            if step.type in ('WarpOnce', 'RandomAffine')
        ]
        rows.append(
            compare(
                f'{case}, {decode.num_images} images', incumbent,
                load('CocoDataset', stock),
                load('BottomupCocoDataset', cfg.train_pipeline), decode,
                load('BottomupCocoDataset', [dict(type='LoadImage'), *warp]),
                args, note))
    return rows
