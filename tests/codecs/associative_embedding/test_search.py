"""The search for missing keypoints against a slow reference."""

import pytest
import torch

from poet_mm.codecs.associative_embedding.search import search_cells


@pytest.mark.parametrize('num_tags', [1, 2])
@pytest.mark.parametrize('spread', [0.1, 3.0])
def test_search_equals_the_slow_one(num_tags, spread):
    heatmaps = torch.rand(3, 48, 64)
    tags = spread * torch.randn(3, num_tags, 48, 64)
    channel = torch.randint(3, (40,))
    wanted = spread * torch.randn(40, num_tags)
    got = search_cells(heatmaps, tags, channel, wanted)
    for s in range(40):
        distance = (tags[channel[s]] - wanted[s, :, None, None]).norm(dim=0)
        cost = 100 * distance.round() - heatmaps[channel[s]]
        assert cost.flatten()[got[s]] == pytest.approx(
            cost.min().item(), abs=1e-4
        )
