"""Make the metainfo of a data set from its annotation file.

K: number of keypoints of the skeleton.
"""

import os.path as osp
from typing import Iterator, List, Optional, Sequence, Tuple

from mmpose.datasets.datasets.utils import parse_pose_metainfo

from ..errors import DataFault, UserError
from ..utils.annotation_files import FirstLook
from ..utils.config import COCO, keypoint_names_of, read_config
from ..utils.files import explain_write_errors, write_whole
from .annotations import warn
from .rules import normalise
from .sides import find_pairs

# COCO's sigmas lie between 0.025 (eyes) and 0.107 (hips); this is the
# geometric mean of both, rounded.
FLAT_SIGMA = 0.05
COLORS = {'': [51, 153, 255], 'left': [0, 255, 0], 'right': [255, 128, 0]}
FILE_NAME = 'metainfo.py'
HEADER = '''\
"""Define the metainfo of {ann_file}.

Made from its categories. Edit it: it is read again, and not overwritten.
* `swap`: the keypoint it becomes in a mirror, '' for those in the middle.
* `sigmas`: the annotators' standard deviation as COCO counts it, half of `k_i`
  in COCO's formula. AP depends on it. {sigmas}
* `skeleton_info`: lines to draw, such as
  {{0: dict(id=0, link=('nose', 'left_ear'), color=[0, 255, 0])}}
"""

'''


def choose_metainfo(
    looks: Sequence[FirstLook],
    current: dict,
    work_dir: str,
    write: bool = True,
) -> Optional[dict]:
    """Return the metainfo that fits annotation files better than a config's.

    1. None if the keypoints are those of the config.
    2. The file ``metainfo.py`` of the work dir, if there is one.
    3. One made from the categories, which is written there.

    Args:
        looks (list[FirstLook]): Of the annotation files.
        current (dict): The config's metainfo.
        work_dir (str): Folder for ``metainfo.py``.
        write (bool): Write it; False in all processes but the first. Defaults
            to True.

    Returns:
        dict, optional: The metainfo, None to keep the config's.

    Raises:
        UserError: Names and numbers of keypoints differ: those of categories,
            annotations, files or ``metainfo.py``.
    """
    ann_file = looks[0].ann_file
    wanted = keypoint_names_of(current, 'The config')
    category = common_category(looks)
    if category is None:
        check_number(looks[0], len(wanted), 'the metainfo has')
        return None
    names = names_of(category)
    if fits(names, wanted, current, ann_file):  # 1.
        return None
    path = osp.join(work_dir, FILE_NAME)
    if osp.isfile(path):  # 2.
        return reuse_metainfo(path, names)
    check_number(looks[0], len(names), 'its categories name')
    metainfo = make_metainfo(category, current)  # 3.
    if write:
        write_metainfo(metainfo, path, ann_file)
    return metainfo


def check_number(seen: FirstLook, K: int, source: str) -> None:
    """Raise a DataFault if the first annotation has not K keypoints."""
    if seen.num_keypoints != K:
        raise DataFault(
            f'The first annotation of {seen.ann_file!r} has '
            f'{seen.num_keypoints} keypoints, {source} {K}. Name all '
            'keypoints in categories, or give --metainfo.'
        )


def fits(
    names: List[str], wanted: List[str], current: dict, ann_file: str
) -> bool:
    """Return whether the metainfo of a config is that of a file.

    A skeleton that a config sets on purpose stays, with a warning, if the
    file has as many keypoints of other names.
    """
    ours, theirs = normalise(names), normalise(wanted)
    if ours == theirs:
        return True
    reordered = sorted(ours) == sorted(theirs)
    if len(ours) != len(theirs) or reordered or current == COCO:
        return False
    warn(
        f'{ann_file!r} names its keypoints {names}, the metainfo of the '
        f'config {wanted}. The config is used; --metainfo changes it.'
    )
    return True


def reuse_metainfo(path: str, names: List[str]) -> dict:
    """Return the metainfo of a work dir, which may have been edited.

    Args:
        path (str): File.
        names (list[str]): Names of the K keypoints of the annotations.

    Raises:
        UserError: It has not K keypoints, or a keypoint at another place.
    """
    metainfo = read_metainfo(path)
    known = keypoint_names_of(metainfo, path)
    ours, theirs = normalise(names), normalise(known)
    text = f'{path} names its keypoints {known}, the annotations {names}.'
    moved = any(
        name in theirs and theirs.index(name) != k
        for k, name in enumerate(ours)
    )
    if len(ours) != len(theirs) or moved:
        raise UserError(
            f'{text} Bring the annotations into its order, or train in '
            'another --work-dir.'
        )
    renamed = '' if ours == theirs else f' {text}'
    warn(f'The skeleton is that of {path}.{renamed}')
    return metainfo


def common_category(looks: Sequence[FirstLook]) -> Optional[dict]:
    """Return the category whose keypoints all categories of all files have.

    Returns:
        dict, optional: None if no category names keypoints.

    Raises:
        DataFault: Two of them have different keypoints.
    """
    found = [(seen, each) for seen in looks for each in seen.categories]
    if not found:
        return None
    first, category = found[0]
    for other, another in found[1:]:
        if names_of(another) != names_of(category):
            raise DataFault(
                f'{first.ann_file!r} names the keypoints of '
                f'{category.get("name")!r} {names_of(category)}, '
                f'{other.ann_file!r} those of {another.get("name")!r} '
                f'{names_of(another)}. Give files of one skeleton, with its '
                'keypoints in one order.'
            )
    if len(first.categories) > 1:
        text = ', '.join(str(each.get('name')) for each in first.categories)
        warn(f'All categories ({text}) are learned and evaluated as one.')
    return category


def names_of(category: dict) -> List[str]:
    """Return the K names of keypoints of a category.

    Raises:
        DataFault: Two are the same.
    """
    names = [str(name) for name in category['keypoints']]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataFault(
            f'Category {category.get("name")!r} has several keypoints named '
            f'{", ".join(twice)}. Give each another name in categories.'
        )
    return names


def read_metainfo(path: str) -> dict:
    """Return the metainfo of a file as plain data, for a config.

    Raises:
        UserError: It cannot be read, or is not complete.
    """
    content = read_config(path)
    metainfo = content.get('dataset_info')
    if metainfo is None:
        raise UserError(
            f'{path} has no dataset_info. Give a metainfo file such as '
            'configs/_base_/datasets/toy_five.py.'
        )
    keypoint_names_of(metainfo, path)
    return metainfo.to_dict()


def make_metainfo(category: dict, current: dict = COCO) -> dict:
    """Return MMPose's metainfo for a category of an annotation file.

    Keypoints that differ only in left and right become flip pairs. Sigmas and
    links of the config or of COCO are taken if the names are the same, in any
    order. Else the sigmas are :data:`FLAT_SIGMA`.

    Args:
        category (dict): With ``keypoints`` and, if it has links, ``skeleton``,
            pairs of keypoints counted from 1.
        current (dict): The config's metainfo. Defaults to COCO's.
    """
    names = names_of(category)
    swap, sides = find_pairs(names)
    alone = [name for name in names if name in sides and not swap[name]]
    if alone:
        warn(
            f'{", ".join(alone)}: no keypoint has the name of the other '
            'side, so a flip does not swap them. Correct the names, or swap '
            f'in {FILE_NAME}.'
        )
    sigmas, links = known_parts(names, current)
    if not sigmas:
        sigmas, links = known_parts(names, COCO)
    side_of = {name: sides.get(name, '') for name in names}
    return dict(
        dataset_name=str(category.get('name', 'own')),
        keypoint_info={
            k: dict(
                name=name,
                id=k,
                color=COLORS[side_of[name]],
                type='',
                swap=swap[name],
            )
            for k, name in enumerate(names)
        },
        skeleton_info={
            n: dict(link=(a, b), id=n, color=COLORS[side_of[a] or side_of[b]])
            for n, (a, b) in enumerate(links or links_of(category, names))
        },
        joint_weights=[1.0] * len(names),
        sigmas=sigmas or [FLAT_SIGMA] * len(names),
    )


def known_parts(
    names: List[str], metainfo: dict
) -> Tuple[List[float], List[tuple]]:
    """Return sigmas (K) and links of a metainfo, if the names are the same.

    Returns:
        tuple: Sigmas in the order of ``names`` and pairs of them, both empty
        if the names are others.
    """
    known = parse_pose_metainfo(metainfo)
    of_known = normalise(
        [known['keypoint_id2name'][k] for k in range(known['num_keypoints'])]
    )
    ours = dict(zip(normalise(names), names))
    if len(names) != len(ours) or sorted(ours) != sorted(of_known):
        return [], []
    sigmas = dict(zip(of_known, known['sigmas'].tolist()))
    return (
        [round(sigmas[name], 4) for name in ours],
        [
            (ours[of_known[a]], ours[of_known[b]])
            for a, b in known['skeleton_links']
        ],
    )


def links_of(category: dict, names: List[str]) -> Iterator[Tuple[str, str]]:
    """Yield the links of a category as pairs of names.

    Links that are not two keypoints, counted from 1, are left out with a
    warning: they are only drawn.
    """
    links = category.get('skeleton') or []
    for link in links if isinstance(links, list) else [links]:
        if (
            isinstance(link, list)
            and len(link) == 2
            and all(isinstance(k, int) and 1 <= k <= len(names) for k in link)
        ):
            yield names[link[0] - 1], names[link[1] - 1]
        else:
            warn(
                f'The link {link} of the skeleton in categories is not two '
                f'numbers from 1 to {len(names)}. It is not drawn.'
            )


def as_python(metainfo: dict) -> str:
    """Return metainfo as Python code, one line for each entry."""
    lines = ['dataset_info = dict(']
    for key, value in metainfo.items():
        if isinstance(value, dict):
            lines.append(f'    {key}={{')
            for n, entry in value.items():
                parts = [f'{name}={part!r}' for name, part in entry.items()]
                lines.append(f'        {n}: dict({", ".join(parts)}),')
            lines.append('    },')
        else:
            lines.append(f'    {key}={value!r},')
    return '\n'.join([*lines, ')', ''])


def write_metainfo(
    metainfo: dict, path: str, ann_file: str, note: str = ''
) -> None:
    """Write a metainfo file to edit, and log what is in it.

    Args:
        metainfo (dict): From :func:`make_metainfo`.
        path (str): File to write.
        ann_file (str): Its annotation file.
        note (str): Sentence on the sigmas. Defaults to '': guessed or known.

    Raises:
        UserError: The file cannot be written.
    """
    flat = not note and set(metainfo['sigmas']) == {FLAT_SIGMA}
    note = note or (
        f'{FLAT_SIGMA} is a guess.'
        if flat
        else 'The sigmas are of known data.'
    )
    text = HEADER.format(ann_file=osp.basename(ann_file), sigmas=note)
    with explain_write_errors(path):
        write_whole((text + as_python(metainfo)).encode(), path)
    entries = metainfo['keypoint_info'].values()
    names = [entry['name'] for entry in entries]
    pairs = [
        f'{entry["name"]}/{entry["swap"]}'
        for entry in entries
        if entry['swap'] and names.index(entry['swap']) > entry['id']
    ]
    advice = (
        f'All sigmas are {FLAT_SIGMA}, a guess, on which AP and the OKS loss '
        'depend: edit them there.'
    )
    warn(
        f'The skeleton of {ann_file} is written to {path}: {len(names)} '
        f'keypoints, {len(metainfo["skeleton_info"]) or "no"} links, flip '
        f'pairs {", ".join(pairs) or "none"}. '
        f'{advice if flat else note}'
    )
