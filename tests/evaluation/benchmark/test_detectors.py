"""Detectors are judged on whole films as they ship, or at their best, and copies on the film's own pixels."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from napari_weld_fcn.evaluation.benchmark.alterations import ALTERATIONS, Alteration, alterations_named
from napari_weld_fcn.evaluation.benchmark.detectors import (
    CLASSICAL,
    LARGE_MM,
    Judged,
    judge_classical,
    judge_model,
    large,
)
from napari_weld_fcn.evaluation.cases import Source, sources
from napari_weld_fcn.evaluation.evaluate import Evaluation, evaluate
from napari_weld_fcn.evaluation.scores import best_threshold
from napari_weld_fcn.evaluation.settings import EvaluationSettings
from napari_weld_fcn.events import JobControl, Message
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.radiograph.simulation.film import SimulatedFilm, simulate
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings

FEW = EvaluationSettings(resamples=20)
SETTINGS = SimulationSettings(rows=260, columns=500, flawless_share=0.0, flaw_density=30.0)


@pytest.fixture(scope="module")
def simulated() -> list[SimulatedFilm]:
    return [simulate(SETTINGS, seed) for seed in (4, 7)]


@pytest.fixture(scope="module")
def films(simulated: list[SimulatedFilm]) -> list[Source]:
    return list(sources(simulated))


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.load("default")


@pytest.fixture(scope="module")
def judged(model: Model, films: list[Source]) -> Judged:
    return judge_model(model, films, FEW, alterations_named(["16-bit", "turned 90°", "halves", "0.5 x"]))


@pytest.fixture(scope="module")
def scores(model: Model, simulated: list[SimulatedFilm]) -> Evaluation:
    return evaluate(model, simulated, FEW)


def test_a_model_has_the_scores_that_evaluate_gives_it(judged, scores):
    assert judged.evaluation.pixels == scores.pixels
    assert judged.evaluation.tolerant == scores.tolerant
    assert judged.evaluation.flaws == scores.flaws
    assert judged.evaluation.intervals == scores.intervals
    told, expected = judged.as_dict()["flaws"], scores.as_dict()["flaws"]
    assert {name: told[name] for name in expected} == expected


def test_the_curve_has_the_same_points_where_evaluate_tries_them_too(judged, scores):
    ours, theirs = judged.evaluation.objects, scores.objects
    shared = [threshold for threshold in ours.thresholds if threshold in theirs.thresholds]
    assert len(shared) > 5
    for threshold in shared:
        one, other = ours.thresholds.index(threshold), theirs.thresholds.index(threshold)
        assert ours.found[one] == theirs.found[other]
        assert ours.false_calls[one] == theirs.false_calls[other]


def test_what_loses_nothing_costs_nothing_and_a_copy_is_scored_on_the_films_own_pixels(judged):
    assert judged.costs("16-bit") == pytest.approx([0, 0], abs=0.01)
    pixels = [film.pixels.tp + film.pixels.fn for film in judged.evaluation.films]
    for scores in judged.altered.values():
        assert [film.pixels.tp + film.pixels.fn for film in scores] == pixels


def test_a_copy_on_which_nothing_is_left_costs_all(model, films):
    blank = Alteration(
        "blank", False, lambda pixels: (np.full_like(pixels, 90),), lambda parts, shape: parts[0]
    )
    lost = judge_model(model, films, FEW, [blank])
    assert lost.costs("blank") == [film.pixels.f1 for film in lost.evaluation.films]
    told = lost.as_dict()["altered"]["blank"]
    assert told["largest_cost"] == max(lost.costs("blank")) > 0
    assert told["mean_cost"] == pytest.approx(np.mean(lost.costs("blank")))
    assert told["cost"] == lost.evaluation.pixels.f1
    assert (told["f1"], told["found"], told["false_calls_per_film"]) == (0, 0, 0)


def test_a_coarser_copy_has_larger_pixels_in_mm(model, films, monkeypatch):
    seen = []
    module = "napari_weld_fcn.evaluation.benchmark.detectors"
    real = __import__(module, fromlist=["predict"]).predict
    monkeypatch.setattr(f"{module}.predict", lambda film, model: seen.append(film) or real(film, model))
    judge_model(model, films[:1], FEW, alterations_named(["0.5 x"]))
    assert [film.pixel_size_mm for film in seen] == pytest.approx([0.0403, 0.0806])
    assert [film.pixels.shape for film in seen] == [(260, 500), (130, 250)]


@pytest.mark.parametrize("name", CLASSICAL)
def test_a_classical_detector_stands_at_the_threshold_of_its_best_f1(name, films, simulated):
    judged = judge_classical(name, films, 0.0, FEW)
    responses = [CLASSICAL[name](film.radiograph.pixels) for film in simulated]
    best = best_threshold(responses, [film.instances for film in simulated])
    assert judged.evaluation.threshold == best.threshold
    assert judged.evaluation.pixels == best.scores
    smaller = judge_classical(name, films, 8.0, FEW)
    assert smaller.evaluation.threshold == best.threshold
    assert len(smaller.evaluation.flaws) < len(judged.evaluation.flaws)


def test_figures_are_ready_for_json_and_large_flaws_are_counted_in_mm(judged):
    told = json.loads(json.dumps(judged.as_dict(), allow_nan=False))
    assert list(told["altered"]) == ["16-bit", "turned 90°", "halves", "0.5 x"]
    assert len(told["froc"]) == len(judged.evaluation.objects.thresholds)
    for row, least in zip(told["flaws"]["large"], LARGE_MM, strict=True):
        lengths = [flaw.length_mm for flaw in judged.evaluation.flaws]
        assert row["from"] == least and row["flaws"] == sum(length >= least for length in lengths)
    unknown = [replace(flaw, length_mm=None) for flaw in judged.evaluation.flaws]
    assert large(unknown) == []


def test_each_film_and_each_copy_is_told(model, films):
    told: list[str] = []

    def listen(event: object) -> None:
        assert isinstance(event, Message)
        told.append(event.text)

    judge_model(model, films[:1], FEW, ALTERATIONS[:1], job=JobControl(listen))
    assert [text.split(", pixel F1")[0] for text in told] == [
        f"default: {films[0].name}",
        f"default: {films[0].name}, 16-bit",
    ]
