"""Damaged data end in an error that names them, or are left out and counted;
images of any kind arrive as BGR."""
import io
import json
import struct
import zlib

import cv2
import numpy as np
import pytest
from faulty_data import (
    FAULTS,
    METAINFO,
    H,
    W,
    make_content,
    spoil,
    with_joint,
    write_data,
)
from mmcv.transforms import Compose
from PIL import Image
from torch.utils.data import DataLoader

from poet_mm.codecs.poet_codec import POETCodec
from poet_mm.datasets.coco import BottomupCocoDataset
from poet_mm.datasets.transforms.geometry import move_pixels
from poet_mm.datasets.transforms.loading import LoadIntactImage
from poet_mm.errors import DataFault

PIPELINE = [dict(type='LoadIntactImage'), dict(type='PackBottomupInputs')]


def make_dataset(folder, content=None, **kwargs):
    ann_file, images = write_data(folder, content or make_content())
    return BottomupCocoDataset(
        ann_file=str(ann_file), data_prefix=dict(img=str(images)),
        metainfo=METAINFO, pipeline=PIPELINE, **kwargs)


@pytest.fixture
def log(monkeypatch):
    """What is said in the log while data are read."""
    said = []
    for module in ('coco', 'annotations'):
        monkeypatch.setattr(f'poet_mm.datasets.{module}.print_log',
                            lambda text, **kwargs: said.append(text))
    return said


def smooth_image():
    """An image (H, W, 3) whose colours vary slowly, so that JPEG keeps it."""
    x, y = np.meshgrid(np.linspace(0, 255, W), np.linspace(0, 255, H))
    return np.stack([x, y, 255 - x], axis=-1).astype(np.uint8)


def encode(picture, file_format='PNG', **kwargs):
    buffer = io.BytesIO()
    picture.save(buffer, file_format, **kwargs)
    return buffer.getvalue()


def load(folder, content, **told):
    path = folder / 'image.any'
    path.write_bytes(content)
    return LoadIntactImage()(dict(img_path=str(path), **told))['img']


@pytest.mark.parametrize(('mode', 'kwargs', 'tolerance'), [
    ('RGB', dict(file_format='WEBP', lossless=True), 0),
    ('CMYK', dict(file_format='JPEG', quality=95), 12),
    ('RGBA', {}, 0),
    ('L', {}, 0),
    ('LA', {}, 0),
    ('P', {}, 0),
    ('1', {}, 0),
])
def test_any_kind_of_image_becomes_bgr(tmp_path, mode, kwargs, tolerance):
    picture = Image.fromarray(smooth_image()[..., ::-1]).convert(mode)
    expected = np.asarray(picture.convert('RGB'))[..., ::-1]
    image = load(tmp_path, encode(picture, **kwargs))
    assert image.shape == (H, W, 3)
    assert image.dtype == np.uint8
    assert np.abs(image.astype(int) - expected).max() <= tolerance


@pytest.mark.parametrize('shape', [(H, W, 3), (H, W)])
def test_upper_bits_of_16_bit_images(tmp_path, shape):
    wide = np.random.default_rng(0).integers(0, 2**16, shape, np.uint16)
    image = load(tmp_path, cv2.imencode('.png', wide)[1].tobytes())
    expected = (wide >> 8).reshape(H, W, -1)
    assert image.dtype == np.uint8
    assert np.abs(image.astype(int) - expected).max() <= 1


def test_one_pixel(tmp_path):
    image = load(tmp_path, encode(Image.new('RGB', (1, 1), (3, 2, 1))),
                 width=1, height=1)
    assert image.tolist() == [[[1, 2, 3]]]


@pytest.mark.parametrize(('file_format', 'kwargs'), [
    ('JPEG', {}), ('JPEG', dict(progressive=True)), ('PNG', {}),
    ('WEBP', {}), ('BMP', {}), ('TIFF', {}), ('PPM', {})])
@pytest.mark.parametrize('share', [0.0, 0.02, 0.5, 0.95])
def test_truncated_images_are_named(tmp_path, file_format, kwargs, share):
    """cv2 must not fill up what is missing."""
    content = encode(Image.fromarray(smooth_image()), file_format, **kwargs)
    with pytest.raises(DataFault, match=r'image\.any'):
        load(tmp_path, content[:int(share * len(content))])


def test_half_a_jpeg_of_the_right_length_is_named(tmp_path):
    """What a broken download leaves: zeros at the end."""
    content = encode(Image.fromarray(smooth_image()), 'JPEG')
    half = len(content) // 2
    with pytest.raises(DataFault, match='damaged'):
        load(tmp_path, content[:half] + bytes(len(content) - half))


def test_files_that_are_no_images_are_named(tmp_path):
    with pytest.raises(DataFault, match=r"none\.jpg' cannot be read: No such"):
        LoadIntactImage()(dict(img_path=str(tmp_path / 'none.jpg')))
    (tmp_path / 'folder.jpg').mkdir()
    with pytest.raises(DataFault, match=r"folder\.jpg' cannot be read: Is a"):
        LoadIntactImage()(dict(img_path=str(tmp_path / 'folder.jpg')))
    with pytest.raises(DataFault, match='cannot be decoded'):
        load(tmp_path, b'hello')


def test_more_pixels_than_can_be_decoded(tmp_path):
    header = b'IHDR' + struct.pack('>IIBBBBB', 40000, 40000, 8, 2, 0, 0, 0)
    content = b'\x89PNG\r\n\x1a\n' + b''.join(
        struct.pack('>I', len(chunk) - 4) + chunk +
        struct.pack('>I', zlib.crc32(chunk))
        for chunk in (header, b'IDAT' + zlib.compress(b''), b'IEND'))
    with pytest.raises(DataFault, match=r'image\.any.*PIXELS'):
        load(tmp_path, content)


def test_image_that_cannot_be_moved_is_named(monkeypatch):
    def refuse(*args, **kwargs):
        raise cv2.error('SHRT_MAX')

    monkeypatch.setattr(cv2, 'warpAffine', refuse)
    sample = dict(img=np.zeros((2, 4, 3), np.uint8), img_path='large.jpg')
    with pytest.raises(DataFault, match=r'large\.jpg.* of 4 x 2 .*32,766'):
        move_pixels(sample, np.array([[1, .1, 0], [0, 1, 0]]), (4, 2))


def test_size_that_is_not_that_of_the_annotations(tmp_path):
    picture = Image.fromarray(smooth_image())
    content = encode(picture)
    assert load(tmp_path, content, width=W, height=H).shape == (H, W, 3)
    assert load(tmp_path, content, width=None).shape == (H, W, 3)
    with pytest.raises(DataFault, match=f'{W} x {H} pixels, .* for 7 x 9:'):
        load(tmp_path, content, width=7, height=9)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encode(picture, 'JPEG', exif=exif)
    assert load(tmp_path, turned, width=H, height=W).shape == (W, H, 3)
    with pytest.raises(DataFault, match='EXIF'):
        load(tmp_path, turned, width=W, height=H)


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


@pytest.mark.parametrize('name', FAULTS)
def test_annotations_with_faults_are_left_out_and_counted(
        tmp_path, log, name):
    entries, changes = FAULTS[name]
    content = spoil(make_content(), entries, 0, **changes)
    dataset = make_dataset(tmp_path, content, faults='skip')
    kept = [dataset.get_data_info(n)['img_id'] for n in range(len(dataset))]
    # an annotation of no image says nothing about image 1
    lost = {'no_such_image': set(), 'duplicate_image_ids': {1, 2}}
    assert set(kept) == {1, 2, 3, 4} - lost.get(name, {1})
    assert len(log) == 1
    assert 'of 4 images for' in log[0]
    assert str(tmp_path / 'ann.json') in log[0]


def test_nothing_left(tmp_path, log):
    """Faults of all are said before that nothing is left."""
    content = spoil(make_content(1), 'annotations', 0, area=-1)
    with pytest.raises(DataFault, match='none of them to use'):
        make_dataset(tmp_path, content, faults='skip')
    assert 'area is -1' in log[0]


def test_evaluation_leaves_nothing_out(tmp_path):
    with pytest.raises(ValueError, match=r"faults='skip' is for training"):
        make_dataset(tmp_path, faults='skip', test_mode=True)
    with pytest.raises(ValueError, match=r"faults is 'ignore', .*'skip'"):
        make_dataset(tmp_path, faults='ignore')
    content = spoil(make_content(), 'annotations', 0, image_id=99)
    with pytest.raises(DataFault, match='Annotation 100 is of image 99'):
        make_dataset(tmp_path, content, test_mode=True)


def test_joints_outside_and_annotations_without_pose_are_counted(
        tmp_path, log):
    content = spoil(make_content(), 'annotations', 0,
                    keypoints=with_joint(0, [W + 5, 20, 2]))
    content = spoil(content, 'annotations', 1, keypoints=...)
    make_dataset(tmp_path, content)
    assert len(log) == 2
    assert '1 of 8 annotations have no bbox or no keypoints' in log[0]
    assert '1 of 21 labelled joints lie outside' in log[1]
    assert 'up to 5.0 pixels' in log[1]


def test_joint_far_away_without_label_is_harmless(tmp_path):
    """It is not there, so that its place must not reach the target."""
    content = spoil(make_content(), 'annotations', 0,
                    keypoints=with_joint(0, [1e300, 20, 0]))
    sample = make_dataset(tmp_path, content).get_data_info(0)
    labels = POETCodec().encode(sample['keypoints'],
                                sample['keypoints_visible'], (H, W))
    for field, values in labels.items():
        assert np.isfinite(values).all(), field


@pytest.mark.parametrize('text', ['', '[]', '{}', '{"images": 3}',
                                  json.dumps(make_content())[:-9]])
def test_annotation_file_that_is_none_is_named(tmp_path, text):
    (tmp_path / 'ann.json').write_text(text)
    with pytest.raises(DataFault, match=r'ann\.json'):
        BottomupCocoDataset(ann_file=str(tmp_path / 'ann.json'))


def test_images_without_annotations_are_no_fault(tmp_path):
    """Like COCO's test images, whose file has none."""
    content = make_content()
    del content['annotations'], content['categories']
    dataset = make_dataset(tmp_path, content, test_mode=True)
    assert len(dataset) == 4
    assert Compose(PIPELINE)(dataset.get_data_info(3))['inputs'].shape == (
        3, H, W)
