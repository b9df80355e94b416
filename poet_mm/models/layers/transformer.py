"""DETR's encoder and decoder: mmdet's, with the attention inside replaced.

Source: DETR (arXiv 2005.12872), appendix A.3; post-norm, no final norm after
the encoder, one shared norm after every decoder layer.
"""

from functools import partial
from typing import Any, Callable, List, Optional, Tuple

import torch
from mmcv.cnn.bricks.transformer import FFN
from mmdet.models.layers.transformer.detr_layers import (
    DetrTransformerDecoder,
    DetrTransformerDecoderLayer,
    DetrTransformerEncoder,
    DetrTransformerEncoderLayer,
)
from mmengine.model import ModuleList
from mmpose.utils.typing import ConfigType
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from .attention import MultiheadAttention


class POETEncoderLayer(DetrTransformerEncoderLayer):
    """A layer of mmdet's encoder with our attention."""

    def _init_layers(self) -> None:
        self.self_attn = MultiheadAttention(**self.self_attn_cfg)
        self.embed_dims = self.self_attn.embed_dims
        self.ffn = FFN(**self.ffn_cfg)
        self.norms = ModuleList(
            nn.LayerNorm(self.embed_dims) for _ in range(2)
        )


class POETDecoderLayer(DetrTransformerDecoderLayer):
    """A layer of mmdet's decoder with our attention."""

    def _init_layers(self) -> None:
        self.self_attn = MultiheadAttention(**self.self_attn_cfg)
        self.cross_attn = MultiheadAttention(**self.cross_attn_cfg)
        self.embed_dims = self.self_attn.embed_dims
        self.ffn = FFN(**self.ffn_cfg)
        self.norms = ModuleList(
            nn.LayerNorm(self.embed_dims) for _ in range(3)
        )


# Workaround (mmdet<=3.3.0): `num_cp` of `DetrTransformerEncoder` needs
# fairscale; torch has checkpoints of its own.
class POETEncoder(DetrTransformerEncoder):
    """See mmdet's ``DetrTransformerEncoder`` for arguments and shapes.

    Args:
        num_layers (int): Number of layers.
        layer_cfg (dict): ``self_attn_cfg`` and ``ffn_cfg`` of each.
        num_cp (int): How many of the layers, from the first on, keep only
            their input in training and compute the rest again for backward:
            less memory, more time, the same result. (mmdet's argument of that
            name needs fairscale.) Defaults to 0.
    """

    def __init__(
        self, num_layers: int, layer_cfg: ConfigType, num_cp: int = 0
    ) -> None:
        if not 0 <= num_cp <= num_layers:
            raise ValueError(
                f'POETEncoder got num_cp={num_cp}; with '
                f'num_layers={num_layers} it must be in '
                f'[0, {num_layers}].'
            )
        super().__init__(num_layers, layer_cfg)
        self.num_checkpointed = num_cp

    def _init_layers(self) -> None:
        self.layers = ModuleList(
            POETEncoderLayer(**self.layer_cfg) for _ in range(self.num_layers)
        )
        self.embed_dims = self.layers[0].embed_dims

    def forward(
        self,
        query: Tensor,
        query_pos: Tensor,
        key_padding_mask: Optional[Tensor],
    ) -> Tensor:
        """Return the memory (B, T, C) of tokens with position codes (B, T, C).

        Args:
            query (Tensor): Tokens (B, T, C).
            query_pos (Tensor): Their position codes.
            key_padding_mask (Tensor, optional): (B, T), True at padding.
        """
        for i, layer in enumerate(self.layers):
            if i < self.num_checkpointed and torch.is_grad_enabled():
                layer = partial(checkpoint, layer, use_reentrant=False)
            query = layer(
                query, query_pos=query_pos, key_padding_mask=key_padding_mask
            )
        return query


class POETDecoder(DetrTransformerDecoder):
    """See mmdet's ``DetrTransformerDecoder`` for arguments and shapes.

    Args:
        num_layers (int): Number of layers.
        layer_cfg (dict): ``self_attn_cfg``, ``cross_attn_cfg`` and
            ``ffn_cfg`` of each.
    """

    def __init__(self, num_layers: int, layer_cfg: ConfigType) -> None:
        super().__init__(num_layers, layer_cfg)

    def _init_layers(self) -> None:
        self.layers = ModuleList(
            POETDecoderLayer(**self.layer_cfg) for _ in range(self.num_layers)
        )
        self.embed_dims = self.layers[0].embed_dims
        self.post_norm = nn.LayerNorm(self.embed_dims)

    def forward(
        self,
        query: Tensor,
        query_pos: Tensor,
        predict: Callable[[int, Tensor], Tuple[Tensor, Any]],
        **memory,
    ) -> List[Any]:
        """Decode queries layer by layer.

        Args:
            query (Tensor): Content of queries, (B, Q, C).
            query_pos (Tensor): Their position codes, (B, Q, C).
            predict (Callable): Called with the number of each layer and its
                normed output (B, Q, C); gives the position code (B, Q, C) of
                the next layer and the prediction.
            **memory: Other arguments of the layers.

        Returns:
            list: The prediction of every layer.
        """
        predictions = []
        for i, layer in enumerate(self.layers):
            query = layer(query, query_pos=query_pos, **memory)
            query_pos, prediction = predict(i, self.post_norm(query))
            predictions.append(prediction)
        return predictions
