"""Check the arguments and inputs of POETHead.

Every function raises a ValueError that names the values and the config key.
"""

from typing import Mapping, Sequence

from mmpose.utils.typing import ConfigType, OptConfigType
from torch import Tensor


def check_pieces(
    propose: bool,
    refine: bool,
    predict_oks: bool,
    detail: OptConfigType,
    denoising: OptConfigType,
    pyramid: OptConfigType,
    loss: ConfigType,
) -> None:
    """Raise if a piece comes without another that it needs."""
    if predict_oks and not (refine and loss.get('oks_weight')):
        raise ValueError(
            f'POETHead got predict_oks=True, refine={refine} and '
            f'loss.oks_weight={loss.get("oks_weight", 0)}: it needs both. Set '
            'model.head.refine=True and model.head.loss.oks_weight=2, or '
            'model.head.predict_oks=False.'
        )
    if detail is not None and not refine:
        raise ValueError(
            'POETHead got detail without refine=True: poses are '
            'not corrected. Set model.head.refine=True, or '
            'model.head.detail=None.'
        )
    if denoising is not None and not propose:
        raise ValueError(
            'POETHead got denoising without propose=True: '
            'learned queries have no position code of a pose. Set '
            'model.head.propose=True, or '
            'model.head.denoising=None.'
        )
    if pyramid is not None and not propose:
        raise ValueError(
            'POETHead got pyramid without propose=True: tokens of finer '
            'levels do nothing but propose. Set model.head.propose=True, or '
            'model.head.pyramid=None.'
        )


def check_channels(encoder: int, decoder: int, position: int) -> None:
    """Raise unless these parts have the same number of channels."""
    if not encoder == decoder == position:
        raise ValueError(
            f'POETHead got an encoder of {encoder} channels, a decoder '
            f'of {decoder} and a positional encoding of '
            f'{position} (2 x num_feats); they must be equal.'
        )


def check_classes(num_classes: int, empty_class: bool) -> None:
    """Raise unless the head has the codec's classes."""
    needed = 2 if empty_class else 1
    if num_classes != needed:
        raise ValueError(
            f'POETHead got num_classes={num_classes}; with '
            f'POETCodec(empty_class={empty_class}) it must be {needed}.'
        )


def check_level(index: int, channels: int, in_channels: int) -> None:
    """Raise unless the feature level has ``in_channels`` channels."""
    if channels != in_channels:
        raise ValueError(
            f'Feature level {index} has {channels} '
            f'channels, POETHead was built for {in_channels}. Set '
            'model.head.in_channels, or another level with '
            'model.head.feat_index.'
        )


def check_finer_levels(
    levels: Sequence[Tensor], in_channels: Sequence[int]
) -> None:
    """Raise unless the finer levels of the pyramid have these channels."""
    found = [level.shape[1] for level in levels]
    if found != in_channels:
        raise ValueError(
            f'POETHead was built with pyramid.in_channels={in_channels}, but '
            f'the levels before the encoded one have {found} channels. Set '
            'model.head.pyramid.in_channels, or model.backbone.out_indices.'
        )


def check_skeleton(in_data: int, in_head: int) -> None:
    """Raise unless people have as many keypoints as the head predicts."""
    if in_data != in_head:
        raise ValueError(
            f'The data have {in_data} keypoints a person, POETHead was '
            f'built for {in_head}. Set '
            f'model.head.num_keypoints={in_data}.'
        )


def check_test(test_cfg: Mapping) -> None:
    """Raise if a test asks for a second pass."""
    for option in ('flip_test', 'multiscale_test'):
        if test_cfg.get(option):
            raise ValueError(
                f'POETHead cannot be tested with {option}=True: sets of '
                'predictions from two passes have no common order. Set '
                f'model.test_cfg.{option}=False.'
            )
