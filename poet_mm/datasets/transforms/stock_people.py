"""Give people the fields that the one-stage heads of MMPose learn from."""

from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS
from mmpose.structures.bbox import bbox_xyxy2corner

from .affine import select_people


@TRANSFORMS.register_module()
class StockPeople(BaseTransform):
    """Keep the people with labelled keypoints, and make v 0 or 1.

    Crowds are dropped, too, as MMPose's data set does, and boxes without
    area, of which the codec of CID makes NaN (mmpose 1.3.2). Use it before
    ``GenerateTarget``. Adds ``category_id`` (N), all 1.

    Args:
        corners (bool): Whether boxes become the four corners (N, 4, 2) that
            the codec of CID reads, instead of (N, 4). Defaults to False.
    """

    def __init__(self, corners: bool = False) -> None:
        self.corners = corners

    def transform(self, results: dict) -> dict:
        """Filter all fields of people by one index, and convert them."""
        labelled = (results['keypoints_visible'] > 0).any(axis=1)
        box = results['bbox']
        has_area = (box[:, 2:] > box[:, :2]).all(axis=1)
        is_person = results['iscrowd'] == 0
        keep = (labelled & has_area & is_person).nonzero()[0]
        results.update(select_people(results, keep))
        visible = results['keypoints_visible']
        results['keypoints_visible'] = visible.clip(max=1)
        results['category_id'] = [1] * len(keep)
        if self.corners:
            results['bbox'] = bbox_xyxy2corner(results['bbox'])
        return results
