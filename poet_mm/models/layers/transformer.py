"""DETR's encoder and decoder: mmdet's, with our attention.

Source: DETR (arXiv 2005.12872), appendix A.3; post-norm, no final norm after
the encoder, one shared norm after every decoder layer.

Private API (mmdet 3.3.0, checked): mmdet's layers, encoder and decoder build
their parts in `_init_layers`, which is overridden here. Norms are LayerNorm:
`norm_cfg` and `post_norm_cfg` of mmdet are not used.

Letters: B images, T tokens, Q queries, D channels.
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
    """Replace the attention of mmdet's encoder layer."""

    def _init_layers(self) -> None:
        self.self_attn = MultiheadAttention(**self.self_attn_cfg)
        self.embed_dims = self.self_attn.embed_dims
        self.ffn = FFN(**self.ffn_cfg)
        self.norms = ModuleList(
            nn.LayerNorm(self.embed_dims) for _ in range(2)
        )


class POETDecoderLayer(DetrTransformerDecoderLayer):
    """Replace the attentions of mmdet's decoder layer."""

    def _init_layers(self) -> None:
        self.self_attn = MultiheadAttention(**self.self_attn_cfg)
        self.cross_attn = MultiheadAttention(**self.cross_attn_cfg)
        self.embed_dims = self.self_attn.embed_dims
        self.ffn = FFN(**self.ffn_cfg)
        self.norms = ModuleList(
            nn.LayerNorm(self.embed_dims) for _ in range(3)
        )


# Workaround (mmdet<=3.3.0): `num_cp` of `DetrTransformerEncoder` needs
# fairscale; `torch.utils.checkpoint` does not.
class POETEncoder(DetrTransformerEncoder):
    """Encode tokens, as mmdet's ``DetrTransformerEncoder``.

    Args:
        num_layers (int): Number of layers.
        layer_cfg (dict): ``self_attn_cfg`` and ``ffn_cfg`` of each.
        num_cp (int): Number of first layers with activation checkpointing:
            less memory, more time, the same result. Defaults to 0.
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
        """Encode tokens (B, T, D) into the memory (B, T, D).

        Args:
            query (Tensor): Tokens (B, T, D).
            query_pos (Tensor): Their position codes (B, T, D).
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
    """Decode queries, as mmdet's ``DetrTransformerDecoder``.

    Args:
        num_layers (int): Number of layers.
        layer_cfg (dict): ``self_attn_cfg``, ``cross_attn_cfg`` and
            ``ffn_cfg`` of each.
    """

    def _init_layers(self) -> None:
        self.layers = ModuleList(
            POETDecoderLayer(**self.layer_cfg) for _ in range(self.num_layers)
        )
        self.embed_dims = self.layers[0].embed_dims
        self.post_norm = nn.LayerNorm(self.embed_dims)

    def forward(
        self,
        query: Tensor,
        query_pos: Optional[Tensor],
        predict: Callable[[int, Tensor], Tuple[Optional[Tensor], Any]],
        **layer_kwargs,
    ) -> List[Any]:
        """Decode queries layer by layer.

        Args:
            query (Tensor): Content of queries, (B, Q, D).
            query_pos (Tensor): Their position codes, (B, Q, D).
            predict (Callable): Called with the index of each layer and its
                normed output (B, Q, D). It returns the position codes
                (B, Q, D) for the next layer, if there is one, and the
                prediction.
            **layer_kwargs: Other arguments of the layers.

        Returns:
            list: The prediction of every layer.
        """
        predictions = []
        for i, layer in enumerate(self.layers):
            query = layer(query, query_pos=query_pos, **layer_kwargs)
            query_pos, prediction = predict(i, self.post_norm(query))
            predictions.append(prediction)
        return predictions
