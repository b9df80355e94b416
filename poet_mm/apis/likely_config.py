"""Which of our configs weights were trained with."""
import os.path as osp
from functools import cache
from glob import glob
from typing import List, Tuple

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from torch import nn

from ..utils.config import CONFIGS
from .blocks import Shapes, block_of, shapes_of

LEAST_ALIKE = 0.5  # below, no config is worth naming
MOST_NAMED = 3


def build_model(cfg: Config) -> nn.Module:
    """The model of a config, whose weights nobody has fetched or drawn."""
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    return MODELS.build(cfg.model)


def likely_config(found: Shapes) -> str:
    """A sentence, empty if no config in ``configs/`` is like the weights."""
    best, names = most_alike(found)
    if best < LEAST_ALIKE:
        return ''
    more = len(names) - MOST_NAMED
    named = ', '.join(f'configs/{name}' for name in names[:MOST_NAMED])
    return (f'It looks like {named}' + (f' or {more} more' if more > 0 else '')
            + '.')


def most_alike(found: Shapes) -> Tuple[float, List[str]]:
    """The largest share of equal weights that a config has with ``found``, and
    the files of the configs that have it."""
    shares = {}
    for path in sorted(glob(osp.join(CONFIGS, '*.py'))):
        shares[osp.basename(path)] = _share(found, _shapes_of_config(path))
    best = max(shares.values(), default=0.0)
    return best, [name for name, share in shares.items() if share == best]


def _share(found: Shapes, expected: Shapes) -> float:
    """Equal weights / all weights, of the blocks that were found."""
    blocks = set(map(block_of, found))
    theirs = {item for item in expected.items() if block_of(item[0]) in blocks}
    ours = set(found.items())
    return len(ours & theirs) / max(len(ours | theirs), 1)


@cache
def _shapes_of_config(path: str) -> Shapes:
    """Built without memory where the backbone allows that; none of a config
    that is broken, which must not hide what is to be said."""
    try:
        cfg = Config.fromfile(path)
        try:
            with torch.device('meta'):
                return shapes_of(build_model(cfg).state_dict())
        except (NotImplementedError, RuntimeError):  # it looks at a value
            return shapes_of(build_model(cfg).state_dict())
    except Exception:
        return {}
