"""What a data set consists of, in numbers."""
from typing import Dict

import numpy as np

from .table import Table


def summarise(table: Table) -> Dict[str, object]:
    """Numbers for the report and its picture.

    Args:
        table (Table): The file.

    Returns:
        dict: Counts of ``images``, ``annotations``, ``crowds``, ``people``,
        ``labelled_people``; ``joints``, those of people with v = 0, 1 and 2;
        ``joint_names`` and for each how many are hidden (``hidden``) and
        visible (``visible``); ``people_per_image``, per image; ``scales``,
        square roots of the areas of people, in pixels; ``image_sizes``
        (I, 2), in pixels.
    """
    people = table.is_person
    v = table.joints[people][..., 2]  # (N, K)
    of_image = table.image_of[people & (table.image_of >= 0)]
    area = table.area[people]
    return dict(
        images=len(table.images),
        annotations=len(table.annotations),
        crowds=int((table.iscrowd == 1).sum()),
        people=int(people.sum()),
        labelled_people=int((v > 0).any(axis=1).sum()),
        joints=[int((v == value).sum()) for value in (0, 1, 2)],
        joint_names=table.joint_names,
        hidden=(v == 1).sum(axis=0),
        visible=(v == 2).sum(axis=0),
        people_per_image=np.bincount(of_image, minlength=len(table.images)),
        scales=np.sqrt(area[area > 0]),
        image_sizes=table.sizes[(table.sizes >= 1).all(axis=1)])
