"""Report findings as text for the terminal, JSON and a picture."""

import json
import os
import os.path as osp
from dataclasses import asdict
from typing import Dict, List

import numpy as np

from ..columns import Table
from ..rules import Finding
from .plots import draw_dataset

SHOWN = 3  # examples of a finding in the text


def summarise(table: Table) -> Dict[str, object]:
    """Return the numbers of the report and its picture.

    Args:
        table (Table): The annotation file.

    Returns:
        dict: The published keys:

        - images, annotations, crowds, people, labelled_people (int): Counts.
        - joints (list[int]): Keypoints of people with v = 0, 1 and 2.
        - joint_names (list[str]): Names of the K keypoints.
        - hidden, visible (np.ndarray): (K,), people with v = 1 and v = 2.
        - people_per_image (np.ndarray): (I,).
        - scales (np.ndarray): Square roots of people's areas, in pixels.
        - image_sizes (np.ndarray): (I, 2), width and height in pixels.
    """
    people = table.is_person
    v = table.keypoints[people][..., 2]  # (N, K)
    area = table.area[people]
    return dict(
        images=len(table.images),
        annotations=len(table.annotations),
        crowds=int((table.iscrowd == 1).sum()),
        people=int(people.sum()),
        labelled_people=int((v > 0).any(axis=1).sum()),
        joints=[int((v == value).sum()) for value in (0, 1, 2)],
        joint_names=table.keypoint_names,
        hidden=(v == 1).sum(axis=0),
        visible=(v == 2).sum(axis=0),
        people_per_image=table.people_of_image,
        scales=np.sqrt(area[area > 0]),
        image_sizes=table.sizes[np.isfinite(table.sizes[:, 0])],
    )


def format_summary(summary: dict) -> str:
    """Return the first lines of the report."""
    people, counts = summary['people'], summary['people_per_image']
    sizes, scales = summary['image_sizes'], summary['scales']
    labelled = 100 * summary['labelled_people'] / max(people, 1)
    joints = np.array(summary['joints'])
    v0, v1, v2 = 100 * joints / max(joints.sum(), 1)
    text = f'images  {summary["images"]:,}'
    if len(sizes):
        (w1, h1), (w2, h2) = sizes.min(axis=0), sizes.max(axis=0)
        text += f', {w1:g} to {w2:g} pixels wide, {h1:g} to {h2:g} high'
    text += f'\npeople  {people:,}, {labelled:.0f} % with labelled keypoints'
    if len(counts):
        text += (
            f'; {counts.mean():.1f} per image, at most {counts.max()}, '
            f'{(counts == 0).sum():,} images without'
        )
    text += (
        f'; {summary["crowds"]:,} crowds\n'
        f'keypoints  {len(summary["joint_names"])} per person; '
        f'v = 0: {v0:.0f} %, 1: {v1:.0f} %, 2: {v2:.0f} %'
    )
    if len(scales):
        low, median, high = np.percentile(scales, (5, 50, 95))
        text += (
            f'\nsizes   5 %: {low:.0f}, median: {median:.0f}, 95 %: '
            f'{high:.0f} pixels (square root of the area)'
        )
    return text


def format_finding(finding: Finding) -> str:
    """Return the text of a finding, with some examples and the fix."""
    kind = 'WRONG' if finding.wrong else 'unusual'
    lines = [f'{kind}: {finding.count:,} of {finding.total:,} {finding.text}']
    lines += [f'    {example}' for example in finding.examples[:SHOWN]]
    more = finding.count - min(SHOWN, len(finding.examples))
    if more > 0:
        lines.append(f'    and {more:,} more')
    return '\n'.join([*lines, f'  -> {finding.fix}'])


def format_report(
    summary: dict, findings: List[Finding], unchecked: str = ''
) -> str:
    """Return the text of the report.

    Args:
        summary (dict): From ``summarise``.
        findings (list[Finding]): From ``check_dataset``.
        unchecked (str): A sentence about what was not checked.
    """
    wrong = sum(finding.wrong for finding in findings)
    verdict = 'Nothing wrong or unusual.'
    if findings:
        unusual = len(findings) - wrong
        verdict = f'{wrong} findings are wrong, {unusual} unusual.'
    texts = [format_summary(summary), *map(format_finding, findings)]
    return '\n\n'.join([*texts, f'{verdict} {unchecked}'.strip()])


def write_report(
    summary: dict,
    findings: List[Finding],
    title: str,
    num_queries: int,
    folder: str,
) -> List[str]:
    """Write ``dataset.png``, ``dataset.pdf`` and ``dataset.json``.

    Args:
        summary (dict): From ``summarise``.
        findings (list[Finding]): From ``check_dataset``.
        title (str): Name of the data set.
        num_queries (int): Of the model, for the picture.
        folder (str): Folder to write, made if it is missing.

    Returns:
        list[str]: Paths of the files.
    """
    os.makedirs(folder, exist_ok=True)
    stem = osp.join(folder, 'dataset')
    draw_dataset(summary, num_queries, stem, title)
    numbers = {key: np.asarray(n).tolist() for key, n in summary.items()}
    content = dict(
        title=title,
        summary=numbers,
        findings=[asdict(finding) for finding in findings],
    )
    with open(f'{stem}.json', 'w') as file:
        json.dump(content, file, indent=1)
    return [f'{stem}.{ending}' for ending in ('png', 'pdf', 'json')]
