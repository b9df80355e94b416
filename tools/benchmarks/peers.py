"""Compare inference of the fast POET with that of RTMO on the same backbone.

Both sides run network and post-processing on one image of 512 x 512 pixels.
RTMO has the neck and head of MMPose's RTMO-s, -m and -l, and finds four
people: known class scores replace what it computes. The fast POET decodes all
60 queries. Batch norms of both backbones are folded.
"""

from functools import partial

from mmengine.hub import get_config
from torch import nn

from poet_mm.apis.fast_backbone import as_fast_backbone

from . import measure
from .inference import PEOPLE, make_batch, run_test_step
from .models import build_model, read_model_config

THREADS = 1
LOGIT = 9.0  # of a person
RTMO = dict(
    s='rtmo-s_8xb32-600e_coco-640x640',
    m='rtmo-m_16xb16-600e_coco-640x640',
    l='rtmo-l_16xb16-600e_coco-640x640',
)
BACKBONES = {
    'ResNet-50': ('poet_fast_r50_coco', [512, 1024, 2048]),
    'ResNet-18': ('poet_fast_small_coco', [128, 256, 512]),
}


def known_scores(module: nn.Module, _, outputs: tuple) -> None:
    """Replace the class scores of RTMO: people at four cells of stride 32."""
    for level in outputs[0]:
        level.fill_(-LOGIT)
    outputs[0][-1][..., 1::12, 1::12] = LOGIT


def build_rtmo(size: str, backbone, channels, device) -> nn.Module:
    """Build RTMO with a backbone of strides 8, 16 and 32."""
    cfg = get_config(f'mmpose::body_2d_keypoint/rtmo/coco/{RTMO[size]}.py')
    cfg.model.backbone = dict(backbone, out_indices=(1, 2, 3))
    cfg.model.neck.in_channels = channels
    model = build_model(cfg, device).eval()
    model.head.head_module.register_forward_hook(known_scores)
    model.backbone = as_fast_backbone(model.backbone)
    return model


def run(args, backbones=tuple(BACKBONES)):
    """Return rows of all sizes of RTMO on these backbones."""
    rows = []
    for name in backbones:
        config, channels = BACKBONES[name]
        cfg = read_model_config(config)
        poet = build_model(cfg, args.device).eval()
        poet.backbone = as_fast_backbone(poet.backbone)
        batch = make_batch(1, poet.head.num_keypoints)
        for size in list(RTMO)[:1] if args.quick else RTMO:
            rtmo = build_rtmo(size, cfg.model.backbone, channels, args.device)
            found = len(run_test_step(rtmo, batch)[0].pred_instances)
            assert found == PEOPLE, f'RTMO-{size} found {found} people'
            rows.append(
                measure(
                    name,
                    f'RTMO-{size}',
                    partial(run_test_step, rtmo, batch),
                    partial(run_test_step, poet, batch),
                    args,
                )
            )
    return rows
