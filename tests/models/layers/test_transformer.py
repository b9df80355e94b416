"""Encoder and decoder against mmdet's own, and with recomputed layers."""

import copy

import pytest
import torch
from helpers import (
    TinyPoet,
    as_ours,
    loss_and_gradients,
    random_samples,
    tiny_head,
)
from mmdet.models.layers.transformer.detr_layers import (
    DetrTransformerDecoder,
    DetrTransformerEncoder,
)

from poet_mm.models.layers.transformer import POETDecoder, POETEncoder


def test_transformer_equals_mmdet():
    attention = dict(embed_dims=16, num_heads=2, dropout=0.1)
    ffn = dict(embed_dims=16, feedforward_channels=32, ffn_drop=0.1)
    encoder_cfg = dict(
        num_layers=2, layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=ffn)
    )
    decoder_cfg = copy.deepcopy(encoder_cfg)
    decoder_cfg['layer_cfg']['cross_attn_cfg'] = attention
    tokens, position = torch.randn(2, 2, 12, 16)
    queries = torch.randn(2, 3, 16)
    padding = torch.arange(12) >= torch.tensor([[12], [9]])
    states = []
    for encoder, decoder in (
        (POETEncoder, POETDecoder),
        (DetrTransformerEncoder, DetrTransformerDecoder),
    ):
        encoder = encoder(**copy.deepcopy(encoder_cfg)).eval()
        decoder = decoder(**copy.deepcopy(decoder_cfg)).eval()
        if not states:
            ours = encoder, decoder
        else:
            ours[0].load_state_dict(as_ours(encoder.state_dict()))
            ours[1].load_state_dict(as_ours(decoder.state_dict()))
        states.append((encoder, decoder))
    outs = []
    for encoder, decoder in states:
        memory = encoder(tokens, position, padding)
        callback = {}
        if isinstance(decoder, POETDecoder):
            callback['predict'] = lambda _, state: (queries, state)
        outs.append(
            decoder(
                torch.zeros_like(queries),
                key=memory,
                value=memory,
                query_pos=queries,
                key_pos=position,
                key_padding_mask=padding,
                **callback,
            )
        )
    outs[0] = torch.stack(outs[0])
    assert outs[0].shape == (2, 2, 3, 16)
    torch.testing.assert_close(*outs)


@pytest.mark.parametrize('counts', [[2, 1], [0, 0]])
def test_recomputed_encoder(counts):
    """Checkpointing gives the same gradients, with dropout too."""
    results = []
    for num_cp in (0, 1, 2):
        torch.manual_seed(0)
        model = TinyPoet()
        encoder = model.head.encoder
        encoder.num_checkpointed = num_cp
        for layer in encoder.layers:
            layer.self_attn.dropout = 0.3
        samples = random_samples(counts)
        torch.manual_seed(1)
        results.append(
            loss_and_gradients(model, (torch.randn(2, 3, 64, 48), samples))
        )
    torch.testing.assert_close(results[1], results[0])
    torch.testing.assert_close(results[2], results[0])


def test_recomputed_layers_must_exist():
    cfg = dict(encoder=dict(num_layers=2, num_cp=3, layer_cfg={}))
    with pytest.raises(ValueError, match=r'num_cp=3.*\[0, 2\]'):
        tiny_head(**cfg)
