from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph import normalisation
from napari_weld_fcn.radiograph.normalisation import full_scale, measure

DTYPES = [np.bool_, np.uint8, np.int16, np.uint16, np.uint32, np.float32, np.float64]


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.int16, np.uint16]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=40),
    )
)
def test_measure_is_mean_and_deviation_plus_four_grey_units(pixels: np.ndarray) -> None:
    found = measure(pixels)
    unit = full_scale(pixels.dtype, float(pixels.max())) / 255
    assert found.mean == pytest.approx(pixels.mean(dtype=np.float64), abs=1e-6)
    assert found.spread == pytest.approx(pixels.std(dtype=np.float64) + 4 * unit, rel=1e-6)


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


def test_a_film_looks_the_same_in_8_and_in_16_bits() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (50, 50))
    pixels[0, 0] = 255
    eight, sixteen = pixels.astype(np.uint8), (pixels * 257).astype(np.uint16)
    assert np.allclose(measure(eight).apply(eight), measure(sixteen).apply(sixteen), atol=1e-5)


def test_a_blank_film_stays_near_zero() -> None:
    pixels = np.full((30, 30), 90, np.uint8)
    pixels[5, 5] = 91
    assert float(np.abs(measure(pixels).apply(pixels)).max()) < 0.26


def test_a_part_is_normalised_as_the_whole_film() -> None:
    pixels = np.random.default_rng(2).integers(0, 4096, (40, 90)).astype(np.uint16)
    found = measure(pixels)
    assert np.array_equal(found.apply(pixels[10:20, 30:]), found.apply(pixels)[10:20, 30:])


def test_a_lazy_film_in_many_blocks_gives_the_same_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(3).normal(500, 30, (97, 61)).astype(np.float32)
    whole = measure(pixels)
    monkeypatch.setattr(normalisation, "_READ_PIXELS", 600)
    monkeypatch.setattr(normalisation, "_PART_PIXELS", 250)
    lazy = measure(da.from_array(pixels, chunks=(20, 30)))
    assert lazy.mean == pytest.approx(whole.mean, rel=1e-12)
    assert lazy.spread == pytest.approx(whole.spread, rel=1e-12)


def test_a_small_spread_on_a_high_level_is_not_lost() -> None:
    pixels = 1e9 + np.random.default_rng(4).normal(0, 1, (80, 80))
    unit = full_scale(pixels.dtype, float(pixels.max())) / 255
    assert measure(pixels).spread - 4 * unit == pytest.approx(pixels.std(), rel=1e-3)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0), (7, 3)])
def test_a_pixel_that_is_no_number_is_refused(value: float, place: tuple[int, int]) -> None:
    pixels = np.zeros((9, 9), np.float32)
    pixels[place] = value
    with pytest.raises(RadiographError, match="not finite"):
        measure(pixels)
