"""Make a small data set from one in COCO's layout, to test overfitting.

Train and val have the same images and annotations. The folders of images are
links; the source is not changed.

Examples:
  python tools/make_subset.py COCO data/coco_16
  python tools/make_subset.py COCO data/coco_64 --images 64 --min-area 9216
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
    return parser.parse_args()


def choose_images(
    coco: dict, count: int, min_people: int, min_area: float
) -> dict:
    """Return the first images in which all people are labelled and large.

    Args:
        coco (dict): Contents of a COCO person_keypoints file.
        count (int): Largest number of images.
        min_people (int): Smallest number of people in an image.
        min_area (float): Smallest area of each person in square pixels.

    Returns:
        dict: The contents with the chosen images and their annotations only.
    """
    people_of = defaultdict(list)
    for ann in coco['annotations']:
        people_of[ann['image_id']].append(ann)

    def fits(image):
        people = people_of[image['id']]
        return len(people) >= min_people and all(
            ann['num_keypoints']
            and not ann['iscrowd']
            and ann['area'] >= min_area
            for ann in people
        )

    images = [image for image in coco['images'] if fits(image)][:count]
    annotations = [ann for image in images for ann in people_of[image['id']]]
    return dict(coco, images=images, annotations=annotations)


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
    subset = choose_images(
        json.loads(source.read_text()),
        args.images,
        args.min_people,
        args.min_area,
    )
    if len(subset['images']) < args.images:
        raise UserError(
            f'Only {len(subset["images"])} images have at least '
            f'{args.min_people} people, all of an area of at least '
            f'{args.min_area:g}. Lower --images, --min-people or --min-area.'
        )
    (args.out / 'annotations').mkdir(parents=True)
    for split in ('train', 'val'):
        path = args.out / ANN_FILE.format(split)
        path.write_text(json.dumps(subset))
        link = args.out / f'{split}2017'
        link.symlink_to((args.source / 'train2017').resolve())
    print(
        f'{args.out}: {len(subset["images"])} images, '
        f'{len(subset["annotations"])} people'
    )


if __name__ == '__main__':
    cli.run(main)
