from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import torch

from napari_weld_fcn.errors import SettingsError, Stopped
from napari_weld_fcn.evaluation.benchmark.films import scored_films
from napari_weld_fcn.events import JobControl
from napari_weld_fcn.network.fuse import folded
from napari_weld_fcn.network.model import Card, Model
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.prediction import engine
from napari_weld_fcn.prediction import engine as device
from napari_weld_fcn.prediction.apply_model import WINDOW_EDGE, least_certain
from napari_weld_fcn.prediction.engine import BFLOAT16, FLOAT32, Arithmetic, engine_for
from napari_weld_fcn.prediction.predict import predict, probability
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.radiograph.normalisation import measure
from napari_weld_fcn.radiograph.radiograph import Box
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings

CPU = torch.device("cpu")
KINDS = ("fcn", "autoencoder")
ROUNDED = PredictionSettings(precision="bfloat16", device="cpu")


@pytest.fixture(scope="module")
def scored() -> list[np.ndarray]:
    """Three of the kind of film that models are scored on, small."""
    size = SimulationSettings(rows=224, columns=320)
    return [film.radiograph.pixels for film in scored_films(3, size)]


@pytest.mark.parametrize("name", ["default", "fcn"])
def test_auto_keeps_to_float32_with_shipped_weights_on_simulated_films(name, scored, whole):
    model = Model.load(name)
    for pixels in scored:
        found = predict(pixels, model, PredictionSettings(device="cpu"))
        assert found.record["precision"] == "float32"
        assert found.record["planes"][0]["difference"] == 0
        assert not [warning for warning in found.warnings if "bfloat16" in warning]
        assert np.abs(found.probability - whole(model, pixels)).max() < 1e-5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", ["selu", "elu", "relu"])
def test_bfloat16_is_rounded_but_still_the_same_picture(kind, activation, lively, film, whole):
    model, pixels = lively(kind, activation=activation), film(150, 170)
    found = probability(pixels, model, ROUNDED)
    assert 0 < np.abs(found - whole(model, pixels)).max() < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_how_far_bfloat16_strayed_is_measured_and_told(kind, models, film):
    pixels = film(260, 420)
    exact = probability(pixels, models[kind], PredictionSettings(device="cpu"))
    found = predict(pixels, models[kind], ROUNDED)
    difference = np.abs(found.probability - exact)
    window = least_certain(found.probability, Box(0, 0, 260, 420))
    recorded = found.record["planes"][0]["difference"]
    assert recorded == pytest.approx(difference[window.slices].max(), abs=1e-5)
    assert 0 < recorded <= difference.max() + 1e-5
    assert any(f"bfloat16 moved a probability by {recorded:.2g}" in warning for warning in found.warnings)


def test_bfloat16_is_checked_within_the_region_only(models, film):
    region = Box(20, 30, 60, 90)
    found = predict(film(300, 400), models["fcn"], ROUNDED, region=region)
    assert least_certain(found.probability, region) == region
    assert found.record["planes"][0]["difference"] > 0


def test_the_check_is_laid_where_the_network_is_least_certain():
    probability = np.full((500, 700), 0.01, np.float32)
    probability[:100, :100] = 0.99
    probability[400:460, 600:660] = 0.5
    window = least_certain(probability, Box(0, 0, 500, 700))
    assert window == Box(2 * WINDOW_EDGE, 3 * WINDOW_EDGE, 500, 700)


def test_the_layers_are_surveyed_once_for_both_arithmetics(monkeypatch):
    model = Model.create(Card(name="x", network=NetworkSettings(kind="fcn", width=4)))
    folds = []
    monkeypatch.setattr(engine, "folded", lambda network: (folds.append(0), folded(network))[1])
    for arithmetic in (FLOAT32, BFLOAT16):
        engine_for(model, CPU, arithmetic)
    assert len(folds) == 1


@pytest.mark.parametrize("name", ["default", "fcn"])
def test_float32_at_both_ends_is_nearer_than_bfloat16_throughout(name, scored):
    model = Model.load(name)
    windows = [torch.from_numpy(measure(pixels).apply(pixels)) for pixels in scored]

    def error(mode: Arithmetic) -> float:
        rounded, exact = engine_for(model, CPU, mode), engine_for(model, CPU, FLOAT32)
        return sum(
            float((rounded.probability(window) - exact.probability(window)).square().sum())
            for window in windows
        )

    mixed, throughout = error(BFLOAT16), error(Arithmetic(0, 0))
    assert mixed < throughout


def test_bfloat16_keeps_the_shipped_fcn_within_5e_3_on_simulated_films(scored):
    model = Model.load("fcn")
    for pixels in scored:
        exact = probability(pixels, model, PredictionSettings(device="cpu"))
        assert 0 < np.abs(probability(pixels, model, ROUNDED) - exact).max() < 5e-3


def test_an_engine_is_made_once_for_a_model_and_goes_with_it():
    model = Model.create(Card(name="x", network=NetworkSettings(kind="fcn", width=4)))
    first = engine_for(model, CPU, FLOAT32)
    assert engine_for(model, CPU, FLOAT32) is first
    assert engine_for(model, CPU, BFLOAT16) is not first
    gone = weakref.ref(first)
    del model, first
    gc.collect()
    assert gone() is None


def test_preparing_leaves_the_model_as_it_was(models):
    model = models["autoencoder"]
    before = model.sha256
    engine_for(model, CPU, BFLOAT16).probability(torch.zeros(32, 32))
    assert model.sha256 == before
    assert {weight.dtype for weight in model.network.parameters()} == {torch.float32}


def test_the_cost_is_that_of_the_layers():
    model = Model.create(Card(name="x", network=NetworkSettings(kind="fcn", width=12)))
    cost = engine_for(model, CPU, FLOAT32).cost
    assert cost.values == 12
    assert cost.operations == 2 * (12 * 9 + 5 * 12 * 12 * 9 + 12)


def test_stop_is_asked_before_each_layer(models):
    asked = []
    made = engine_for(models["fcn"], CPU, FLOAT32)
    counted = JobControl(should_stop=lambda: bool(asked.append(0)))
    made.probability(torch.zeros(16, 16), counted)
    assert len(asked) == 13
    with pytest.raises(Stopped):
        made.probability(torch.zeros(16, 16), JobControl(should_stop=lambda: True))


def test_a_device_that_is_not_there_is_refused_by_name(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(SettingsError, match="Device cuda is not there"):
        device.choose_device("cuda")
    assert device.choose_device("auto").type == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tile", [0, 64])
def test_cuda_gives_what_the_processor_gives(kind, tile, models, film, whole):
    pixels = film(200, 300)
    settings = PredictionSettings(device="cuda", tile=tile)
    found = probability(pixels, models[kind], settings)
    np.testing.assert_allclose(found, whole(models[kind], pixels), rtol=0, atol=1e-5)
    rounded = predict(pixels, models[kind], settings.model_copy(update={"precision": "bfloat16"}))
    assert rounded.record["device"] == "cuda"
    assert np.abs(rounded.probability - found).max() < 0.1
