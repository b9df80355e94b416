"""Check the initialisation of CID without pre-trained weights."""

from helpers import ROOT
from mmpose.registry import MODELS

from poet_mm.utils.config import read_config


def test_only_inner_layers_of_the_decoupling_differ():
    cfg = read_config(str(ROOT / 'configs' / 'cid_r18_toy.py')).model.head
    head = MODELS.build(cfg)
    head.init_weights()
    decoupling = head.gfd_module
    deviations = {
        name: float(module.weight.std())
        for name, module in decoupling.named_modules()
        if hasattr(module, 'weight')
    }
    assert deviations.pop('heatmap_conv') < 0.002
    assert min(deviations.values()) > 0.01
    assert decoupling.heatmap_conv.bias.max() < -4
    assert head.iia_module.keypoint_root_conv.weight.std() < 0.002
