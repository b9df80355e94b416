"""Images of every kind become BGR; damaged ones are named."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from faulty_data import H, W
from PIL import Image

from poet_mm.datasets.transforms.loading import LoadIntactImage
from poet_mm.errors import DataFault


def smooth_image():
    """An image (H, W, 3) whose colours vary slowly, so that JPEG keeps it."""
    x, y = np.meshgrid(np.linspace(0, 255, W), np.linspace(0, 255, H))
    return np.stack([x, y, 255 - x], axis=-1).astype(np.uint8)


def encode(picture, file_format='PNG', **kwargs):
    buffer = io.BytesIO()
    picture.save(buffer, file_format, **kwargs)
    return buffer.getvalue()


def load(folder, content, **size):
    path = folder / 'image.any'
    path.write_bytes(content)
    return LoadIntactImage()(dict(img_path=str(path), **size))['img']


@pytest.mark.parametrize(
    ('mode', 'kwargs', 'tolerance'),
    [
        ('RGB', dict(file_format='WEBP', lossless=True), 0),
        ('CMYK', dict(file_format='JPEG', quality=95), 12),
        ('RGBA', {}, 0),
        ('L', {}, 0),
        ('LA', {}, 0),
        ('P', {}, 0),
        ('1', {}, 0),
    ],
)
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
    content = encode(Image.new('RGB', (1, 1), (3, 2, 1)))
    image = load(tmp_path, content, width=1, height=1)
    assert image.tolist() == [[[1, 2, 3]]]


@pytest.mark.parametrize(
    'file_format', ['JPEG', 'progressive', 'PNG', 'WEBP', 'BMP', 'TIFF', 'PPM']
)
@pytest.mark.parametrize('share', [0.0, 0.02, 0.5, 0.95])
def test_truncated_images_are_named(tmp_path, file_format, share):
    """cv2 must not fill up what is missing."""
    kwargs = dict(file_format=file_format)
    if file_format == 'progressive':
        kwargs = dict(file_format='JPEG', progressive=True)
    content = encode(Image.fromarray(smooth_image()), **kwargs)
    with pytest.raises(DataFault, match=r'image\.any'):
        load(tmp_path, content[: int(share * len(content))])


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
        struct.pack('>I', len(chunk) - 4)
        + chunk
        + struct.pack('>I', zlib.crc32(chunk))
        for chunk in (header, b'IDAT' + zlib.compress(b''), b'IEND')
    )
    with pytest.raises(DataFault, match=r'image\.any.*PIXELS'):
        load(tmp_path, content)


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
