"""Compute multi-head attention by torch's ``scaled_dot_product_attention``.

Its fused kernels keep no attention weights, so memory is linear in the tokens.
On the CPU they have no dropout, and a mask only in torch newer than 2.1. The
call and the residual form are those of mmcv's ``MultiheadAttention``. That
one always computes the weights and so never uses a fused kernel. Here
:func:`record_weights` computes them on request.

Letters: B images, T queries, S keys, H heads, D channels.
"""

from contextlib import contextmanager
from functools import partial
from typing import Dict, Iterator, Optional

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from ..listeners import Listeners, listening


# Workaround (mmcv<=2.1.0): `MultiheadAttention` always computes attention
# weights, so torch's fused kernels are never used.
class MultiheadAttention(BaseModule):
    """Compute multi-head attention, and add it to the queries.

    ``query + dropout(attention(query + query_pos, key + key_pos, value))``

    Args:
        embed_dims (int): D, channels of queries, keys, values and output.
        num_heads (int): H; must divide ``embed_dims``.
        dropout (float): Dropout rate of the attention weights and of the
            output.
        batch_first (bool): Must be True; mmdet's layers set it.
    """

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        dropout: float = 0.0,
        batch_first: bool = True,
    ) -> None:
        super().__init__()
        if embed_dims % num_heads:
            raise ValueError(
                f'embed_dims={embed_dims} cannot be split into '
                f'num_heads={num_heads} heads of equal size.'
            )
        assert batch_first, 'mmdet passes (B, T, D)'
        self.embed_dims = embed_dims
        self.num_heads = num_heads
        self.dropout = dropout
        self.in_proj = nn.Linear(embed_dims, 3 * embed_dims)  # q, k, v
        self.out_proj = nn.Linear(embed_dims, embed_dims)
        self.out_dropout = nn.Dropout(dropout)
        self.listeners = Listeners()  # called with the weights (B, H, T, S)
        nn.init.zeros_(self.in_proj.bias)
        nn.init.zeros_(self.out_proj.bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        query_pos: Optional[Tensor] = None,
        key_pos: Optional[Tensor] = None,
        attn_mask: Optional[Tensor] = None,
        key_padding_mask: Optional[Tensor] = None,
    ) -> Tensor:
        """Return the queries plus the output of the attention.

        Args:
            query (Tensor): (B, T, D).
            key (Tensor): (B, S, D).
            value (Tensor): (B, S, D).
            query_pos (Tensor, optional): Position code of the queries.
            key_pos (Tensor, optional): Position code of the keys; values do
                not get it.
            attn_mask (Tensor, optional): (T, S) or (B, T, S), True where
                attention is blocked.
            key_padding_mask (Tensor, optional): (B, S), True at padded keys.

        Returns:
            Tensor: (B, T, D).
        """
        q = query if query_pos is None else query + query_pos
        k = key if key_pos is None else key + key_pos
        q, k, v = (
            self._split_heads(F.linear(x, weight, bias))
            for x, weight, bias in zip(
                (q, k, value),
                self.in_proj.weight.chunk(3),
                self.in_proj.bias.chunk(3),
            )
        )
        if _needs_fp32(q):
            q, k, v = q.float(), k.float(), v.float()
        dropout = self.dropout if self.training else 0.0
        allowed = _allowed_mask(attn_mask, key_padding_mask)
        if self.listeners:
            weights = attention_weights(q, k, allowed)
            self.listeners.tell(weights)
            out = F.dropout(weights, dropout) @ v  # (B, H, T, D / H)
        else:
            out = F.scaled_dot_product_attention(
                q, k, v, attn_mask=allowed, dropout_p=dropout
            )
        out = self.out_proj(out.transpose(1, 2).flatten(2))  # (B, T, D)
        return query + self.out_dropout(out)

    def _split_heads(self, x: Tensor) -> Tensor:
        """Reshape (B, T, D) to (B, H, T, D / H)."""
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)


# Workaround (torch<=2.1): on the CPU, backward of fused attention in bfloat16
# writes out of bounds, for 25, 33 or 61 tokens for example: gradients of 1e10,
# or a crash.
def _needs_fp32(x: Tensor) -> bool:
    return (
        x.device.type == 'cpu'
        and x.dtype == torch.bfloat16
        and torch.is_grad_enabled()
    )


def _allowed_mask(
    attn_mask: Optional[Tensor], key_padding_mask: Optional[Tensor]
) -> Optional[Tensor]:
    """Return a mask (B or 1, 1, T or 1, S), True where attention is allowed.

    None means everywhere.
    """
    allowed = None
    if key_padding_mask is not None:
        allowed = ~key_padding_mask[:, None, None, :]  # (B, 1, 1, S)
    if attn_mask is not None:
        if attn_mask.dim() == 2:
            attn_mask = attn_mask[None]
        free = ~attn_mask[:, None]  # (B or 1, 1, T, S)
        allowed = free if allowed is None else allowed & free
    return allowed


def attention_weights(
    q: Tensor, k: Tensor, allowed: Optional[Tensor] = None
) -> Tensor:
    """Return the attention weight of each key for each query.

    Args:
        q (Tensor): (B, H, T, D / H).
        k (Tensor): (B, H, S, D / H).
        allowed (Tensor, optional): Broadcastable to (B, H, T, S), False where
            attention is blocked.

    Returns:
        Tensor: (B, H, T, S), each row adds up to 1.
    """
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
    if allowed is not None:
        scores = scores.masked_fill(~allowed, float('-inf'))
    return scores.softmax(-1)


@contextmanager
def record_weights(model: nn.Module) -> Iterator[Dict[str, Tensor]]:
    """Compute and keep the attention weights of every forward pass inside.

    Slow and large: (B, H, T, S) numbers for each attention of the model.

    Args:
        model (nn.Module): Any module with attentions of this file in it.

    Yields:
        dict[str, Tensor]: Filled by each forward pass: name of the attention
        in the model, such as ``head.encoder.layers.0.self_attn``, to its
        weights (B, H, T, S) of the last pass, before dropout.
    """
    records: Dict[str, Tensor] = {}
    with listening(
        [
            (module, partial(records.__setitem__, name))
            for name, module in model.named_modules()
            if isinstance(module, MultiheadAttention)
        ]
    ):
        yield records
