"""COCO's object keypoint similarity (paper Eq. 5) of matched pairs.

Letters: L decoder layers, P matched pairs, K keypoints.
"""
from torch import Tensor


def matched_oks(pred: Tensor, true: Tensor, weights: Tensor, scales: Tensor,
                sigmas: Tensor) -> Tensor:
    """How well each predicted person lies on the true one.

    Args:
        pred (Tensor): Keypoints (..., K, 2), x and y in [0, 1] of the image.
        true (Tensor): The same of the true person.
        weights (Tensor): (..., K), 1 for joints that count, else 0.
        scales (Tensor): (..., 2), width and height of the image in units of
            the square root of the person's area.
        sigmas (Tensor): (K, ), as in the metainfo of a data set.

    Returns:
        Tensor: (...), in [0, 1]; 0 for a person without a joint that counts.
    """
    distance = ((pred - true) * scales.unsqueeze(-2)).square().sum(-1)
    similarity = (-distance / (2 * (2 * sigmas)**2)).exp()  # (..., K)
    return (similarity * weights).sum(-1) / weights.sum(-1).clamp(min=1)
