"""Peaks of heatmaps against a slow reference."""

import pytest
import torch

from poet_mm.codecs.associative_embedding.peaks import find_peaks


def slow_peaks(heatmap, threshold, kernel):
    """Cells that are first among the highest of their window."""
    H, W = heatmap.shape
    reach, peaks = kernel // 2, []
    for y in range(H):
        for x in range(W):
            window = [
                (-heatmap[v, u], v, u)
                for v in range(max(0, y - reach), min(H, y + reach + 1))
                for u in range(max(0, x - reach), min(W, x + reach + 1))
            ]
            if heatmap[y, x] > threshold and min(window)[1:] == (y, x):
                peaks.append((y, x))
    return peaks


@pytest.mark.parametrize('kernel', [3, 5, 7])
@pytest.mark.parametrize('levels', [4, 1000])
def test_peaks_equal_the_slow_ones(kernel, levels):
    """Also where many cells are equal, and at the border."""
    heatmaps = torch.randint(levels, (2, 16, 24)).float() / levels
    channel, y, x = find_peaks(heatmaps, 0.3, kernel)
    for c in range(2):
        got = [*zip(y[channel == c].tolist(), x[channel == c].tolist())]
        assert sorted(got) == slow_peaks(heatmaps[c].numpy(), 0.3, kernel)
