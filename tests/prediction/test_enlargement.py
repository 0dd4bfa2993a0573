"""An enlarged film is told; one that is as it was digitised, blurred or little enlarged is not."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from napari_weld_fcn import simulate
from napari_weld_fcn.prediction import cautions
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.prediction.survey import SMALLEST, is_enlarged
from napari_weld_fcn.radiograph.area.film_area import FilmArea
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings

BICUBIC, LINEAR = Image.Resampling.BICUBIC, Image.Resampling.BILINEAR


@cache
def simulated(seed: int) -> np.ndarray:
    return simulate(SimulationSettings(rows=300, columns=420), seed).radiograph.pixels


def resized(pixels: np.ndarray, by: float, how: Image.Resampling = BICUBIC) -> np.ndarray:
    rows, columns = pixels.shape
    return np.asarray(Image.fromarray(pixels).resize((round(columns * by), round(rows * by)), how))


def told(pixels: np.ndarray) -> bool:
    return is_enlarged(pixels, FilmArea.whole(pixels.shape))


def as_jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


@pytest.mark.parametrize("seed", [0, 2])
@pytest.mark.parametrize("how", [BICUBIC, LINEAR, Image.Resampling.LANCZOS])
@pytest.mark.parametrize("by", [2.5, 3, 3.5, 4])
def test_an_enlarged_film_is_told(seed, how, by):
    assert told(resized(simulated(seed), by, how))


@pytest.mark.parametrize("order", [1, 3])
def test_it_is_told_whatever_its_grey_levels_are_kept_in(order):
    film = simulated(0).astype(np.float32)
    assert told(ndimage.zoom(film, 3, order=order))
    assert told((ndimage.zoom(film, 3, order=order).clip(0, 255) * 200).astype(np.uint16))


@pytest.mark.parametrize("seed", [4, 5])
def test_it_is_told_beneath_jpeg_and_noise(seed):
    large = resized(simulated(seed), 3)
    assert told(as_jpeg(large, 95))
    noise = np.random.default_rng(seed).normal(0, 0.5, large.shape)
    assert told((large + noise).round().clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("seed", [0, 2, 3, 4, 5])
def test_a_film_as_it_is_blurred_little_enlarged_or_packed_is_not(seed):
    film = simulated(seed)
    assert not told(film)
    assert not told(film.astype(np.uint16) * 16)
    assert not told(ndimage.gaussian_filter(film, 1.0))
    assert not told(as_jpeg(film, 75))
    for how in (BICUBIC, LINEAR):
        assert not told(resized(film, 1.4, how))
        assert not told(resized(film, 0.6, how))


def test_what_says_nothing_is_not_told():
    assert not told(np.full((400, 500), 7, np.uint8))
    assert not told(np.zeros((400, 500), bool))
    small = resized(simulated(0)[:80, :120], 3)
    assert min(small.shape) < SMALLEST and not told(small)
    broken = simulated(0).astype(np.float32)
    broken[50:250, 60:300] = np.nan
    assert not told(broken)


def test_the_caution_reaches_the_prediction_and_the_record(models):
    film = simulated(0)[:100, :140]
    for pixels, expected in ((simulated(0), False), (resized(film, 3), True)):
        found = predict(pixels, models["fcn"], PredictionSettings(polarity="dark"))
        assert any("at the size at which it was scanned" in warning for warning in found.warnings) == expected
        assert found.record["planes"][0]["enlarged"] is expected


def test_one_enlarged_plane_of_a_stack_is_told():
    (sentence,) = cautions.enlarged([False, True], "stack")
    assert "1 of 2 planes were enlarged" in sentence
    assert cautions.enlarged([False, False], "stack") == []
