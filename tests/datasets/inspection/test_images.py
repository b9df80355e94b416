"""Image files that are missing, broken, turned, too small or too large."""

import cv2
import numpy as np
import pytest
from faulty_data import EXPECTED, H, W, find, make_content, spoil, write_data
from PIL import Image

from poet_mm.datasets.inspection.check import check_dataset


def test_faults_of_image_files(tmp_path):
    content = make_content(9)
    _, images = write_data(tmp_path, content)
    content_bytes = (images / '2.jpg').read_bytes()

    def found(**kwargs):
        _, findings = check_dataset(
            str(tmp_path / 'ann.json'), str(images), EXPECTED, **kwargs
        )
        return {finding.name: finding for finding in findings}

    (images / '1.jpg').unlink()
    (images / '2.jpg').write_bytes(b'')
    (images / '3.jpg').write_bytes(content_bytes[: len(content_bytes) // 2])
    (images / '4.jpg').write_text('no image')
    cv2.imwrite(str(images / '5.jpg'), np.zeros((H, W + 1, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new('RGB', (W, H)).save(images / '6.jpg', exif=exif)
    Image.new('RGB', (H, W)).save(images / '7.jpg', exif=exif)
    Image.new('RGB', (W, H)).save(images / '8.jpg', 'WEBP', exif=exif)
    wide = np.zeros((H, W), np.uint16)
    (images / '9.jpg').write_bytes(cv2.imencode('.png', wide)[1].tobytes())

    def who(finding):
        return [example.split()[1] for example in finding.examples]

    headers = found()
    assert who(headers['missing_images']) == ['1']
    assert who(headers['broken_images']) == ['2', '4']
    assert who(found(decode=True)['broken_images']) == ['2', '3', '4']
    assert who(headers['sizes_differ']) == ['5', '6']
    assert 'EXIF' in headers['sizes_differ'].examples[1]
    # 7 is turned when loaded, as its size says; 8 is never turned
    assert who(headers['exif_orientation']) == ['7', '8']
    assert who(headers['wide_images']) == ['9']


def test_small_and_large_images(tmp_path):
    content = spoil(make_content(2), 'images', 0, width=40000, height=1)
    _, images = write_data(tmp_path, content)
    Image.new('RGB', (40000, 1)).save(images / '1.jpg')
    _, findings = check_dataset(
        str(tmp_path / 'ann.json'), str(images), EXPECTED
    )
    found = {finding.name for finding in findings}
    assert found >= {'huge_images', 'tiny_images'}


@pytest.mark.parametrize('decode', [False, True])
def test_images_above_the_limit_of_pil(tmp_path, monkeypatch, decode):
    """PIL refuses more than twice its limit; training does not."""
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 1000)
    assert W * H > 2 * Image.MAX_IMAGE_PIXELS
    assert not find(tmp_path, make_content(), images=True, decode=decode)
    assert Image.MAX_IMAGE_PIXELS == 1000
