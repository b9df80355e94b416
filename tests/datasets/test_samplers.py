"""Every image once an epoch, alone, on ranks and resumed; little padding."""

import pickle
from collections import Counter
from itertools import chain
from types import SimpleNamespace

import numpy as np
import pytest
from faulty_data import METAINFO, make_content, write_data
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmengine.hooks import DistSamplerSeedHook
from mmengine.runner import Runner
from mmpose.registry import DATA_SAMPLERS
from torch.utils.data import SequentialSampler

from poet_mm.datasets.samplers import BatchIndex, SimilarShapeBatchSampler

many = settings(max_examples=60, deadline=None)


class Sizes(list):
    """A data set of sizes (w, h)."""

    def get_data_info(self, index):
        return dict(zip(('width', 'height'), self[index]))


def random_sizes(num_images, seed=0):
    rng = np.random.default_rng(seed)
    return Sizes(map(tuple, rng.integers(100, 640, (num_images, 2)).tolist()))


def rank_sampler(sizes, rank, world_size, seed=0):
    """mmengine's sampler as it is built on one of several ranks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            'mmengine.dataset.sampler.get_dist_info',
            lambda: (rank, world_size),
        )
        return DefaultSampler(sizes, seed=seed)


def make_sampler(num_images=103, batch_size=6, rank=0, world_size=1):
    sampler = rank_sampler(random_sizes(num_images), rank, world_size)
    return SimilarShapeBatchSampler(sampler, batch_size)


def epoch_of(sampler, epoch):
    sampler.sampler.set_epoch(epoch)
    return list(sampler)


def seeds_of(batches):
    return [{index.batch_seed for index in batch} for batch in batches]


@many
@given(
    st.integers(1, 60),
    st.integers(1, 9),
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(0, 3),
)
def test_every_image_once(num_images, batch_size, window, world_size, epoch):
    """Together, ranks see what mmengine's sampler gives them: every image
    once, and the first few again where the number does not divide."""
    ranks = [
        make_sampler(num_images, batch_size, rank, world_size)
        for rank in range(world_size)
    ]
    for sampler in ranks:
        sampler.window = window
    batches = [epoch_of(sampler, epoch) for sampler in ranks]
    seen = Counter(i for rank in batches for batch in rank for i in batch)
    assert set(seen) == set(range(num_images))
    assert sum(seen.values()) == -(-num_images // world_size) * world_size
    assert seen == Counter(i for s in ranks for i in s.sampler)

    assert {len(rank) for rank in batches} == {len(ranks[0])}
    for rank in batches:
        sizes = sorted(len(batch) for batch in rank)
        assert all(size == batch_size for size in sizes[1:])
        assert 0 < sizes[0] <= batch_size
    for others in batches[1:]:  # as many images and the same seed in a step
        assert seeds_of(others) == seeds_of(batches[0])
        assert [*map(len, others)] == [*map(len, batches[0])]


def test_resumed_run_goes_on_as_one_without_a_break():
    whole = make_sampler()
    epochs = [epoch_of(whole, epoch) for epoch in range(4)]
    resumed = make_sampler()
    for epoch in (2, 3):
        again = epoch_of(resumed, epoch)
        assert again == epochs[epoch]
        assert seeds_of(again) == seeds_of(epochs[epoch])
    assert len({str(batches) for batches in epochs}) == 4
    assert len({str(seeds_of(batches)) for batches in epochs}) == 4


def test_small_data_set_is_not_cut_alike_in_every_epoch():
    sampler = make_sampler(num_images=16, batch_size=8)
    epochs = {
        frozenset(map(frozenset, epoch_of(sampler, epoch)))
        for epoch in range(5)
    }
    assert len(epochs) > 1


def test_batches_are_of_similar_shape():
    sampler = make_sampler(num_images=3000)

    def spread(batches):
        ratios = [[sampler.ratios[i] for i in batch] for batch in batches]
        return np.mean([np.ptp(np.log(batch)) for batch in ratios])

    order = list(sampler.sampler)
    drawn = [order[i : i + 6] for i in range(0, len(order), 6)]
    assert spread(epoch_of(sampler, 0)) < 0.1 * spread(drawn)


def test_ranks_get_similar_shapes_in_a_step():
    ranks = [make_sampler(3000, rank=rank, world_size=2) for rank in (0, 1)]
    ratios = np.array(ranks[0].ratios)
    means = [[ratios[b].mean() for b in epoch_of(s, 1)] for s in ranks]
    assert np.corrcoef(np.log(means))[0, 1] > 0.95


def test_endless_sampler():
    sampler = SimilarShapeBatchSampler(
        InfiniteSampler(random_sizes(10), seed=0), 4
    )
    batches = [batch for batch, _ in zip(sampler, range(30))]
    assert {len(batch) for batch in batches} == {4}
    assert set(chain(*batches)) == set(range(10))


def test_index_survives_the_way_to_a_worker():
    index = pickle.loads(pickle.dumps(BatchIndex(7, 2**32 - 1)))
    assert (index, index.batch_seed) == (7, 2**32 - 1)
    assert [*range(10)][index] == 7


def test_batch_size_below_one():
    with pytest.raises(ValueError, match='batch_size is 0'):
        make_sampler(batch_size=0)


def test_data_set_without_sizes():
    class NoSizes(Sizes):
        def get_data_info(self, index):
            return dict(img_path='1.jpg')

    sampler = SequentialSampler(NoSizes([(1, 1)]))
    sampler.dataset = sampler.data_source
    with pytest.raises(ValueError, match=r"\['img_path'\].* expected width"):
        SimilarShapeBatchSampler(sampler, 2)


@pytest.fixture
def loader_cfg(tmp_path):
    """Dataloader of 22 images of two people each, read by two workers."""
    content = make_content(22)
    for image, (w, h) in zip(content['images'], random_sizes(22)):
        image.update(width=w, height=h)
    ann_file, images = write_data(tmp_path, content)
    edges = dict(type='ShortEdgeResize', short_edges=[*range(60, 90)])
    return dict(
        batch_size=4,
        num_workers=2,
        sampler=dict(type='DefaultSampler', shuffle=True),
        batch_sampler=dict(type='SimilarShapeBatchSampler'),
        dataset=dict(
            type='BottomupCocoDataset',
            ann_file=str(ann_file),
            data_prefix=dict(img=str(images)),
            metainfo=METAINFO,
            pipeline=[
                dict(type='LoadImage'),
                dict(type='SameInBatch', transforms=[edges]),
                dict(type='PackBottomupInputs'),
            ],
        ),
    )


@pytest.mark.slow
def test_dataloader_of_mmengine(loader_cfg):
    loader = Runner.build_dataloader(loader_cfg, seed=1)
    assert isinstance(
        loader.batch_sampler, DATA_SAMPLERS.get('SimilarShapeBatchSampler')
    )
    assert len(loader) == 6
    runner = SimpleNamespace(
        train_loop=SimpleNamespace(dataloader=loader), epoch=0
    )
    epochs = []
    for runner.epoch in (0, 1, 0):
        DistSamplerSeedHook().before_train_epoch(runner)
        batches = []
        for batch in loader:
            shapes = [tuple(image.shape[1:]) for image in batch['inputs']]
            assert len({min(shape) for shape in shapes}) == 1
            batches.append([s.img_id for s in batch['data_samples']])
        assert sorted(chain(*batches)) == [*range(1, 23)]
        assert sorted(map(len, batches)) == [2, 4, 4, 4, 4, 4]
        epochs.append(batches)
    assert epochs[0] == epochs[2] != epochs[1]


@pytest.mark.slow
def test_augmentation_does_not_depend_on_who_loads(loader_cfg):
    """A resumed run, with new workers, augments as one without a break, whose
    workers went on; so does one without workers."""
    loader_cfg['dataset']['pipeline'][1:1] = [
        dict(type='RandomFlip', prob=0.5),
        dict(type='RandomRotation', prob=0.5, max_degrees=25),
    ]

    def epochs(numbers, **options):
        loader = Runner.build_dataloader(dict(loader_cfg, **options), seed=1)
        for epoch in numbers:
            loader.batch_sampler.sampler.set_epoch(epoch)
            batches = [
                sample.gt_instances.keypoints
                for batch in loader
                for sample in batch['data_samples']
            ]
        return np.concatenate(batches)  # who is still in the image

    whole = epochs([0, 1], num_workers=2, persistent_workers=True)
    np.random.seed(9)
    np.testing.assert_array_equal(epochs([1], num_workers=2), whole)
    np.testing.assert_array_equal(epochs([1], num_workers=0), whole)
    assert not np.array_equal(epochs([0], num_workers=0), whole)
    assert len(np.unique(whole, axis=0)) > 10  # not all images alike
