"""A detector's dead lines are found in any film and filled; nothing else is taken for one."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_weld_fcn import simulate
from napari_weld_fcn.radiograph.area.dead_lines import MOST
from napari_weld_fcn.radiograph.area.film_area import FilmArea, film_area
from napari_weld_fcn.radiograph.normalisation import measure
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings

#: First row or column, and those behind the last, of groups.
ROWS, COLUMNS = ((1, 2), (60, 62), (117, 118)), ((90, 91), (176, 178))


def film(rows: int = 120, columns: int = 180) -> np.ndarray:
    """A bead of grey 150 along a plate of 90, with grain."""
    across = np.abs(np.arange(rows) - rows / 2)[:, None]
    grey = 90 + 60 / (1 + np.exp((across - rows / 5) / 3)) + np.linspace(0, 25, columns)
    return np.random.default_rng(0).normal(grey, 4).clip(1, 250).round().astype(np.uint8)


def with_lines(pixels: np.ndarray, grey: Any, rows: Any = (), columns: Any = ()) -> np.ndarray:
    spoilt = pixels.copy()
    for start, stop in rows:
        spoilt[start:stop] = grey
    for start, stop in columns:
        spoilt[:, start:stop] = grey
    return spoilt


def read_whole(area: FilmArea, pixels: Any) -> np.ndarray:
    return area.read(pixels, *(slice(0, size) for size in area.shape))


@pytest.mark.parametrize("coarse", [False, True])
@pytest.mark.parametrize("share", [0, 0.35, 0.5, 1])
@pytest.mark.parametrize("scale", [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1.0), (np.int16, -900)])
def test_a_dead_line_of_any_grey_is_found_and_filled(scale, share, coarse, monkeypatch) -> None:
    if coarse:
        monkeypatch.setattr("napari_weld_fcn.radiograph.area.film_area._CELLS", 4000)
    dtype, white = scale
    pixels = (film() * (white / 255)).astype(dtype)
    spoilt = with_lines(pixels, dtype(share * white), ROWS, COLUMNS)
    area = film_area(spoilt)
    assert (area.dead.rows, area.dead.columns) == (ROWS, COLUMNS)
    assert area.excluded(pixels.shape) == 0
    filled = read_whole(area, spoilt)
    assert filled.dtype == dtype
    alive = np.ones(pixels.shape, bool)
    alive = ~with_lines(~alive, True, ROWS, COLUMNS)
    np.testing.assert_array_equal(filled[alive], pixels[alive])
    errors = np.abs(filled.astype(float) - pixels)[~alive] * 255 / abs(white)
    assert errors.max() < 30 and errors.mean() < 5
    assert measure(spoilt, area).spread == pytest.approx(measure(pixels).spread, rel=0.01)


def test_a_line_of_no_numbers_is_one_too() -> None:
    spoilt = with_lines(film().astype(np.float32), np.nan, [(60, 62)], [(90, 91)])
    area = film_area(spoilt)
    assert area.dead.count == (2, 1)
    assert np.isfinite(read_whole(area, spoilt)).all()


def test_beside_what_is_no_number_a_line_takes_the_other_side() -> None:
    spoilt = with_lines(film().astype(np.float32), 0, [(60, 61)])
    spoilt[61, 20:60] = np.nan
    filled = read_whole(film_area(spoilt), spoilt)
    np.testing.assert_array_equal(filled[60, 20:60], spoilt[59, 20:60])


@pytest.mark.parametrize("through", [False, True])
@pytest.mark.parametrize("surround", [0, 128, 255])
def test_a_dead_line_is_found_inside_a_surround_too(surround: int, through: bool) -> None:
    margins = ((40, 30), (25, 50))
    bare = np.pad(film(), margins, constant_values=surround)
    spoilt = np.pad(with_lines(film(), 17, [(60, 62)], [(90, 91)]), margins, constant_values=surround)
    if through:
        spoilt = with_lines(bare, 17, [(100, 102)], [(115, 116)])
    area = film_area(spoilt)
    assert area.box == film_area(bare).box == (40, 25, 160, 205)
    assert area.outside is None
    assert (area.dead.rows, area.dead.columns) == (((100, 102),), ((115, 116),))


def test_lazy_pixels_have_the_same_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_weld_fcn.radiograph.area.film_area._CELLS", 4000)
    spoilt = with_lines(film(), 0, ROWS, COLUMNS)
    lazy = da.from_array(spoilt, chunks=(50, 70))
    area = film_area(lazy)
    assert area.dead == film_area(spoilt).dead
    np.testing.assert_array_equal(read_whole(area, lazy), read_whole(film_area(spoilt), spoilt))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 110), st.integers(0, 170), st.integers(1, 60), st.integers(1, 60))
def test_what_is_read_does_not_depend_on_the_window(top: int, left: int, rows: int, columns: int) -> None:
    spoilt = with_lines(film(), 255, ROWS, COLUMNS)
    area = film_area(spoilt)
    window = slice(top, min(top + rows, 120)), slice(left, min(left + columns, 180))
    np.testing.assert_array_equal(area.read(spoilt, *window), read_whole(area, spoilt)[window])


@pytest.mark.parametrize("width", [MOST + 1, 12])
@pytest.mark.parametrize("grey", [0, 255])
def test_a_broad_band_of_one_grey_is_no_dead_line(width: int, grey: int) -> None:
    spoilt = with_lines(film(), grey, [(60, 60 + width)])
    assert not film_area(spoilt).dead


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((50, 60), 7, np.uint8),
        np.tile(np.arange(60, dtype=np.uint8), (50, 1)),  # no grain: each column has one value
        (np.indices((80, 90)).sum(axis=0) % 2 * 255).astype(np.uint8),
        np.tile((np.arange(90) % 5 == 0) * np.uint8(9), (80, 1)),
        np.where(np.indices((90, 90))[0] < 45, 0, film(90, 90)).astype(np.uint8),
        (film().astype(int) * 3).clip(0, 255).astype(np.uint8),  # saturated
        film(20, 20),
    ],
)
def test_what_is_flat_has_no_dead_lines(pixels: np.ndarray) -> None:
    assert not film_area(pixels).dead
    assert not film_area(pixels.T).dead


@pytest.mark.parametrize("seed", range(6))
def test_a_simulated_film_has_none(seed: int) -> None:
    pixels = simulate(SimulationSettings(rows=200, columns=260), seed=seed).radiograph.pixels
    assert not film_area(pixels).dead
