from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_weld_fcn.errors import ModelError, Stopped
from napari_weld_fcn.events import JobControl, Message, TileDone
from napari_weld_fcn.prediction import tiled_inference as tiling
from napari_weld_fcn.prediction.predict import predict, probability
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.radiograph.radiograph import Box

FLOAT32 = {"precision": "float32", "device": "cpu"}
KINDS = ("fcn", "autoencoder")


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.integers(1, 70), columns=st.integers(1, 110), tile=st.integers(9, 90))
def test_tiles_equal_whole_image_for_any_size(kind, rows, columns, tile, models, whole, film):
    pixels = film(rows, columns)
    tiled = probability(pixels, models[kind], PredictionSettings(tile=tile, **FLOAT32))
    assert tiled.dtype == np.float32
    np.testing.assert_allclose(tiled, whole(models[kind], pixels), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 5), (17, 2)])
def test_a_film_under_the_stride_in_tiles_of_one_pixel_equals_whole(kind, rows, columns, models, whole, film):
    pixels = film(rows, columns)
    found = probability(pixels, models[kind], PredictionSettings(tile=1, **FLOAT32))
    np.testing.assert_allclose(found, whole(models[kind], pixels), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_default_tile_equals_whole_image(kind, models, whole, film, monkeypatch):
    monkeypatch.setattr(tiling, "WINDOW_BYTES", 2e6)
    pixels, events = film(330, 500), []
    found = probability(pixels, models[kind], PredictionSettings(**FLOAT32), job=JobControl(events.append))
    assert len(events) > 1
    np.testing.assert_allclose(found, whole(models[kind], pixels), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_inside_a_region_nothing_changes_and_outside_it_is_zero(kind, models, film):
    pixels, region = film(90, 120), Box(13, 29, 50, 97)
    everywhere = probability(pixels, models[kind], PredictionSettings(**FLOAT32))
    found = probability(pixels, models[kind], PredictionSettings(tile=24, **FLOAT32), region=region)
    np.testing.assert_allclose(found[region.slices], everywhere[region.slices], rtol=0, atol=1e-5)
    found[region.slices] = 0
    assert not found.any()


def test_a_bright_film_is_its_negative_seen_dark(models, film):
    pixels = film(60, 80)
    dark = probability(pixels, models["fcn"], PredictionSettings(**FLOAT32))
    bright = probability(255 - pixels, models["fcn"], PredictionSettings(polarity="bright", **FLOAT32))
    np.testing.assert_allclose(bright, dark, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.integers(1, 70), columns=st.integers(1, 90), tile=st.integers(9, 60))
def test_either_polarity_is_the_stronger_of_the_two_in_tiles_as_whole(
    kind, rows, columns, tile, models, film
):
    pixels = film(rows, columns)
    dark, bright = (
        probability(pixels, models[kind], PredictionSettings(polarity=each, **FLOAT32))
        for each in ("dark", "bright")
    )
    either = PredictionSettings(polarity="either", tile=tile, **FLOAT32)
    found = probability(pixels, models[kind], either)
    np.testing.assert_allclose(found, np.maximum(dark, bright), rtol=0, atol=1e-5)


def test_each_polarity_is_the_stronger_somewhere(models, film):
    dark, bright = (
        probability(film(60, 80), models["fcn"], PredictionSettings(polarity=each, **FLOAT32))
        for each in ("dark", "bright")
    )
    assert (dark > bright + 0.01).any() and (bright > dark + 0.01).any()


def test_either_polarity_is_told_and_recorded_and_one_polarity_is_not(models, film):
    pixels = film(60, 80)
    both = predict(pixels, models["fcn"], PredictionSettings(polarity="either", **FLOAT32))
    assert both.record["polarity"] == both.record["settings"]["polarity"] == "either"
    (told,) = [text for text in both.warnings if "bright wires" in text]
    assert "inclusions count as indications" in told
    dark = predict(pixels, models["fcn"], PredictionSettings(**FLOAT32))
    assert not [text for text in dark.warnings if "bright wires" in text]


def test_lazy_pixels_are_read_window_by_window(models, film):
    dask = pytest.importorskip("dask.array")
    pixels, largest = film(200, 300), []
    lazy = dask.map_blocks(
        lambda block: (largest.append(block.size), block)[1], dask.from_array(pixels, chunks=(50, 50)),
        dtype=pixels.dtype, meta=np.empty((0, 0), pixels.dtype),
    )  # fmt: skip
    options = PredictionSettings(tile=64, **FLOAT32)
    found = probability(lazy, models["fcn"], options)
    np.testing.assert_array_equal(found, probability(pixels, models["fcn"], options))
    assert max(largest) <= 50 * 50


def test_tiles_are_counted_with_the_time_left(models, film):
    events = []
    probability(
        film(64, 128), models["fcn"], PredictionSettings(tile=32, **FLOAT32), job=JobControl(events.append)
    )
    assert [(event.done, event.total) for event in events] == [(n, 8) for n in range(1, 9)]
    assert events[0].seconds_left > 0
    assert events[-1].seconds_left == 0


def test_a_stack_counts_the_tiles_of_all_its_planes(models, film):
    stack, events = np.stack([film(64, 64), film(64, 64, 1)]), []
    probability(stack, models["fcn"], PredictionSettings(tile=32, **FLOAT32), job=JobControl(events.append))
    assert [(event.done, event.total) for event in events] == [(n, 8) for n in range(1, 9)]


def test_stop_is_heard_within_a_tile(models, film):
    asked = []

    def should_stop() -> bool:
        asked.append(None)
        return len(asked) > 4

    with pytest.raises(Stopped):
        probability(
            film(64, 64),
            models["fcn"],
            PredictionSettings(**FLOAT32),
            job=JobControl(should_stop=should_stop),
        )
    assert len(asked) == 5


def short_of_memory(monkeypatch, largest: int, fault: Exception) -> list[int]:
    real, seen = tiling.Engine.probability, []

    def limited(self, window, job):
        seen.append(window.numel())
        if window.numel() > largest:
            raise fault
        return real(self, window, job)

    monkeypatch.setattr(tiling.Engine, "probability", limited)
    return seen


@pytest.mark.parametrize(
    "fault",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB"),
        RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
        ),
    ],
)
def test_out_of_memory_halves_the_tile_says_so_and_gives_the_same(fault, models, film, whole, monkeypatch):
    pixels, events = film(200, 260), []
    short_of_memory(monkeypatch, 150 * 150, fault)
    found = probability(pixels, models["fcn"], PredictionSettings(**FLOAT32), job=JobControl(events.append))
    np.testing.assert_allclose(found, whole(models["fcn"], pixels), rtol=0, atol=1e-5)
    assert any(isinstance(event, Message) and "memory" in event.text for event in events)
    assert events[-1].done == events[-1].total


def test_a_tile_that_was_halved_stays_so_for_the_next_planes(models, film, monkeypatch):
    stack, events = np.stack([film(200, 260, seed) for seed in range(3)]), []
    short_of_memory(monkeypatch, 150 * 150, MemoryError())
    found = predict(stack, models["fcn"], PredictionSettings(**FLOAT32), job=JobControl(events.append))
    texts = [event.text for event in events if isinstance(event, Message)]
    assert len(texts) == len(set(texts)) > 0
    first, *others = [plane["tile"] for plane in found.record["planes"]]
    assert others == [first, first]


def test_without_memory_for_a_small_tile_the_device_is_named(models, film, monkeypatch):
    short_of_memory(monkeypatch, 1, MemoryError())
    with pytest.raises(ModelError, match="Device cpu has no memory for a tile"):
        probability(film(200, 260), models["fcn"], PredictionSettings(**FLOAT32))


def test_another_failure_of_the_network_is_not_taken_for_lack_of_memory(models, film, monkeypatch):
    seen = short_of_memory(monkeypatch, 1, RuntimeError("sizes do not match"))
    with pytest.raises(RuntimeError, match="sizes do not match"):
        probability(film(64, 64), models["fcn"], PredictionSettings(**FLOAT32))
    assert len(seen) == 1


def test_a_network_that_gives_nan_is_refused(film):
    from napari_weld_fcn.network.model import Card, Model
    from napari_weld_fcn.network.settings import NetworkSettings

    model = Model.create(Card(name="broken", network=NetworkSettings(kind="fcn", width=4)))
    model.network.head.bias.data.fill_(float("nan"))
    with pytest.raises(ModelError, match="NaN"):
        probability(film(32, 32), model, PredictionSettings(**FLOAT32))


def test_events_are_tiles_and_messages_only(models, film):
    events = []
    probability(film(64, 64), models["fcn"], PredictionSettings(), job=JobControl(events.append))
    assert all(isinstance(event, (TileDone, Message)) for event in events)
