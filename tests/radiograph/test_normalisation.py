from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph import normalisation
from napari_weld_fcn.radiograph.area import film_area
from napari_weld_fcn.radiograph.area.film_area import FilmArea
from napari_weld_fcn.radiograph.normalisation import full_scale, measure, white_of

DTYPES = [np.bool_, np.uint8, np.int16, np.uint16, np.uint32, np.float32, np.float64]


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.int16, np.uint16]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=40),
    )
)
def test_measure_is_mean_and_deviation_of_the_film_without_its_extremes(pixels: np.ndarray) -> None:
    found = measure(pixels, FilmArea.whole(pixels.shape))
    ordered, outer, inner = np.sort(pixels, axis=None), pixels.size // 1000, int(0.025 * pixels.size)
    dark, bright = float(ordered[inner]), float(ordered[-1 - inner])
    width = bright - dark or np.inf
    assert found.low == max(ordered[outer], dark - width)
    assert found.high == min(ordered[-1 - outer], bright + width)
    drawn_in = pixels.astype(np.float64).clip(found.low, found.high)
    assert found.mean == pytest.approx(drawn_in.mean(), abs=1e-6)
    assert found.spread == pytest.approx(1.1 * drawn_in.std() or 1, rel=1e-6)


def seen(pixels: np.ndarray) -> np.ndarray:
    return measure(pixels).apply(pixels)


GREYS = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=40))


@settings(max_examples=50, deadline=None)
@given(GREYS, st.sampled_from([0.05 / 255, 1 / 255, 1.0, 40000 / 255]), st.sampled_from([0.0, -3.0, 1000.0]))
def test_gain_and_offset_of_a_float_film_do_not_matter(
    pixels: np.ndarray, gain: float, offset: float
) -> None:
    if measure(pixels).low == measure(pixels).high:
        return
    assert np.allclose(seen(pixels), seen(pixels * gain + offset), atol=1e-4)


@settings(max_examples=50, deadline=None)
@given(
    GREYS,
    st.sampled_from([(np.uint16, 16, 0), (np.uint16, 257, 0), (np.int16, 128, -16384), (np.uint32, 4112, 9)]),
)
def test_dtype_and_range_of_whole_numbers_do_not_matter(pixels: np.ndarray, other: Any) -> None:
    dtype, gain, offset = other
    if measure(pixels).low == measure(pixels).high:
        return
    assert np.allclose(seen(pixels), seen((pixels.astype(np.int64) * gain + offset).astype(dtype)), atol=1e-4)


@pytest.mark.parametrize(
    ("dtype", "hot"), [(np.uint16, 65535), (np.uint32, 2**20 - 1), (np.float32, 60000.0)]
)
def test_hot_and_dead_pixels_do_nothing_to_the_others(dtype: Any, hot: float) -> None:
    rng = np.random.default_rng(5)
    clean = rng.normal(120, 15, (400, 500)).clip(1, 254).round().astype(dtype)
    spoilt = clean.copy()
    places = rng.choice(clean.size, 20, replace=False)
    spoilt.flat[places[:10]], spoilt.flat[places[10:]] = hot, 0
    others = np.ones(clean.size, bool)
    others[places] = False
    assert np.allclose(seen(clean).flat[others], seen(spoilt).flat[others], atol=0.08)
    assert float(np.abs(seen(spoilt)).max()) < 5


def weld(low: float, high: float) -> np.ndarray:
    """A bead over a third of a film, with grain; as 16 bits have it."""
    film = np.full((300, 400), low)
    film[100:200] = high
    return np.random.default_rng(9).normal(film, (high - low) / 12).round().astype(np.uint16)


@pytest.mark.parametrize(("hot", "dead"), [(0.005, 0), (0, 0.005), (0.005, 0.005), (0.01, 0)])
def test_many_broken_pixels_hardly_move_the_others(hot: float, dead: float) -> None:
    clean = weld(90, 150)
    spoilt, chance = clean.copy(), np.random.default_rng(10).random(clean.shape)
    spoilt[chance < hot], spoilt[chance > 1 - dead] = 65535, 0
    others = (chance >= hot) & (chance <= 1 - dead)
    assert measure(spoilt).spread == pytest.approx(measure(clean).spread, rel=0.2)
    assert np.allclose(seen(clean)[others], seen(spoilt)[others], atol=0.3)


@pytest.mark.parametrize("share", [0.005, 0.01, 0.02])
def test_lead_letters_do_not_take_the_contrast_of_a_faint_film(share: float) -> None:
    clean = weld(1000, 1200)
    lettered = clean.copy()
    edge = round((share * clean.size) ** 0.5)
    lettered[20 : 20 + edge, 40 : 40 + edge] += 3000
    assert 1 <= measure(lettered).spread / measure(clean).spread < 1.25


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers_take_no_part_and_are_seen_as_finite(value: float) -> None:
    clean = np.random.default_rng(6).normal(0.5, 0.1, (90, 80)).astype(np.float32)
    spoilt = clean.copy()
    spoilt[7, 3] = spoilt[50, 40] = value
    others = np.isfinite(spoilt)
    assert np.allclose(seen(clean)[others], seen(spoilt)[others], atol=0.01)
    assert np.isfinite(seen(spoilt)).all()


def test_white_is_that_of_the_film_and_not_of_a_hot_pixel() -> None:
    film = np.random.default_rng(7).integers(0, 4096, (80, 80)).astype(np.uint16)
    film[0, 0] = 4095
    assert white_of(film, measure(film)) == 4095
    film[9, 9] = 65535
    assert white_of(film, measure(film)) == 4095


@pytest.mark.parametrize(
    ("dtype", "brightest", "white"),
    [
        (np.bool_, 1, 1),
        (np.uint8, 3, 255),
        (np.uint16, 255, 255),
        (np.uint16, 256, 511),
        (np.uint16, 4095, 4095),
        (np.uint16, 40000, 65535),
        (np.uint16, 0, 1),
        (np.float32, 0.5, 1),
        (np.float32, 1.0, 1),
        (np.float32, 254.5, 255),
        (np.float32, 255.5, 511),
        (np.float64, 1.7e308, np.finfo(np.float64).max),
    ],
)
def test_white_is_the_smallest_full_scale_that_holds_the_film(
    dtype: Any, brightest: float, white: float
) -> None:
    assert full_scale(np.dtype(dtype), brightest) == white


@pytest.mark.parametrize("dtype", DTYPES)
def test_pixels_are_centred_and_at_most_of_unit_spread(dtype: Any) -> None:
    white = 1 if dtype is np.bool_ else 127
    pixels = (white * np.random.default_rng(0).integers(0, 2, (60, 70))).astype(dtype)
    normalised = measure(pixels).apply(pixels)
    assert normalised.dtype == np.float32
    assert normalised.shape == pixels.shape
    assert abs(float(normalised.mean())) < 1e-5
    assert 0.9 < float(normalised.std()) < 1


def test_a_blank_film_with_a_speck_stays_blank() -> None:
    pixels = np.full((60, 60), 90, np.uint8)
    pixels[5, 5] = 91
    assert float(np.abs(seen(pixels)).max()) <= 1


def test_a_part_is_normalised_as_the_whole_film() -> None:
    pixels = np.random.default_rng(2).integers(0, 4096, (40, 90)).astype(np.uint16)
    found = measure(pixels)
    assert np.array_equal(found.apply(pixels[10:20, 30:]), found.apply(pixels)[10:20, 30:])


def test_a_lazy_film_in_many_blocks_gives_the_same_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(3).normal(500, 30, (97, 61)).astype(np.float32)
    whole = measure(pixels)
    monkeypatch.setattr(film_area, "_READ_PIXELS", 600)
    monkeypatch.setattr(normalisation, "_PART_PIXELS", 250)
    lazy = measure(da.from_array(pixels, chunks=(20, 30)))
    assert lazy.mean == pytest.approx(whole.mean, rel=1e-12)
    assert lazy.spread == pytest.approx(whole.spread, rel=1e-12)


def test_a_small_spread_on_a_high_level_is_not_lost() -> None:
    pixels = 1e9 + np.random.default_rng(4).normal(0, 1, (80, 80))
    assert measure(pixels).spread == pytest.approx(1.1 * pixels.std(), rel=0.01)


@pytest.mark.parametrize(
    ("dtype", "gain"),
    [(np.float32, 1e-41), (np.float32, 1e36), (np.float64, 1e-310), (np.float64, 1e130), (np.float16, 1e-4)],
)
def test_a_film_of_very_small_or_large_numbers_is_seen_as_any(dtype: Any, gain: float) -> None:
    film = weld(90, 150).astype(np.float64)
    assert np.allclose(seen((film * gain).astype(dtype)), seen(film), atol=0.01)


@pytest.mark.parametrize("sign", [-1, 1])
def test_numbers_too_large_to_compute_with_are_refused(sign: int) -> None:
    film = weld(90, 150) * (sign * 1e306)
    with pytest.raises(RadiographError, match=r"up to 1\.\d+e\+308, which are too large"):
        measure(film)
    with pytest.raises(RadiographError, match="too large"):
        measure(film, FilmArea.whole(film.shape))


def test_a_large_film_tells_its_ranks_by_some_of_its_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(8).normal(500, 30, (400, 500)).astype(np.float32)
    whole = measure(pixels)
    monkeypatch.setattr(normalisation, "_RANKED_PIXELS", 20_000)
    some = measure(pixels)
    assert some.mean == pytest.approx(whole.mean, rel=1e-4)
    assert some.spread == pytest.approx(whole.spread, rel=0.01)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_film_without_a_number_is_refused(value: float) -> None:
    with pytest.raises(RadiographError, match="no pixel that is a finite number"):
        measure(np.full((9, 9), value, np.float32))
