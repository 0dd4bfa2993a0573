"""The weld bead is found on films of all kinds, and not where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from napari_weld_fcn.dataset.rois import find_bead, strips
from napari_weld_fcn.radiograph.simulation.conditions import draw_conditions
from napari_weld_fcn.radiograph.simulation.film import simulate
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.radiograph.simulation.site import make_weld

SETTINGS = SimulationSettings(rows=500, columns=1500)
SEEDS = range(24)


def strip(rows: int, columns: int, plate: float = 90, bead: float = 140, noise: float = 6) -> np.ndarray:
    """A bead from 40 % to 70 % of the rows."""
    film = np.full((rows, columns), plate)
    film[int(0.4 * rows) : int(0.7 * rows)] = bead
    return np.random.default_rng(0).normal(film, noise).clip(0, 255).astype(np.uint8)


def share_of(found, upper: np.ndarray, lower: np.ndarray) -> float:
    """Which share of the true bead lies within the one found."""
    common = np.minimum(lower, found.lower) - np.maximum(upper, found.upper)
    return float(common.clip(0).sum() / (lower - upper).sum())


def test_the_bead_of_most_simulated_films_is_found_from_toe_to_toe() -> None:
    shares, widths = [], []
    for seed in SEEDS:
        rng = np.random.default_rng([seed, 0x57E1D])
        weld = make_weld(rng, SETTINGS, draw_conditions(rng, SETTINGS))
        found = find_bead(simulate(SETTINGS, seed).radiograph.pixels)
        if found is None:
            continue
        assert not found.vertical
        upper, lower = weld.centre - weld.upper, weld.centre + weld.lower
        shares.append(share_of(found, upper, lower))
        widths.append((found.lower - found.upper).sum() / (lower - upper).sum())
    assert len(shares) >= 0.85 * len(SEEDS)
    assert np.median(shares) > 0.95 and np.quantile(shares, 0.1) > 0.8
    assert max(widths) < 1.25


@pytest.mark.parametrize(
    "change", [lambda p: p, lambda p: 255 - p, lambda p: p.T, lambda p: p * np.uint16(257)]
)
def test_the_bead_is_where_it_is_however_the_film_is_shown(change) -> None:
    found = find_bead(change(strip(400, 1000)))
    assert found is not None
    assert found.vertical == (change is not None and change(strip(400, 1000)).shape == (1000, 400))
    assert abs(float(np.median(found.upper)) - 160) < 30 and abs(float(np.median(found.lower)) - 280) < 30
    assert found.upper.shape == found.lower.shape == (1000,)


def test_plates_of_different_thickness_do_not_hide_the_bead() -> None:
    film = strip(400, 1000, plate=60).astype(float)
    film[280:] += 60
    found = find_bead(film)
    assert found is not None
    assert abs(float(np.median(found.upper)) - 160) < 30 and abs(float(np.median(found.lower)) - 280) < 30


def test_a_slanted_bead_is_followed() -> None:
    rows, columns = np.indices((400, 2000))
    middle = 120 + 0.08 * columns
    film = np.where(np.abs(rows - middle) < 50, 150.0, 80.0)
    found = find_bead(np.random.default_rng(1).normal(film, 8))
    assert found is not None
    centre = (found.upper + found.lower) / 2
    assert np.abs(centre - middle[0])[50:-50].max() < 15


def test_a_lead_letter_does_not_move_the_bead() -> None:
    film = strip(400, 2000)
    film[20:80, 900:1000] = 250
    found = find_bead(film)
    assert found is not None
    np.testing.assert_allclose(found.upper, found.upper[0], atol=10)


@pytest.mark.parametrize(
    "film",
    [
        np.full((300, 900), 7, np.uint8),
        np.random.default_rng(0).normal(120, 10, (300, 900)),
        np.tile(np.linspace(20, 200, 300)[:, None], (1, 900)),
        np.where(np.arange(300)[:, None] < 150, 60.0, 160.0) + np.zeros((300, 900)),
        np.zeros((1, 1), np.uint8),
        np.zeros((3, 2000), bool),
    ],
    ids=["blank", "noise", "shading", "one step", "one pixel", "a line"],
)
def test_where_there_is_no_bead_none_is_found(film) -> None:
    assert find_bead(film) is None


def test_a_very_long_film_needs_little_memory() -> None:
    import tracemalloc

    film = np.tile(strip(300, 500), (1, 80))
    tracemalloc.start()
    found = find_bead(film)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found is not None and peak < 120e6


@pytest.mark.parametrize("rows", [1049, 1050, 1055])
def test_a_last_band_of_less_than_a_block_is_left_out(rows: int) -> None:
    pixels = np.random.default_rng(0).normal(100, 5, (rows, 4000)).astype(np.float32)
    assert all(np.isfinite(found.contrast) for found in strips(pixels))
