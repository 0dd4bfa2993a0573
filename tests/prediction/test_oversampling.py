from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.oversampling import oversampling
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.radiograph.simulation import SimulationSettings, simulate


def grain(shape: tuple[int, int] = (400, 600), blur: float = 0.0, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(shape)
    if blur:
        noise = ndimage.gaussian_filter(noise, blur)
    return 120 + 10 * noise / noise.std()


@pytest.mark.parametrize(("blur", "factor"), [(0.0, 1), (0.7, 1), (3.0, 2), (5.0, 2)])
def test_grain_decides(blur: float, factor: int) -> None:
    assert oversampling(grain(blur=blur)) == factor
    assert oversampling(1000 * grain(blur=blur)) == factor


def test_a_film_enlarged_four_times_is_oversampled() -> None:
    film = grain((200, 300), 0.6)
    assert oversampling(film) == 1
    assert oversampling(ndimage.zoom(film, 4, order=3)) == 2


@pytest.mark.parametrize("shape", [(1, 1), (3, 700), (5, 5), (2000, 900)])
def test_any_size_and_a_blank_film_are_taken_as_they_are(shape: tuple[int, int]) -> None:
    assert oversampling(np.full(shape, 7, np.uint8)) == 1


def test_films_as_gdxray_digitised_them_keep_their_pixels() -> None:
    for seed in range(6):
        film = simulate(SimulationSettings(rows=300, columns=500), 8_100_000 + seed)
        assert oversampling(film.radiograph.pixels) == 1


def test_it_is_said_recorded_and_can_be_declined() -> None:
    film = np.clip(grain((96, 120), 3.0), 0, 255).astype(np.uint8)
    model = Model.load("default")
    shrunk = predict(film, model)
    assert shrunk.record["planes"][0]["scales"] == [0.5]
    assert any("half its pixels" in warning for warning in shrunk.warnings)
    assert shrunk.probability.shape == film.shape
    kept = predict(film, model, PredictionSettings(oversampled="keep"))
    assert kept.record["planes"][0]["scales"] == [1.0]
    assert not any("half its pixels" in warning for warning in kept.warnings)


def test_tiles_of_a_shrunk_film_are_not_seen() -> None:
    film = np.clip(grain((230, 310), 3.0), 0, 255).astype(np.uint8)
    model = Model.load("default")
    whole = predict(film, model, PredictionSettings(tile=512)).probability
    tiled = predict(film, model, PredictionSettings(tile=64)).probability
    np.testing.assert_allclose(tiled, whole, atol=1e-5)
