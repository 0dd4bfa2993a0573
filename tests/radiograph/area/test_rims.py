"""A thin line along a whole edge of a film is its rim and no flaw; a film that darkens there has none."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_weld_fcn import predict
from napari_weld_fcn.radiograph.area.film_area import film_area
from napari_weld_fcn.radiograph.radiograph import Radiograph

SHAPE = (300, 520)


def film(seed: int = 0) -> NDArray[np.float64]:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    plate = 90 + 60 * np.exp(-(((rows - 150) / 50) ** 2)) + 0.01 * columns
    return np.asarray(plate + np.random.default_rng(seed).normal(0, 1.5, SHAPE))


def rimmed(pixels: NDArray[np.float64], by: float) -> NDArray[np.float64]:
    pixels = pixels.copy()
    pixels[3:5] += by
    pixels[-4] += by
    pixels[:, 2:4] += by
    return pixels


@pytest.mark.parametrize("by", [-40.0, 40.0])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_rim_is_no_film_and_what_is_found_inside_stays(by: float, dtype: type) -> None:
    plain = film()
    plain[140:146, 200:212] -= 45
    pixels = np.clip(rimmed(plain, by), 0, 255).astype(dtype)
    assert film_area(pixels).box == (5, 4, SHAPE[0] - 4, SHAPE[1])
    found, wanted = (
        predict(Radiograph(each, "film"), "default").labels for each in (pixels, plain.astype(dtype))
    )
    assert wanted.max() == 1
    assert found.max() == 1
    assert np.mean((found > 0)[wanted > 0]) > 0.9


def test_a_film_that_darkens_towards_its_edge_is_not_cut() -> None:
    pixels = film() - 3.0 * np.maximum(20 - np.arange(SHAPE[0]), 0)[:, None]
    assert film_area(pixels).box == (0, 0, *SHAPE)


def test_a_line_over_half_the_edge_is_not_cut() -> None:
    pixels = film()
    pixels[4, : SHAPE[1] // 2] -= 40
    assert film_area(pixels).box == (0, 0, *SHAPE)


def test_a_line_farther_in_is_not_cut() -> None:
    pixels = film()
    pixels[30] -= 40
    assert film_area(pixels).box == (0, 0, *SHAPE)
