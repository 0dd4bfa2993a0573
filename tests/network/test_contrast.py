from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_weld_fcn.network.contrast import FLOOR, GRAIN, LocalContrast


def contrast_of(pixels: torch.Tensor) -> torch.Tensor:
    """The contrast of ``(rows, columns)`` pixels, at their places."""
    with torch.no_grad():
        seen = LocalContrast()(nn.functional.pixel_unshuffle(pixels[None, None], 2))
    assert seen.shape[1] == 8
    unfolded = nn.functional.pixel_shuffle(seen[:, 4:], 2)[0, 0]
    assert torch.equal(nn.functional.pixel_shuffle(seen[:, :4], 2)[0, 0], pixels)
    return unfolded


@pytest.fixture
def film() -> torch.Tensor:
    """Grain of 0.1 with a pore of 0.5 in the middle."""
    grain = torch.randn(160, 160, generator=torch.Generator().manual_seed(0)) * 0.1
    rows, columns = torch.meshgrid(torch.arange(160.0), torch.arange(160.0), indexing="ij")
    return grain - 0.5 * ((rows - 80) ** 2 + (columns - 80) ** 2 < 36)


def test_grain_has_a_standard_deviation_of_about_one():
    grain = torch.randn(256, 256, generator=torch.Generator().manual_seed(1))
    # a little less than one, because its tails are compressed
    assert 0.8 < float(contrast_of(grain).std()) < 1.0
    folded = nn.functional.pixel_unshuffle(grain[None, None], 2)
    detail = (folded - folded.mean(1, keepdim=True)).abs().mean()
    assert GRAIN * float(detail) == pytest.approx(1.0, rel=0.02)


def test_a_pore_is_the_same_on_a_flat_film_and_where_the_bead_fills_the_spread(film):
    bead = torch.linspace(-2, 2, 160)[:, None] ** 3
    steep = contrast_of(0.5 * film + bead * 0.01)  # normalised by twice the spread
    flat = contrast_of(film)
    inside = (slice(76, 84), slice(76, 84))
    assert float(flat[inside].mean()) < -2
    assert float(steep[inside].mean()) == pytest.approx(float(flat[inside].mean()), rel=0.1)


def test_a_grey_level_added_to_the_film_changes_nothing(film):
    assert torch.allclose(contrast_of(film + 3), contrast_of(film), atol=1e-4)


def test_a_flat_film_is_not_blown_up():
    flat = torch.zeros(64, 64)
    flat[32, 32] = 0.1 * FLOOR
    assert float(contrast_of(flat).abs().max()) < 0.2


def test_it_can_be_fitted_through():
    pixels = torch.randn(1, 4, 16, 16, requires_grad=True)
    LocalContrast()(pixels).square().sum().backward()
    assert pixels.grad is not None and bool(torch.isfinite(pixels.grad).all())
