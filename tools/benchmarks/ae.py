"""Compare loss and decoding of associative embedding with MMPose's.

Both sides get the same maps, and must give the same losses and people.

Heatmaps have a blob for every keypoint, 15 % of them (but none of the first
keypoint) too low to be a peak; tags have a value for every person; both have
noise. Peaks of the same keypoint are far apart, because MMPose breaks ties at
random. The loss is that of a batch, forward and backward; decoding is that of
single images, at stride 4 of 512 pixels and restored to 512 pixels.
"""

import numpy as np
import torch
from mmpose.codecs import AssociativeEmbedding
from mmpose.models.losses import AssociativeEmbeddingLoss, KeypointMSELoss

from poet_mm.codecs.associative_embedding.codec import AECodec
from poet_mm.models.losses.ae_loss import AELoss, MaskedMSELoss

from . import measure

THREADS = 1
NUM_KEYPOINTS = 17
SIZE, CELLS = 512, 128
WEIGHT = 0.001  # of the tag losses


def random_maps(num_people, cells, rng, noise=0.01):
    """Return heatmaps (K, H, W) and tags (K, H, W) as a network makes them."""
    heatmaps = rng.normal(0, noise, (NUM_KEYPOINTS, cells, cells))
    tags = rng.normal(0, 5 * noise, (NUM_KEYPOINTS, cells, cells))
    sigma = 2 * cells / CELLS
    reach = int(3 * sigma)
    # Off the centre of a cell: enlarged, a peak is one point and not four.
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1] - 0.2
    blob = np.exp(-(x**2 + y**2) / (2 * sigma**2))
    spacing = cells / 6
    for k in range(NUM_KEYPOINTS):
        places = rng.permutation(36)
        for n in range(num_people):
            y, x = (
                np.array(divmod(places[n], 6)) + rng.uniform(0.4, 0.6, 2)
            ) * spacing
            y, x = np.clip([y, x], reach, cells - reach - 1).astype(int)
            window = np.s_[
                k, y - reach : y + reach + 1, x - reach : x + reach + 1
            ]
            low = 0.05 if k and rng.random() < 0.15 else 1
            heatmaps[window] = np.maximum(
                heatmaps[window], low * rng.uniform(0.5, 1) * blob
            )
            tags[window][blob > 0.02] = 3 * n + 2 + rng.normal(0, 0.1)
    tags += rng.normal(0, 0.3 * noise, tags.shape)
    return torch.tensor(heatmaps).float(), torch.tensor(tags).float()


def check_people(theirs, ours, cells):
    """Assert that both found the same people.

    Number of people and scores must be equal, and keypoints with a peak must
    be at the same place to half a cell.
    """
    for them, us in zip(zip(*theirs), zip(*ours)):
        assert them[0].shape == us[0].shape, 'the people differ'
        np.testing.assert_allclose(us[2], them[2], rtol=1e-5)
        np.testing.assert_allclose(us[1], them[1], atol=1e-4)
        peaks = them[1] > 0.1
        assert abs(us[0] - them[0])[peaks].max() <= SIZE / cells / 2


def measure_decoding(num_people, cells, args):
    """Return the row of decoding one image."""
    rng = np.random.default_rng(num_people)
    heatmaps, tags = (x[None] for x in random_maps(num_people, cells, rng))
    sizes = dict(
        input_size=(SIZE, SIZE),
        heatmap_size=(cells, cells),
        sigma=2,
        decode_keypoint_order=[*range(NUM_KEYPOINTS)],
    )
    theirs = AssociativeEmbedding(**sizes, decode_center_shift=0.5)
    ours = AECodec(**sizes)
    check_people(
        theirs.batch_decode(heatmaps, tags),
        ours.batch_decode(heatmaps, tags),
        cells,
    )
    return measure(
        f'decoding, {num_people} people, {cells} x {cells}',
        'mmpose',
        lambda: theirs.batch_decode(heatmaps, tags),
        lambda: ours.batch_decode(heatmaps, tags),
        args,
    )


def measure_loss(num_people, num_images, args):
    """Return the row of the losses of a batch, forward and backward."""
    rng = np.random.default_rng(num_people)
    target = torch.stack(
        [random_maps(num_people, CELLS, rng)[0] for _ in range(num_images)]
    )
    mask = torch.rand(num_images, 1, CELLS, CELLS) > 0.1
    indices = [
        torch.stack(
            [
                torch.randint(CELLS**2, (num_people, NUM_KEYPOINTS)),
                torch.randint(2, (num_people, NUM_KEYPOINTS)),
            ],
            -1,
        )
        for _ in range(num_images)
    ]
    heatmaps = torch.randn_like(target, requires_grad=True)
    tags = torch.randn_like(target, requires_grad=True)
    their_mse, our_mse = KeypointMSELoss(), MaskedMSELoss()
    their_tags, our_tags = AssociativeEmbeddingLoss(WEIGHT), AELoss(WEIGHT)

    def theirs():
        return [
            their_mse(heatmaps, target, mask=mask),
            # a sum over the images there, a mean here
            *(loss / num_images for loss in their_tags(tags, indices)),
        ]

    def ours():
        return [our_mse(heatmaps, target, mask), *our_tags(tags, indices)]

    for their_loss, our_loss in zip(theirs(), ours()):
        torch.testing.assert_close(their_loss, our_loss, rtol=1e-4, atol=0)
    return measure(
        f'loss, {num_people} people, {num_images} images',
        'mmpose',
        lambda: sum(theirs()).backward(),
        lambda: sum(ours()).backward(),
        args,
    )


def run(args, people=(1, 4, 13, 30), num_images=24):
    """Return rows of loss and decoding at every number of people."""
    rows = []
    for num_people in people[1:2] if args.quick else people:
        rows.append(measure_loss(num_people, num_images, args))
        rows += [
            measure_decoding(num_people, cells, args)
            for cells in (CELLS, SIZE)
        ]
    return rows
