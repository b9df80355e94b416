r"""Make a small data set from one in COCO's layout.

By default train and val have the same images, to test overfitting: the first
of train2017 with two people or more, all labelled and at least of medium size.
The folders of images are links; the source is not changed.

Examples:
  python tools/make_subset.py COCO data/coco_16
  python tools/make_subset.py COCO data/coco_mini \
      --ids docs/results/coco_mini.json    # the real images of docs/results.md
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

__parse_first__ = True

from poet_mm import cli
from poet_mm.errors import UserError

ANN_FILE = 'annotations/person_keypoints_{}2017.json'
PARTS = ('train', 'val')
MIN_PEOPLE = 2
MIN_AREA = 32**2  # square pixels: COCO's medium people


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(**cli.about(__doc__))
    parser.add_argument(
        'source', type=Path, metavar='COCO', help="folder in COCO's layout"
    )
    parser.add_argument(
        'out', type=Path, metavar='DIR', help='folder to write'
    )
    parser.add_argument(
        '--images', type=int, default=16, metavar='N', help='number of images'
    )
    parser.add_argument(
        '--ids',
        type=Path,
        metavar='FILE',
        help='JSON file with the split of COCO and the ids of the images for '
        'train and val (default: the first --images that suit a test)',
    )
    args = parser.parse_args()
    if args.images < 1:
        parser.error(f'--images {args.images}: expected at least 1')
    return args


def read_ids(path: Path) -> dict:
    """Return the split of COCO, and the ids of train and val.

    Raises:
        UserError: If the file does not exist or has something else.
    """
    cli.check_file(str(path), 'file')
    try:
        content = json.loads(path.read_text())
        return {key: content[key] for key in ('split', *PARTS)}
    except (KeyError, TypeError, ValueError):
        raise UserError(
            f'{path} is not a JSON file with "split", "train" and "val", as '
            'docs/results/coco_mini.json is.'
        ) from None


def people_by_image(coco: dict) -> dict:
    """Return the annotations of each image id."""
    people_of = defaultdict(list)
    for ann in coco['annotations']:
        people_of[ann['image_id']].append(ann)
    return people_of


def choose_ids(coco: dict, count: int) -> list:
    """Return the ids of the first images whose people suit a test.

    Args:
        coco (dict): Contents of a COCO person_keypoints file.
        count (int): Number of images.

    Raises:
        UserError: If there are fewer.
    """
    people_of = people_by_image(coco)

    def fits(image_id):
        people = people_of[image_id]
        return len(people) >= MIN_PEOPLE and all(
            ann['num_keypoints']
            and not ann['iscrowd']
            and ann['area'] >= MIN_AREA
            for ann in people
        )

    ids = [image['id'] for image in coco['images'] if fits(image['id'])]
    if len(ids) < count:
        raise UserError(
            f'Only {len(ids)} of {count} images have at least {MIN_PEOPLE} '
            f'people, all labelled and of {MIN_AREA} square pixels or more. '
            'Lower --images.'
        )
    return ids[:count]


def select(source: Path, folder: Path, coco: dict, ids: list) -> dict:
    """Return `coco` with the images of `ids`, in this order, and their people.

    Args:
        source (Path): Annotation file of `coco`, for messages.
        folder (Path): Folder with its images.
        coco (dict): Contents of a COCO person_keypoints file.
        ids (list): Ids of images.

    Raises:
        UserError: If an image or its file is missing.
    """
    images = {image['id']: image for image in coco['images']}
    if missing := [i for i in ids if i not in images]:
        raise UserError(
            f'{len(missing)} of {len(ids)} images are not in {source}, which '
            f'has {len(images)}; the first is {missing[0]}. Name a folder '
            "with all images of COCO's split, and its annotations."
        )
    names = [images[i]['file_name'] for i in ids]
    if missing := [name for name in names if not (folder / name).is_file()]:
        raise UserError(
            f'{len(missing)} of {len(ids)} images are not in the folder '
            f'{folder}, the first is {missing[0]}. Download them first.'
        )
    people_of = people_by_image(coco)
    return dict(
        coco,
        images=[images[i] for i in ids],
        annotations=[ann for i in ids for ann in people_of[i]],
    )


def main() -> None:
    args = parse_args()
    ids = read_ids(args.ids) if args.ids else {'split': 'train'}
    split = ids['split']
    source = args.source / ANN_FILE.format(split)
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
    if not args.ids:
        ids |= dict.fromkeys(PARTS, choose_ids(coco, args.images))
    folder = (args.source / f'{split}2017').resolve()
    subsets = {part: select(source, folder, coco, ids[part]) for part in PARTS}
    (args.out / 'annotations').mkdir(parents=True)
    for part, subset in subsets.items():
        path = args.out / ANN_FILE.format(part)
        path.write_text(json.dumps(subset))
        link = args.out / f'{part}2017'
        link.symlink_to(folder)
        print(
            f'{path}: {len(subset["images"])} images, '
            f'{len(subset["annotations"])} people'
        )


if __name__ == '__main__':
    cli.run(main)
