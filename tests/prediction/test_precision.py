from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import torch

from napari_weld_fcn.errors import SettingsError, Stopped
from napari_weld_fcn.network.card import Quality
from napari_weld_fcn.network.fuse import folded
from napari_weld_fcn.network.model import Card, Model
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.prediction import application, device, engine, precision
from napari_weld_fcn.prediction.engine import FLOAT32, Arithmetic, Engine, engine_for
from napari_weld_fcn.prediction.precision import MIXTURES, busiest, choose_arithmetic
from napari_weld_fcn.prediction.predict import predict, probability
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.prediction.sweep import View
from napari_weld_fcn.prediction.tiles import Box
from napari_weld_fcn.radiograph.normalisation import measure

CPU = torch.device("cpu")
KINDS = ("fcn", "autoencoder")


@pytest.fixture(params=[True, False])
def instructions(request, monkeypatch) -> bool:
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: request.param)
    return request.param


@pytest.fixture
def always_worth_a_trial(monkeypatch) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: True)
    monkeypatch.setattr(precision, "SMALLEST_PLANE", 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("quality", ["fast", "careful"])
@pytest.mark.parametrize(("liveliness", "chosen"), [(1.0, "float32"), (0.1, "bfloat16")])
def test_auto_keeps_its_promise_on_the_whole_film(
    kind, quality, liveliness, chosen, lively, film, always_worth_a_trial
):
    model, pixels = lively(kind), film(260, 420)
    with torch.no_grad():
        model.network.head.weight.mul_(liveliness)
    found = predict(pixels, model, PredictionSettings(quality=quality))
    exact = probability(pixels, model, PredictionSettings(quality=quality, precision="float32"))
    assert found.record["precision"] == chosen
    assert np.abs(found.probability - exact).max() <= precision.PROMISE


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", ["selu", "elu", "relu"])
def test_unchecked_bfloat16_is_rounded_but_still_the_same_picture(kind, activation, lively, film, whole):
    model, pixels = lively(kind, activation=activation), film(150, 170)
    found = probability(pixels, model, PredictionSettings(precision="bfloat16"))
    assert 0 < np.abs(found - whole(model, pixels)).max() < 6e-2


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.5, 2.0])
def test_the_trial_sees_every_scale_that_is_predicted(scale, models, film):
    pixels = film(220, 500)
    quality = Quality(scales=(1.0, scale))
    view = View(pixels, measure(pixels), False, quality, models["fcn"].halo, models["fcn"].stride)
    plain, enlarged = application._probe_windows(view)
    assert plain.shape == (192, 192)
    assert enlarged.shape == (min(192, int(220 * scale)), 192)
    whole_plane = view.window(Box(0, 0, *view.enlarged_shape(scale)), scale)
    windows = whole_plane.unfold(0, enlarged.shape[0], 1).unfold(1, enlarged.shape[1], 1)
    assert (windows == enlarged).all(dim=-1).all(dim=-1).any()


def test_a_scale_that_rounds_too_much_is_found_by_the_trial(models, film, always_worth_a_trial, monkeypatch):
    pixels, real = film(220, 300), Engine.probability
    wide = Quality(scales=(1.0, 1.5))
    large = View(pixels, measure(pixels), False, wide, 17, 1)
    _, second = application._probe_windows(large)

    def rounds_the_enlarged(self, window, should_stop=lambda: False):
        exact = real(engine_for(models["fcn"], CPU, FLOAT32), window, should_stop)
        spoilt = self.arithmetic != FLOAT32 and torch.equal(window, second)
        return exact + 0.01 if spoilt else exact

    monkeypatch.setattr(Engine, "probability", rounds_the_enlarged)
    assert predict(pixels, models["fcn"]).record["precision"] == "bfloat16"
    careful = PredictionSettings(quality="careful")
    assert predict(pixels, models["fcn"], careful).record["precision"] == "float32"


def test_a_small_film_is_not_tried(models, film, monkeypatch):
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: True)
    monkeypatch.setattr(application, "_probe_windows", lambda view: pytest.fail("tried"))
    assert predict(film(300, 400), models["fcn"]).record["precision"] == "float32"


@pytest.mark.parametrize(("limit", "passes"), [(0.0, 2), (1.0, 3)])
def test_the_trial_costs_few_passes_over_few_pixels(
    limit, passes, models, film, monkeypatch, always_worth_a_trial
):
    seen, real = [], Engine.probability

    def counted(self, window, should_stop=lambda: False):
        seen.append(window.numel())
        return real(self, window, should_stop)

    monkeypatch.setattr(Engine, "probability", counted)
    monkeypatch.setattr(precision, "PROBE_LIMIT", limit)
    view_pixels = film(256, 512)
    view = View(view_pixels, measure(view_pixels), False, Quality(), 17, 1)
    choose_arithmetic(
        models["fcn"], CPU, "auto", 6_000_000, lambda: application._probe_windows(view), lambda: False
    )
    assert len(seen) == passes
    assert sum(seen) <= 0.02 * 6_000_000


def test_the_layers_are_surveyed_once_for_all_arithmetics(film, monkeypatch):
    model = Model.create(Card(name="x", network=NetworkSettings(kind="fcn", width=4)))
    folds = []
    monkeypatch.setattr(engine, "folded", lambda network: (folds.append(0), folded(network))[1])
    for arithmetic in (FLOAT32, *MIXTURES):
        engine_for(model, CPU, arithmetic)
    assert len(folds) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_each_mixture_is_nearer_to_float32_than_the_one_before(kind, models, film):
    pixels = film(128, 160)
    exact = engine_for(models[kind], CPU, FLOAT32)
    window = torch.from_numpy(measure(pixels).apply(pixels))
    expected = exact.probability(window)
    errors = [
        float((engine_for(models[kind], CPU, mode).probability(window) - expected).square().mean())
        for mode in (Arithmetic(0, 0), *MIXTURES)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.5 * errors[0]


def test_only_a_result_near_float32_is_rounded(instructions, models, film, monkeypatch):
    monkeypatch.setattr(precision, "SMALLEST_PLANE", 0)
    monkeypatch.setattr(precision, "PROBE_LIMIT", 1.0)
    found = predict(film(60, 60), models["fcn"])
    assert found.record["precision"] == ("bfloat16" if instructions else "float32")
    monkeypatch.setattr(precision, "PROBE_LIMIT", 0.0)
    assert predict(film(60, 60), models["fcn"]).record["precision"] == "float32"
    asked = predict(film(60, 60), models["fcn"], PredictionSettings(precision="bfloat16"))
    assert asked.record["precision"] == "bfloat16"
    assert asked.record["planes"][0]["float32_convolutions"] == [MIXTURES[-1].leading, MIXTURES[-1].trailing]


def test_the_fastest_mixture_that_is_near_enough_is_taken(instructions, models, film, monkeypatch):
    window = torch.randn(64, 64, generator=torch.Generator().manual_seed(0))
    exact = engine_for(models["fcn"], CPU, FLOAT32).probability(window)
    error = [
        float((engine_for(models["fcn"], CPU, mixture).probability(window) - exact).abs().max())
        for mixture in MIXTURES
    ]
    for limit in (*error, max(error) * 2):
        monkeypatch.setattr(precision, "PROBE_LIMIT", limit)
        chosen = choose_arithmetic(models["fcn"], CPU, "auto", 10**7, lambda: [window], lambda: False)
        near = [mixture for mixture, found in zip(MIXTURES, error, strict=True) if found <= limit]
        expected = near[0] if MIXTURES[-1] in near else FLOAT32
        assert chosen == (expected if instructions else FLOAT32)


def test_the_probe_is_laid_where_the_film_is_busiest():
    film = np.full((900, 1300), 100, np.uint8)
    film[600:700, 800:1000] = np.random.default_rng(0).integers(0, 255, (100, 200))
    box = busiest(film, 256, 8)
    assert box.shape == (256, 256)
    assert (box.top, box.left) == (512, 768)
    assert busiest(film[:20, :30], 256, 8).shape == (20, 30)


def test_an_engine_is_made_once_for_a_model_and_goes_with_it():
    model = Model.create(Card(name="x", network=NetworkSettings(kind="fcn", width=4)))
    first = engine_for(model, CPU, FLOAT32)
    assert engine_for(model, CPU, FLOAT32) is first
    assert engine_for(model, CPU, MIXTURES[0]) is not first
    gone = weakref.ref(first)
    del model, first
    gc.collect()
    assert gone() is None


def test_preparing_leaves_the_model_as_it_was(models):
    model = models["autoencoder"]
    before = model.sha256
    engine_for(model, CPU, MIXTURES[0]).probability(torch.zeros(32, 32))
    assert model.sha256 == before
    assert {weight.dtype for weight in model.network.parameters()} == {torch.float32}


def test_the_cost_is_that_of_the_layers():
    model = Model.create(Card(name="x", network=NetworkSettings(kind="fcn", width=12)))
    cost = engine_for(model, CPU, FLOAT32).cost
    assert cost.values == 12
    assert cost.operations == 2 * (12 * 9 + 5 * 12 * 12 * 9 + 12)


def test_stop_is_asked_before_each_layer(models):
    asked = []
    engine_for(models["fcn"], CPU, FLOAT32).probability(torch.zeros(16, 16), lambda: bool(asked.append(0)))
    assert len(asked) == 13
    with pytest.raises(Stopped):
        engine_for(models["fcn"], CPU, FLOAT32).probability(torch.zeros(16, 16), lambda: True)


def test_a_device_that_is_not_there_is_refused_by_name(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(SettingsError, match="Device cuda is not there"):
        device.choose_device("cuda")
    assert device.choose_device("auto").type == "cpu"


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [({"avx512_bf16": True}, True), ({"amx_bf16": True}, True), ({"avx2": True}, False)],
)
def test_bfloat16_is_told_from_the_processors_instructions(capabilities, expected, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert device.has_bfloat16(CPU) == expected
    assert not device.has_bfloat16(torch.device("mps"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tile", [0, 64])
def test_cuda_gives_what_the_processor_gives(kind, tile, models, film, whole, monkeypatch):
    pixels = film(200, 300)
    settings = PredictionSettings(device="cuda", precision="float32", tile=tile)
    found = probability(pixels, models[kind], settings)
    np.testing.assert_allclose(found, whole(models[kind], pixels), rtol=0, atol=1e-5)
    monkeypatch.setattr(precision, "SMALLEST_PLANE", 0)
    rounded = predict(pixels, models[kind], PredictionSettings(device="cuda", tile=tile))
    assert rounded.record["device"] == "cuda"
    assert np.abs(rounded.probability - found).max() < precision.PROMISE
