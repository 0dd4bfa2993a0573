"""Whole films are scored as they will be predicted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_weld_fcn import predict
from napari_weld_fcn.dataset.films import FilmSplit, LabelledFilm, Part, split_films
from napari_weld_fcn.dataset.pair import FLAW, IGNORED
from napari_weld_fcn.errors import DatasetError, Stopped
from napari_weld_fcn.evaluation.scores import best_threshold
from napari_weld_fcn.events import Event, FilmPredicted, JobControl
from napari_weld_fcn.network.card import Card
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.training.data.films import FilmValidation


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.create(Card(name="x", network=NetworkSettings(width=8, activation="relu")), seed=1)


def validating(*positions: int) -> FilmSplit:
    return FilmSplit((), tuple(Part(position, 0, 0, 32, 128) for position in positions))


def test_the_scores_are_those_of_predictions_pooled(films: list[LabelledFilm], model: Model) -> None:
    scores = FilmValidation(films, validating(0, 2)).validate(model, 7)
    predicted = [
        predict(films[i].radiograph, model, PredictionSettings(device="cpu")).probability for i in (0, 2)
    ]
    best = best_threshold(predicted, [films[i].mask for i in (0, 2)])
    assert (scores.step, scores.threshold) == (7, best.threshold)
    assert scores.f1 == pytest.approx(best.scores.f1, abs=1e-3)


def test_whole_films_move_the_threshold_of_a_tuned_model_as_little_as_they_let(
    films: list[LabelledFilm], model: Model
) -> None:
    best = FilmValidation(films, validating(0, 2)).validate(model, 1)
    for start in (0.001, 0.999, best.threshold):
        strict, lenient, anywhere = (
            FilmValidation(films, validating(0, 2), start, margin).validate(model, 1)
            for margin in (1e-9, 0.02, 1.0)
        )
        assert strict.f1 == pytest.approx(best.f1)
        assert lenient.f1 >= best.f1 - 0.02
        assert abs(lenient.threshold - start) <= abs(strict.threshold - start)
        assert anywhere.threshold == start


def test_a_part_of_a_film_leaves_the_threshold_of_a_tuned_model(
    films: list[LabelledFilm], model: Model
) -> None:
    split = split_films(films[:1])
    assert FilmValidation(films[:1], split, 0.321, 0.02).validate(model, 1).threshold == 0.321


def test_ignored_pixels_take_no_part(films: list[LabelledFilm], model: Model) -> None:
    mask = films[0].mask.copy()
    mask[:, :60] = IGNORED
    masked = [replace(films[0], mask=mask)]
    scores = FilmValidation(masked, validating(0)).validate(model, 1)
    probability = predict(films[0].radiograph, model, PredictionSettings(device="cpu")).probability
    best = best_threshold([probability[:, 60:]], [films[0].mask[:, 60:]])
    assert scores.f1 == pytest.approx(best.scores.f1, abs=1e-3)
    assert scores.flaw_share == pytest.approx((mask == FLAW).sum() / (mask != IGNORED).sum())


def test_probabilities_are_told_only_where_they_are_asked_for_and_change_no_score(
    films: list[LabelledFilm], model: Model
) -> None:
    validation = FilmValidation(films[:1], split_films(films[:1]))
    seen: list[Event] = []
    quiet = validation.validate(model, 3, job=JobControl(seen.append))
    assert not seen
    assert validation.validate(model, 3, job=JobControl(seen.append, should_show=lambda: True)) == quiet
    (event,) = seen
    assert isinstance(event, FilmPredicted)
    assert (event.step, event.film, event.position) == (3, "film_0", 0)
    whole = predict(films[0].radiograph, model, PredictionSettings(device="cpu")).probability
    np.testing.assert_allclose(event.probability, whole, atol=1e-5)


def test_stop_is_heard_while_films_are_scored(films: list[LabelledFilm], model: Model) -> None:
    with pytest.raises(Stopped):
        FilmValidation(films, validating(0, 1)).validate(model, 1, job=JobControl(should_stop=lambda: True))


def test_films_that_are_ignored_everywhere_cannot_validate(films: list[LabelledFilm]) -> None:
    nothing = [replace(films[0], mask=np.full_like(films[0].mask, IGNORED))]
    with pytest.raises(DatasetError, match="Every pixel of the films that validate is ignored"):
        FilmValidation(nothing, validating(0))
