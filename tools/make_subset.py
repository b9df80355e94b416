"""Cut a small data set out of one in COCO's layout, to train and test on.

    python tools/make_subset.py ../shared/coco_person_mini data/coco_mini_16 \
        --images 16 --min-people 2

Writes the same annotations as train and as val (an overfit proof needs no
more) and links the images; the source is only read.
"""
import argparse
import sys
from collections import defaultdict
from pathlib import Path

from mmengine.fileio import dump, load

ANN_FILE = 'annotations/person_keypoints_{}2017.json'


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('source', type=Path, help="data set in COCO's layout")
    parser.add_argument('out', type=Path, help='folder to write')
    parser.add_argument(
        '--images', type=int, default=16, help='how many (default 16)')
    parser.add_argument(
        '--min-people',
        type=int,
        default=2,
        help='people an image must have (default 2)')
    parser.add_argument(
        '--min-area',
        type=float,
        default=32**2,
        help='area in pixels that each of them must have (default 1024, what '
        'COCO calls medium)')
    return parser.parse_args()


def choose_images(coco, count, min_people, min_area):
    """The first images in which everybody is labelled and large enough.

    Args:
        coco (dict): Contents of a COCO person_keypoints file.

    Returns:
        dict: The same, with the chosen images and their annotations only.
    """
    people_of = defaultdict(list)
    for ann in coco['annotations']:
        people_of[ann['image_id']].append(ann)

    def fits(image):
        people = people_of[image['id']]
        return len(people) >= min_people and all(
            ann['num_keypoints'] and not ann['iscrowd'] and
            ann['area'] >= min_area for ann in people)

    images = [image for image in coco['images'] if fits(image)][:count]
    annotations = [ann for image in images for ann in people_of[image['id']]]
    return dict(coco, images=images, annotations=annotations)


def main():
    args = parse_args()
    source = args.source / ANN_FILE.format('train')
    if not source.is_file():
        sys.exit(f'make_subset.py: there is no {source}; the source must be '
                 "a folder in COCO's layout.")
    if (args.out / 'annotations').exists():
        sys.exit(f'make_subset.py: {args.out} already holds a data set; name '
                 'a new folder, or remove it first.')
    subset = choose_images(
        load(source), args.images, args.min_people, args.min_area)
    if len(subset['images']) < args.images:
        sys.exit(f'make_subset.py: only {len(subset["images"])} images have '
                 f'at least {args.min_people} people of area '
                 f'{args.min_area:g} or more, and nobody else.')
    (args.out / 'annotations').mkdir(parents=True)
    for split in ('train', 'val'):
        dump(subset, args.out / ANN_FILE.format(split))
        link = args.out / f'{split}2017'
        link.symlink_to((args.source / 'train2017').resolve())
    print(f'{args.out}: {len(subset["images"])} images, '
          f'{len(subset["annotations"])} people')


if __name__ == '__main__':
    main()
