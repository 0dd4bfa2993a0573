"""A film is found in whatever surrounds it, and nothing of a film without a surround is lost."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_weld_fcn import simulate
from napari_weld_fcn.radiograph.area.film_area import FilmArea, film_area
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings


def film(rows: int = 120, columns: int = 180, seed: int = 0) -> np.ndarray:
    """A bead of grey 150 along a plate of 90, with grain."""
    across = np.abs(np.arange(rows) - rows / 2)[:, None]
    grey = 90 + 60 / (1 + np.exp((across - rows / 5) / 3)) + np.linspace(0, 25, columns)
    return np.random.default_rng(seed).normal(grey, 4).clip(1, 250).round().astype(np.uint8)


def surrounded(pixels: np.ndarray, margins: tuple[int, int, int, int], grey: float, noise: float = 0) -> Any:
    top, left, bottom, right = margins
    shape = (pixels.shape[0] + top + bottom, pixels.shape[1] + left + right)
    picture = np.random.default_rng(1).normal(grey, noise, shape).clip(0, 255).round().astype(np.uint8)
    picture[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return picture


def found(area: FilmArea, pixels: np.ndarray, margins: tuple[int, int, int, int]) -> bool:
    top, left = margins[:2]
    exact = (top, left, top + pixels.shape[0], left + pixels.shape[1])
    return area.box == exact and area.outside is None


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(*[st.sampled_from([0, 16, 33, 70])] * 4),
    st.sampled_from([(0, 0), (6, 0), (135, 0), (246, 0), (255, 0), (240, 2), (5, 1.5)]),
    st.integers(0, 5),
)
def test_a_rectangular_surround_of_any_grey_is_cut_off_to_the_pixel(margins, grey, seed) -> None:
    pixels = film(seed=seed)
    assert found(film_area(surrounded(pixels, margins, *grey)), pixels, margins)


@pytest.mark.parametrize("margins", [(30, 0, 0, 0), (0, 1, 0, 0), (2, 2, 2, 2), (0, 40, 0, 40)])
def test_margins_that_are_no_numbers_are_cut_off(margins: tuple[int, int, int, int]) -> None:
    pixels = film()
    picture = surrounded(pixels, margins, 0).astype(np.float32)
    picture[picture == 0] = np.nan
    assert found(film_area(picture), pixels, margins)


@pytest.mark.parametrize("grey", [0, 255])
@pytest.mark.parametrize("width", [1, 3, 10])
def test_a_detectors_frame_is_cut_off(width: int, grey: int) -> None:
    pixels = film()
    assert found(film_area(surrounded(pixels, (width,) * 4, grey)), pixels, (width,) * 4)


def test_two_surrounds_of_two_greys_are_both_cut_off() -> None:
    pixels = film()
    picture = surrounded(surrounded(pixels, (20, 20, 20, 20), 255), (40, 40, 40, 40), 0)
    assert found(film_area(picture), pixels, (60, 60, 60, 60))


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(
        [(np.uint16, 257, 0), (np.int16, 100, -12000), (np.float32, 0.05 / 255, 0), (float, -3, 9)]
    ),
    st.sampled_from([(0, 0), (255, 0), (128, 0), (240, 2)]),
)
def test_dtype_gain_and_negation_do_not_matter(scale, grey) -> None:
    dtype, gain, offset = scale
    pixels, margins = film(), (25, 40, 33, 20)
    picture = surrounded(pixels, margins, *grey)
    assert found(film_area((picture.astype(float) * gain + offset).astype(dtype)), pixels, margins)


@pytest.mark.parametrize("grey", [(0, 0), (128, 0), (240, 2)])
def test_a_turned_picture_has_the_turned_area(grey: tuple[float, float]) -> None:
    pixels, (top, left, bottom, right) = film(), (25, 40, 33, 20)
    picture = surrounded(pixels, (top, left, bottom, right), *grey)
    assert found(film_area(picture.T), pixels.T, (left, top, right, bottom))
    assert found(film_area(picture[::-1]), pixels, (bottom, left, top, right))
    assert found(film_area(picture[:, ::-1]), pixels, (top, right, bottom, left))


def test_a_large_picture_is_looked_at_coarsely_and_cut_to_the_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_weld_fcn.radiograph.area.film_area._CELLS", 4000)
    pixels, margins = film(), (41, 58, 37, 22)
    picture = surrounded(pixels, margins, 255)
    assert found(film_area(picture), pixels, margins)
    assert found(film_area(da.from_array(picture, chunks=(50, 70))), pixels, margins)


def test_the_corners_beside_a_skewed_film_are_no_film() -> None:
    pixels = film(200, 300)
    picture = surrounded(pixels, (40,) * 4, 255)
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    outside = (rows < 40 + 0.1 * (columns - 40)) | (picture == 255)
    picture[outside] = 255
    area = film_area(picture)
    excluded = area.outside_of(picture.shape)
    assert area.box == (40, 40, 240, 340)
    assert np.mean(excluded[outside]) > 0.98
    assert np.mean(excluded[~outside]) < 0.002
    left = area.excluded(picture.shape)
    assert left == pytest.approx(excluded.mean(), abs=1e-6)


def test_the_blurred_edge_of_a_film_goes_with_its_surround() -> None:
    picture = surrounded(film(), (40,) * 4, 255).astype(float)
    picture[40:43, 40:-40] = np.array([240, 215, 190])[:, None]
    assert film_area(picture.astype(np.uint8)).box == (43, 40, 160, 220)


@pytest.mark.parametrize("grey", [0, 255])
def test_text_that_a_program_wrote_is_no_film(grey: int) -> None:
    picture = film(200, 300)
    for place in range(8):
        left = 20 + 14 * place
        picture[10:24, left : left + 2] = picture[10:12, left : left + 8] = grey
    written = picture == grey
    excluded = film_area(picture).outside_of(picture.shape)
    assert excluded[written].all()
    assert not excluded[~written].any()


@pytest.mark.parametrize("grey", [0, 255])
@pytest.mark.parametrize("radii", [(3, 3), (7, 7), (5, 12)])
def test_sharp_pores_of_one_grey_are_film_also_beside_text(radii: tuple[int, int], grey: int) -> None:
    picture = film(200, 300)
    rows, columns = np.mgrid[:200, :300]
    pores = np.zeros(picture.shape, bool)
    for row, column in ((60, 60), (100, 150), (150, 240)):
        pores |= ((rows - row) / radii[0]) ** 2 + ((columns - column) / radii[1]) ** 2 <= 1
    picture[pores] = grey
    assert film_area(picture).excluded(picture.shape) == 0
    for left in range(20, 90, 14):  # an i, with its dot
        picture[12:24, left : left + 2] = picture[8:10, left : left + 2] = grey
    excluded = film_area(picture).outside_of(picture.shape)
    np.testing.assert_array_equal(excluded, (picture == grey) & ~pores)


def test_a_flaw_and_a_lead_letter_are_blurred_and_stay() -> None:
    rows, columns = np.mgrid[:200, :300]
    picture = film(200, 300).astype(float)
    for row, column, change in ((50, 60, -400), (120, 200, 400)):
        picture += change * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 60)
    picture = picture.clip(0, 255).astype(np.uint8)
    assert np.count_nonzero((picture == 0) | (picture == 255)) > 100
    assert film_area(picture).excluded(picture.shape) == 0


def test_a_saturated_plate_and_a_hole_at_the_border_are_film() -> None:
    bright = (film(200, 300).astype(float) * 2.2).clip(0, 255).astype(np.uint8)
    assert np.mean(bright == 255) > 0.2
    assert film_area(bright).excluded(bright.shape) == 0
    rows, columns = np.mgrid[:200, :300]
    holed = film(200, 300)
    holed[(rows - 200) ** 2 + (columns - 150) ** 2 < 60**2] = 255
    assert film_area(holed).excluded(holed.shape) == 0


def welded(
    plates: tuple[float, float] = (90, 90), bead: float = 150, noise: float = 4, toe: int = 2, dome: float = 0
) -> np.ndarray:
    """A bead over 48 % of the rows between flat plates, with a toe of so many pixels."""
    rows = np.arange(500) - 249.5
    within = ((120 - np.abs(rows)) / toe + 0.5).clip(0, 1)
    plate = np.where(rows < 0, *plates)
    grey = plate + (bead - plate + dome * (1 - (rows / 120) ** 2).clip(0)) * within
    grain = np.random.default_rng(2).normal(0, noise, (500, 650))
    return (grey[:, None] + grain).clip(1, 254).round().astype(np.uint8)


@pytest.mark.parametrize(
    "weld",
    [
        {"toe": 1},
        {"toe": 4},
        {"noise": 8, "bead": 220},
        {"noise": 0},
        {"dome": 40},
        {"plates": (90, 40), "bead": 200},
    ],
)
@pytest.mark.parametrize(
    "change", [lambda p: p, lambda p: 255 - p, lambda p: p.T, lambda p: p * np.uint16(200)]
)
def test_flat_plates_with_a_hard_toe_are_film(weld: dict[str, Any], change: Any) -> None:
    pixels = change(welded(**weld))
    assert film_area(pixels).excluded(pixels.shape) == 0


@pytest.mark.parametrize("grey", [(0, 0), (255, 0), (240, 2)])
@pytest.mark.parametrize("margins", [(90, 60, 70, 80), (90, 0, 70, 0), (90, 0, 0, 0), (0, 60, 0, 0)])
def test_a_weld_with_flat_plates_is_found_in_a_surround(margins: Any, grey: tuple[float, float]) -> None:
    pixels = welded()
    assert found(film_area(surrounded(pixels, margins, *grey)), pixels, margins)


#: Lines at top, left, bottom and right of the simulated films that have the rim of their sheet on them.
RIMS = {11: (0, 3, 3, 5)}


@pytest.mark.parametrize("seed", range(12))
def test_a_simulated_film_keeps_every_pixel_but_those_of_a_saturated_edge_or_of_its_rim(seed: int) -> None:
    pixels = simulate(SimulationSettings(rows=256, columns=320), seed=seed).radiograph.pixels
    outside = film_area(pixels).outside_of(pixels.shape)
    top, left, bottom, right = RIMS.get(seed, (0, 0, 0, 0))
    within = slice(top, 256 - bottom), slice(left, 320 - right)
    rim = np.ones(pixels.shape, bool)
    rim[within] = False
    assert outside[rim].all()
    assert outside[within].mean() < 0.002
    assert np.isin(pixels[within][outside[within]], (0, 255)).all()


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((50, 60), 7, np.uint8),
        np.zeros((40, 40), bool),
        np.full((30, 30), np.nan),
        np.arange(6, dtype=np.uint8).reshape(2, 3),
    ],
)
def test_a_picture_without_a_film_to_find_is_taken_whole(pixels: np.ndarray) -> None:
    assert film_area(pixels).excluded(pixels.shape) == 0


def test_what_is_read_does_not_depend_on_the_window() -> None:
    rng = np.random.default_rng(3)
    picture = film(200, 300).astype(np.float32)
    rows, columns = np.mgrid[:200, :300]
    picture[(rng.random(picture.shape) < 0.02) & (rows > 40)] = np.nan
    picture[100:110, 40:52] = np.nan
    picture[rows < 0.1 * columns - 3] = 0
    area = film_area(picture)
    assert area.outside is not None
    whole = area.read(picture, slice(0, area.shape[0]), slice(0, area.shape[1]))
    assert np.isfinite(whole).mean() > 0.999
    assert np.mean(whole == 0) < 0.001 < np.mean(picture == 0)
    for top, left in rng.integers(0, 120, (20, 2)):
        window = slice(top, top + 40), slice(left, left + 60)
        np.testing.assert_array_equal(area.read(picture, *window), whole[window])
