"""The figures of a card say what was found, by class and size, beside a top-hat."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from napari_weld_fcn.evaluation.benchmark.classical import RADIUS, top_hat
from napari_weld_fcn.evaluation.benchmark.films import (
    FIRST_SCORED,
    SCORED_FILMS,
    benchmark_films,
    benchmark_model,
    scored_films,
)
from napari_weld_fcn.network.card import Card
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.prediction.predict import probability
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.radiograph.simulation.film import SimulatedFilm, simulate
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings

SETTINGS = SimulationSettings(rows=300, columns=900, flawless_share=0.0, flaw_density=40.0)


@pytest.fixture(scope="module")
def films() -> list[SimulatedFilm]:
    return [simulate(SETTINGS, seed) for seed in range(3)]


def truth(film: SimulatedFilm) -> np.ndarray:
    return film.mask.astype(np.float32)


def each_apart(film: SimulatedFilm) -> np.ndarray:
    """The truth, less what makes two flaws touch."""
    near = np.stack([np.roll(film.instances, shift, (0, 1)) for shift in [(1, 0), (0, 1), (1, 1), (1, -1)]])
    return truth(film) * ((near == 0) | (near == film.instances)).all(axis=0)


def test_a_film_without_marks_finds_nothing_and_has_no_false_calls(films):
    figures = benchmark_films(films, lambda film: 0 * truth(film), 0.5, top_hat_depths=())
    assert figures["flaws"] > 0
    assert figures["found"] == figures["marked"] == figures["false_calls_per_film"] == 0.0
    assert figures["pixels"]["f1"] == 0.0
    assert "top_hat" not in figures


def test_the_truth_itself_marks_every_flaw_without_a_false_call(films):
    figures = benchmark_films(films, truth, 0.5, top_hat_depths=())
    assert figures["marked"] == 1.0
    assert figures["false_calls_per_metre"] == 0.0
    assert figures["pixels"]["recall"] > 0.99
    apart = benchmark_films(films, each_apart, 0.5, top_hat_depths=())
    assert apart["found"] >= max(figures["found"], 0.8)
    assert apart["merged"] <= figures["merged"]


def test_classes_and_sizes_share_out_all_flaws(films):
    figures = benchmark_films(films, truth, 0.5, top_hat_depths=())
    for rows in (figures["by_class"], figures["by_size_mm"]):
        assert sum(row["flaws"] for row in rows) == figures["flaws"]
        found = sum((row["found"] or 0) * row["flaws"] for row in rows)
        assert found == pytest.approx(figures["found"] * figures["flaws"], abs=0.05)
    numbers = [row["iso6520"] for row in figures["by_class"]]
    assert numbers == sorted(set(numbers))
    assert [row["from"] for row in figures["by_size_mm"]][1:] == [row["to"] for row in figures["by_size_mm"]][
        :-1
    ]


def test_false_calls_are_given_for_each_film_and_each_metre_of_weld(films):
    def with_two_false_calls(film: SimulatedFilm) -> np.ndarray:
        probability = truth(film)
        edge = np.zeros_like(probability)
        edge[2:8, 2:8] = edge[2:8, 100:106] = 1.0
        assert not probability[:12, :120].any()
        return np.maximum(probability, edge)

    clear = [film for film in films if not film.mask[:12, :120].any()]
    figures = benchmark_films(clear, with_two_false_calls, 0.5, top_hat_depths=())
    assert figures["films"] == len(clear) > 0
    assert figures["metres"] == pytest.approx(len(clear) * 900 * 0.0403 / 1000, abs=1e-3)
    assert figures["false_calls_per_film"] == 2.0
    assert figures["false_calls_per_metre"] == pytest.approx(2 * 1000 / (900 * 0.0403), rel=0.01)


def test_flaws_under_the_minimum_size_do_not_count(films):
    every = benchmark_films(films, truth, 0.5, 0.0, top_hat_depths=())
    large = benchmark_films(films, truth, 0.5, 15.0, top_hat_depths=())
    assert 0 < large["flaws"] < every["flaws"]


def test_the_top_hat_stands_beside_at_its_best_depth(films):
    figures = benchmark_films(films, truth, 0.5)
    beside = figures["top_hat"]
    assert beside["flaws"] == figures["flaws"]
    alone = [
        benchmark_films(films, truth, 0.5, top_hat_depths=(depth,))["top_hat"]["pixels"]["f1"]
        for depth in (2.0, 5.0, 13.0)
    ]
    assert beside["pixels"]["f1"] >= max(alone) > 0.0
    assert beside["threshold"] == pytest.approx(beside["depth"] / (beside["depth"] + 10), abs=1e-4)


def test_figures_are_ready_for_json_and_films_may_pass_by_once(films):
    once = benchmark_films(iter(films), truth, 0.5)
    assert json.loads(json.dumps(once, allow_nan=False)) == benchmark_films(films, truth, 0.5)


def test_without_a_pixel_size_nothing_is_said_of_metres(films):
    plain = replace(films[0].radiograph, pixel_size_mm=None, pixel_size_source="none")
    figures = benchmark_films([replace(films[0], radiograph=plain)], truth, 0.5, top_hat_depths=())
    assert figures["false_calls_per_metre"] is None


def test_no_film_is_refused():
    with pytest.raises(ValueError, match="no film"):
        benchmark_films([], truth, 0.5)


@pytest.fixture(scope="module")
def model() -> Model:
    card = Card(name="tiny", network=NetworkSettings(kind="fcn", width=4, dilations=(1, 1)), threshold=0.3)
    return Model.create(card)


def test_a_model_is_scored_as_predict_applies_it_beside_one_top_hat(films, model, monkeypatch):
    calls = []
    monkeypatch.setattr(
        "napari_weld_fcn.evaluation.benchmark.films.top_hat",
        lambda pixels, radius: calls.append(radius) or top_hat(pixels, radius),
    )
    figures = benchmark_model(model, iter(films[:2]), top_hat_depths=(5.0,))
    assert calls == [RADIUS] * 2
    assert figures == benchmark_films(
        films[:2],
        lambda film: probability(film.radiograph, model, PredictionSettings()),
        model.card.threshold,
        model.card.min_size_px,
        top_hat_depths=(5.0,),
    )


def test_scored_films_are_the_same_however_many_there_are():
    small = SCORED_FILMS.model_copy(update={"rows": 64, "columns": 96})
    (first,), two = list(scored_films(1, small)), list(scored_films(2, small))
    assert np.array_equal(first.radiograph.pixels, two[0].radiograph.pixels)
    assert not np.array_equal(two[0].radiograph.pixels, two[1].radiograph.pixels)
    assert np.array_equal(first.radiograph.pixels, simulate(small, FIRST_SCORED).radiograph.pixels)
