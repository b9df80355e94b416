"""Read annotation files in COCO's layout, and name files of other formats.

It needs the standard library only, so that the tools can look at a file
before torch loads.
"""

import json
import os.path as osp
from typing import Any, Iterator, List, NamedTuple, Optional

from ..errors import DataFault

SIO = (
    'Convert it with sleap-io (pip install sleap-io): sio convert {} '
    '-o annotations.json --to coco{}'
)


class Format(NamedTuple):
    """Describe an annotation format that is not COCO's."""

    name: str
    fix: str


YOLO = Format(
    'YOLO (Ultralytics)', SIO.format('data.yaml', ' --from ultralytics')
)
SLEAP = Format('SLEAP', SIO.format('{path}', ''))
SLEAP_JSON = Format(
    'SLEAP (JSON)',
    f'Save it as labels.slp in SLEAP. {SIO.format("labels.slp", "")}',
)
DEEPLABCUT = Format('DeepLabCut', SIO.format('{path}', ' --from dlc'))
LABEL_STUDIO = Format(
    'Label Studio', SIO.format('{path}', ' --from labelstudio')
)
CVAT = Format(
    'CVAT (XML)', "Export the task from CVAT as 'COCO Keypoints 1.0'."
)
VIA = Format(
    'VIA (VGG Image Annotator)',
    'sleap-io cannot read it. Make one annotation per individual with '
    "'bbox' and 'keypoints' (x, y, v, x, y, v, ...) from its points.",
)
SUFFIXES = {
    '.txt': YOLO,
    '.yaml': YOLO,
    '.yml': YOLO,
    '.slp': SLEAP,
    '.xml': CVAT,
}


def parse_annotations(raw: bytes, path: str) -> dict:
    """Return the contents of an annotation file in COCO's layout.

    Args:
        raw (bytes): The bytes of the file.
        path (str): Its name, for messages.

    Returns:
        dict: All of the file, with ``images`` and ``annotations`` as lists of
        dicts.

    Raises:
        DataFault: It has another layout.
    """
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError) as error:
        check_format(format_of_bytes(raw, path), path)
        raise DataFault(
            f'{path!r} ({len(raw):,} bytes) is not JSON: {error}. Copy it '
            'again if it is cut off, unpack it if it is compressed.'
        ) from error
    check_format(format_of_json(content), path)
    if not isinstance(content, dict):
        raise DataFault(
            f'{path!r} holds a {type(content).__name__}, expected a dict with '
            "'images' and 'annotations'. A list is COCO's format for results; "
            'take the annotation file.'
        )
    found = ', '.join(sorted(content)) or 'nothing'
    content.setdefault('annotations', [])  # of images without labels
    for key in ('images', 'annotations', 'categories'):
        entries = content.get(key, [] if key == 'categories' else None)
        if not isinstance(entries, list) or not all(
            isinstance(entry, dict) for entry in entries
        ):
            raise DataFault(
                f'{path!r} has no list of dicts under {key!r}; it has '
                f"{found}. Expected a file in COCO's layout."
            )
    return content


def check_format(found: Optional[Format], path: str) -> None:
    """Raise a DataFault that says how to convert a file of another format."""
    if found is not None:
        raise DataFault(
            f"{path!r} has the format of {found.name}, expected COCO's JSON. "
            f'{found.fix.format(path=path)}'
        )


def format_of_bytes(raw: bytes, path: str) -> Optional[Format]:
    """Return the format of a file that is not JSON, None if unknown."""
    if raw.startswith(b'scorer,'):
        return DEEPLABCUT
    if b'region_shape_attributes' in raw[:1000]:
        return VIA
    return SUFFIXES.get(osp.splitext(path)[1].lower())


def format_of_json(content: Any) -> Optional[Format]:
    """Return the format of a JSON file, None for COCO's and unknown ones."""
    if isinstance(content, list):
        keys = [set(task) for task in content if isinstance(task, dict)]
        tasks = keys and all(
            'data' in task and task & {'annotations', 'completions'}
            for task in keys
        )
        return LABEL_STUDIO if tasks else None
    if not isinstance(content, dict) or 'images' in content:
        return None
    if '_via_img_metadata' in content or any(
        isinstance(image, dict) and 'regions' in image
        for image in content.values()
    ):
        return VIA
    if {'skeletons', 'labels'} <= content.keys():
        return SLEAP_JSON
    return None


class FirstLook(NamedTuple):
    """Hold what the tools need of an annotation file before training."""

    ann_file: str
    file_names: List[str]  # of the first three images
    categories: List[dict]  # those that name keypoints
    num_keypoints: int  # of the first annotation with keypoints


def look(ann_file: str) -> FirstLook:
    """Return what an annotation file says about images and keypoints.

    Raises:
        DataFault: It cannot be read, is of another format, has no images, or
            no annotation has keypoints.
    """
    try:
        with open(ann_file, 'rb') as file:
            content = parse_annotations(file.read(), ann_file)
    except OSError as error:
        raise DataFault(
            f'{ann_file!r} cannot be read ({error.strerror or error}).'
        ) from error
    images, annotations = content['images'], content['annotations']
    if not images:
        raise DataFault(f"{ann_file!r} has no images under 'images'.")
    counts = list(_counts(annotations))
    if not counts:
        raise DataFault(
            f'{ann_file!r} has no annotation with keypoints, among '
            f'{len(annotations):,}: it is a file of another task, such as '
            'detection. Take a file of poses, such as '
            'person_keypoints_*.json.'
        )
    return FirstLook(
        ann_file,
        [str(image.get('file_name')) for image in images[:3]],
        [
            category
            for category in content.get('categories', [])
            if isinstance(category.get('keypoints'), list)
            and category['keypoints']
        ],
        counts[0],
    )


def _counts(annotations: List[dict]) -> Iterator[int]:
    """Yield the number of keypoints of each annotation that has any."""
    for ann in annotations:
        if isinstance(ann.get('keypoints'), list) and ann['keypoints']:
            yield len(ann['keypoints']) // 3
