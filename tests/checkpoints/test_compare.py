"""Blocks that differ, and the config that weights are of."""
import pytest
from helpers import ROOT
from mmengine.config import Config

from poet_mm.checkpoints.compare import build_model, compare_blocks, most_alike


def test_compare_blocks():
    blocks = compare_blocks(
        {'backbone.a': (1, ), 'head.encoder.b': (2, )},
        {'head.encoder.b': (3, ), 'head.new.c': (4, )})
    assert [block.name for block in blocks] == [
        'backbone', 'head.encoder', 'head.new']
    assert [block.describe() for block in blocks] == [
        'backbone is not in the checkpoint',
        'head.encoder.b is (3,) in the checkpoint, (2,) in the model',
        'head.new is not in the model']


@pytest.mark.parametrize('name', ['poet_r101_coco', 'ae_r50_s8_512_coco',
                                  'poet_swin-t_512_coco'])
def test_likely_config_of_our_own(name):
    cfg = Config.fromfile(ROOT / 'configs' / f'{name}.py')
    shapes = {key: tuple(value.shape)
              for key, value in build_model(cfg).state_dict().items()
              if not key.endswith('num_batches_tracked')}
    best, names = most_alike(shapes)
    assert (best, names[0]) == (1.0, f'{name}.py')
