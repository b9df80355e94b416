r"""Make a small data set from one in COCO's layout.

Train and val have the same images and annotations, to test overfitting; with
--val N, val has others. The folders of images are links; the source is not
changed.

Examples:
  python tools/make_subset.py COCO data/coco_16
  python tools/make_subset.py COCO data/coco_mini --images 2000 --val 300 \
      --min-people 1 --min-area 0
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

__parse_first__ = True

from poet_mm import cli
from poet_mm.errors import UserError

ANN_FILE = 'annotations/person_keypoints_{}2017.json'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(**cli.about(__doc__))
    parser.add_argument(
        'source',
        type=Path,
        metavar='COCO',
        help="folder in COCO's layout; its train split is used",
    )
    parser.add_argument(
        'out', type=Path, metavar='DIR', help='folder to write'
    )
    parser.add_argument(
        '--images', type=int, default=16, metavar='N', help='number of images'
    )
    parser.add_argument(
        '--val',
        type=int,
        default=0,
        metavar='N',
        help='number of further images, for val (default: 0, val has those '
        'of train)',
    )
    parser.add_argument(
        '--min-people',
        type=int,
        default=2,
        metavar='N',
        help='smallest number of people in an image',
    )
    parser.add_argument(
        '--min-area',
        type=float,
        default=32**2,
        metavar='AREA',
        help='smallest area of each person, in square pixels (default: 1024, '
        "the limit of COCO's medium people)",
    )
    args = parser.parse_args()
    if args.images < 1 or args.val < 0:
        parser.error(
            f'--images {args.images} --val {args.val}: expected at least 1 '
            'and 0'
        )
    return args


def choose_images(
    coco: dict, count: int, min_people: int, min_area: float
) -> list:
    """Return the first images in which all people are labelled and large.

    Args:
        coco (dict): Contents of a COCO person_keypoints file.
        count (int): Largest number of images.
        min_people (int): Smallest number of people in an image.
        min_area (float): Smallest area of each person in square pixels.
    """
    people_of = people_by_image(coco)

    def fits(image):
        people = people_of[image['id']]
        return len(people) >= min_people and all(
            ann['num_keypoints']
            and not ann['iscrowd']
            and ann['area'] >= min_area
            for ann in people
        )

    return [image for image in coco['images'] if fits(image)][:count]


def people_by_image(coco: dict) -> dict:
    """Return the annotations of each image id."""
    people_of = defaultdict(list)
    for ann in coco['annotations']:
        people_of[ann['image_id']].append(ann)
    return people_of


def main() -> None:
    args = parse_args()
    source = args.source / ANN_FILE.format('train')
    if not source.is_file():
        raise UserError(
            f"there is no {source}. Name a folder in COCO's layout."
        )
    if (args.out / 'annotations').exists():
        raise UserError(
            f'{args.out} already holds a data set. Name a new '
            'folder, or remove it first.'
        )
    coco = json.loads(source.read_text())
    people_of = people_by_image(coco)
    count = args.images + args.val
    chosen = choose_images(coco, count, args.min_people, args.min_area)
    if len(chosen) < count:
        raise UserError(
            f'Only {len(chosen)} of {count} images have at least '
            f'{args.min_people} people, all of an area of at least '
            f'{args.min_area:g}. Lower --images, --val, --min-people or '
            '--min-area.'
        )
    train = chosen[: args.images]
    parts = dict(train=train, val=chosen[args.images :] or train)
    (args.out / 'annotations').mkdir(parents=True)
    for split, images in parts.items():
        annotations = [ann for im in images for ann in people_of[im['id']]]
        subset = dict(coco, images=images, annotations=annotations)
        path = args.out / ANN_FILE.format(split)
        path.write_text(json.dumps(subset))
        link = args.out / f'{split}2017'
        link.symlink_to((args.source / 'train2017').resolve())
        print(f'{path}: {len(images)} images, {len(annotations)} people')


if __name__ == '__main__':
    cli.run(main)
