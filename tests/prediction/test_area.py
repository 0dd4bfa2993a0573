"""What is no film changes no probability of the film, and has none itself."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from napari_weld_fcn.prediction.predict import from_record, predict
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.radiograph.radiograph import Box, Radiograph

TOP, LEFT, BOTTOM, RIGHT = 40, 25, 33, 60


def surrounded(pixels: np.ndarray, grey: float, noise: float = 0) -> np.ndarray:
    rows, columns = pixels.shape
    shape = (rows + TOP + BOTTOM, columns + LEFT + RIGHT)
    picture = np.random.default_rng(1).normal(grey, noise, shape).clip(0, 255).round().astype(pixels.dtype)
    picture[TOP:-BOTTOM, LEFT:-RIGHT] = pixels
    return picture


def inner(values: np.ndarray) -> np.ndarray:
    return values[..., TOP:-BOTTOM, LEFT:-RIGHT]


@pytest.mark.parametrize("kind", ["fcn", "autoencoder"])
@pytest.mark.parametrize("grey", [(0, 0), (105, 0), (255, 0), (240, 2)])
def test_a_surround_of_any_grey_costs_nothing(kind, grey, models, film):
    pixels = film(120, 170)
    bare, scanned = predict(pixels, models[kind]), predict(surrounded(pixels, *grey), models[kind])
    assert np.abs(inner(scanned.probability) - bare.probability).max() <= 1e-5
    np.testing.assert_array_equal(inner(scanned.labels), bare.labels)
    assert np.count_nonzero(scanned.probability) == np.count_nonzero(inner(scanned.probability))
    assert scanned.record["planes"][0]["area"] == [TOP, LEFT, TOP + 120, LEFT + 170]
    assert any("is no film" in warning for warning in scanned.warnings)
    assert not any("is no film" in warning or "white end" in warning for warning in bare.warnings)


def test_area_all_takes_every_pixel(models, film):
    picture = surrounded(film(120, 170), 255)
    found = predict(picture, models["fcn"], PredictionSettings(area="all"))
    assert found.record["planes"][0]["excluded"] == 0
    assert np.count_nonzero(found.probability) == picture.size
    assert not any("is no film" in warning for warning in found.warnings)


def test_a_white_surround_is_no_reason_to_digitise_again(models, film):
    pixels = film(120, 170).clip(1, 240)
    everything = PredictionSettings(area="all")
    told = predict(surrounded(pixels, 255), models["fcn"], everything).warnings
    assert not any("white end" in warning for warning in told)
    pixels[np.random.default_rng(2).random(pixels.shape) < 0.25] = 255
    told = predict(surrounded(pixels, 128), models["fcn"], everything).warnings
    assert any("% of the film is at the black or white end" in warning for warning in told)


def test_each_plane_of_a_stack_has_its_own_area(models, film):
    planes = [film(120, 170, seed) for seed in range(2)]
    stack = np.stack([surrounded(planes[0], 255), np.pad(planes[1], ((0, 73), (0, 85)))])
    found = predict(stack, models["fcn"])
    assert np.abs(inner(found.probability[0]) - predict(planes[0], models["fcn"]).probability).max() <= 1e-5
    assert (
        np.abs(found.probability[1, :120, :170] - predict(planes[1], models["fcn"]).probability).max() <= 1e-5
    )
    assert [plane["area"] for plane in found.record["planes"]] == [[40, 25, 160, 195], [0, 0, 120, 170]]


def test_tiles_and_a_region_are_not_seen_inside_a_surround(models, film):
    picture = surrounded(film(120, 170), 255)
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    picture[rows < TOP + 0.15 * (columns - LEFT)] = 255  # a skewed edge
    whole = predict(picture, models["fcn"]).probability
    assert np.mean(whole[rows < TOP + 0.15 * (columns - LEFT)] == 0) > 0.99
    tiled = predict(picture, models["fcn"], PredictionSettings(tile=32)).probability
    assert np.abs(tiled - whole).max() <= 1e-5
    region = Box(20, 60, 110, 250)
    part = predict(picture, models["fcn"], region=region).probability
    assert np.abs(part[region.slices] - whole[region.slices]).max() <= 1e-5
    assert np.count_nonzero(part) == np.count_nonzero(part[region.slices])


def test_a_region_beside_the_film_holds_nothing(models, film):
    found = predict(surrounded(film(120, 170), 255), models["fcn"], region=Box(0, 0, 30, 20))
    assert not found.probability.any()


def test_pixels_that_are_no_numbers_change_little(models, film):
    pixels = film(120, 170).astype(np.float32)
    bare = predict(pixels, models["fcn"]).probability
    spoilt = pixels.copy()
    spoilt[30, 40] = spoilt[90, 100] = np.nan
    found = predict(spoilt, models["fcn"]).probability
    assert np.isfinite(found).all()
    far = np.ones(pixels.shape, bool)
    far[10:51, 20:61] = far[70:111, 80:121] = False
    assert np.abs(found - bare)[far].max() < 0.01
    tiled = predict(spoilt, models["fcn"], PredictionSettings(tile=32)).probability
    assert np.abs(tiled - found).max() <= 1e-5


def test_the_record_of_a_surrounded_film_repeats_it(models, film, tmp_path):
    picture, path = surrounded(film(120, 170), 6), tmp_path / "scan.png"
    Image.fromarray(picture).save(path)
    found = predict(Radiograph(picture, name="scan", source=str(path)), models["fcn"])
    again = from_record(json.loads(json.dumps(found.record)), Radiograph(picture), models["fcn"])
    np.testing.assert_array_equal(again.probability, found.probability)
