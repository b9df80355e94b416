"""Damaged images and annotations stop training, or are left out."""

import numpy as np
import pytest
from faulty_data import (
    PIPELINE,
    H,
    W,
    make_content,
    make_dataset,
    spoil,
    with_joint,
)
from mmcv.transforms import Compose
from torch.utils.data import DataLoader

from poet_mm.codecs.poet_codec import POETCodec
from poet_mm.errors import DataFault


@pytest.mark.slow
def test_first_fault_stops_training_by_default(tmp_path):
    """Also if it is met by a worker process."""
    dataset = make_dataset(tmp_path)
    (tmp_path / 'images' / '3.jpg').write_bytes(b'')
    with pytest.raises(DataFault, match=r'3\.jpg'):
        dataset[2]
    loader = DataLoader(dataset, num_workers=1, collate_fn=list)
    with pytest.raises(DataFault, match=r'3\.jpg') as caught:
        list(loader)
    assert 'Traceback' not in str(caught.value)


def test_images_with_faults_are_left_out_and_counted(tmp_path, log):
    dataset = make_dataset(tmp_path, faults='skip')
    (tmp_path / 'images' / '1.jpg').unlink()
    (tmp_path / 'images' / '3.jpg').write_bytes(b'')
    np.random.seed(0)
    for _ in range(3):  # epochs
        got = [dataset[n]['data_samples'].img_id for n in range(4)]
        assert set(got) <= {2, 4}
        assert got[1::2] == [2, 4]
    assert len(log) == 2
    assert '1.jpg' in log[0]
    assert '1 of 4 images so far' in log[0]
    assert '3.jpg' in log[1]
    assert '2 of 4 images so far' in log[1]


def test_evaluation_leaves_nothing_out(tmp_path):
    with pytest.raises(ValueError, match=r"faults='skip' is for training"):
        make_dataset(tmp_path, faults='skip', test_mode=True)
    with pytest.raises(ValueError, match=r"faults is 'ignore', .*'skip'"):
        make_dataset(tmp_path, faults='ignore')
    content = spoil(make_content(), 'annotations', 0, image_id=99)
    with pytest.raises(DataFault, match='Annotation 100 of image 99'):
        make_dataset(tmp_path, content, test_mode=True)


def test_joint_far_away_without_label_is_harmless(tmp_path):
    """It is not there, so that its place must not reach the target."""
    far = with_joint(0, [1e300, 20, 0])
    content = spoil(make_content(), 'annotations', 0, keypoints=far)
    sample = make_dataset(tmp_path, content).get_data_info(0)
    labels = POETCodec().encode(
        sample['keypoints'], sample['keypoints_visible'], (H, W)
    )
    for field, values in labels.items():
        assert np.isfinite(values).all(), field


def test_images_without_annotations_are_no_fault(tmp_path):
    """Like COCO's test images, whose file has none."""
    content = make_content()
    del content['annotations'], content['categories']
    dataset = make_dataset(tmp_path, content, test_mode=True)
    assert len(dataset) == 4
    packed = Compose(PIPELINE)(dataset.get_data_info(3))
    assert packed['inputs'].shape == (3, H, W)
