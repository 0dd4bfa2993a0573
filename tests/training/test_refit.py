"""How long each of two learnings is, said before they begin."""

from __future__ import annotations

import pytest

from napari_weld_fcn.dataset.films import LabelledFilm, split_films
from napari_weld_fcn.training.refit import first_share, refits_on_all, told
from napari_weld_fcn.training.settings import TrainSettings


@pytest.mark.parametrize(
    ("from_model", "first", "second"), [(False, "2.67", "1.33"), (True, "2", "2")], ids=["nothing", "model"]
)
def test_the_minutes_of_both_are_said(from_model: bool, first: str, second: str) -> None:
    share = first_share(from_model=from_model)
    text = told(TrainSettings(minutes=4), share, from_model=from_model)
    assert text.startswith(f"Of 4 minutes the first {first} are for a part of the film")
    assert f"in the last {second} all labels are learned" in text


@pytest.mark.parametrize(("from_model", "length"), [(False, "half as many"), (True, "as many")])
def test_by_epochs_the_steps_of_the_second_are_said(from_model: bool, length: str) -> None:
    text = told(TrainSettings(), first_share(from_model=from_model), from_model=from_model)
    assert f"for {length} steps as were chosen" in text


def test_only_a_film_that_is_cut_is_learned_twice(films: list[LabelledFilm]) -> None:
    alone, several = split_films(films[:1]), split_films(films)
    assert refits_on_all(TrainSettings(), alone)
    assert not refits_on_all(TrainSettings(), several)
    assert not refits_on_all(TrainSettings(refit_on_all=False), alone)
    assert not refits_on_all(TrainSettings(devices=2), alone)
