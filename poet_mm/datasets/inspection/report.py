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
        dict: Counts of ``images``, ``annotations``, ``crowds``, ``people``,
        ``labelled_people``; ``joints``, the numbers of keypoints of people
        with v = 0, 1 and 2; ``joint_names`` and, by keypoint, the numbers of
        ``hidden`` and ``visible`` ones; ``people_per_image``; ``scales``,
        square roots of the areas of people, in pixels; ``image_sizes``
        (I, 2), in pixels.
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


def percent(part: int, whole: int) -> str:
    """Return a share as text, 0 % of nothing."""
    return f'{100 * part / max(whole, 1):.0f} %'


def format_summary(summary: dict) -> str:
    """Return the first lines of the report."""
    counts = summary['people_per_image']
    sizes, scales = summary['image_sizes'], summary['scales']
    unlabelled, hidden, visible = summary['joints']
    total = sum(summary['joints'])
    per_image = (
        f'; {counts.mean():.1f} per image, at most {counts.max()}, '
        f'{(counts == 0).sum():,} images without'
        if len(counts)
        else ''
    )
    lines = [
        f'images  {summary["images"]:,}',
        f'people  {summary["people"]:,}, '
        f'{percent(summary["labelled_people"], summary["people"])} with '
        f'labelled keypoints{per_image}; {summary["crowds"]:,} crowds',
        f'keypoints  {len(summary["joint_names"])} per person; v = 0: '
        f'{percent(unlabelled, total)}, 1: {percent(hidden, total)}, 2: '
        f'{percent(visible, total)}',
    ]
    if len(sizes):
        (w1, h1), (w2, h2) = sizes.min(axis=0), sizes.max(axis=0)
        lines[0] += f', {w1:g} to {w2:g} pixels wide, {h1:g} to {h2:g} high'
    if len(scales):
        lines.append(
            'sizes   '
            + ', '.join(
                f'{name} {value:.0f}'
                for name, value in zip(
                    ('5 %:', 'median:', '95 %:'),
                    np.percentile(scales, (5, 50, 95)),
                )
            )
            + ' pixels (square root of the area)'
        )
    return '\n'.join(lines)


def format_finding(finding: Finding) -> str:
    """Return the text of a finding, with some examples and what to do."""
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
        unchecked (str): What was not checked, in words.
    """
    wrong = sum(finding.wrong for finding in findings)
    unusual = len(findings) - wrong
    verdict = (
        f'{wrong} findings are wrong, {unusual} unusual.'
        if findings
        else 'Nothing wrong or unusual.'
    )
    parts = [
        format_summary(summary),
        *map(format_finding, findings),
        f'{verdict} {unchecked}'.strip(),
    ]
    return '\n\n'.join(parts)


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
        folder (str): Folder to write, made if it is not there.

    Returns:
        list[str]: The files.
    """
    os.makedirs(folder, exist_ok=True)
    stem = osp.join(folder, 'dataset')
    draw_dataset(summary, num_queries, stem, title)
    with open(f'{stem}.json', 'w') as file:
        json.dump(
            dict(
                title=title,
                summary={
                    key: np.asarray(value).tolist()
                    for key, value in summary.items()
                },
                findings=[asdict(finding) for finding in findings],
            ),
            file,
            indent=1,
        )
    return [f'{stem}.{ending}' for ending in ('png', 'pdf', 'json')]
