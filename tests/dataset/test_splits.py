"""No film is on both sides, nothing is lost, and what cannot be scored is refused."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import assume, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.dataset.splits import Place, Split, folds, split_places
from napari_weld_fcn.errors import DatasetError, SettingsError, WeldFcnError

SIZE = 64


def film(name: str, *flaws: int, step: int = SIZE) -> list[Place]:
    """Crops of a film side by side, with the flaw pixels given."""
    return [Place(name, 0, k * step, SIZE, SIZE, flaw) for k, flaw in enumerate(flaws)]


def sides(result: Split, places: list[Place]) -> tuple[set[str], set[str]]:
    return {places[i].film for i in result.training}, {places[i].film for i in result.validation}


def flaw_of(positions: tuple[int, ...], places: list[Place]) -> int:
    return sum(places[i].flaw_pixels for i in positions)


@st.composite
def crops_of_films(draw: st.DrawFn, least: int = 1, most: int = 7) -> list[Place]:
    places = []
    for number in range(draw(st.integers(least, most))):
        for _ in range(draw(st.integers(1, 8))):
            place = Place(
                f"W{number:04d}",
                draw(st.integers(-10, 200)),
                draw(st.integers(-10, 4000)),
                SIZE,
                SIZE,
                draw(st.sampled_from([0, 0, 3, 500])),
            )
            places += [place] * draw(st.integers(1, 3))  # the crop and its variants
    return draw(st.permutations(places))


ANY_SETTINGS = st.builds(
    SplitSettings,
    kind=st.sampled_from(["ratio", "leave-one-out", "k-fold"]),
    validation_share=st.floats(0.05, 0.9),
    folds=st.integers(2, 4),
    fold=st.integers(0, 3),
    gap=st.integers(0, 300),
    seed=st.integers(0, 50),
)


@examples(max_examples=40)
@given(crops_of_films(), ANY_SETTINGS)
def test_every_crop_is_on_one_side_and_both_sides_have_flaws(
    places: list[Place], settings: SplitSettings
) -> None:
    try:
        result = split_places(places, settings)
    except WeldFcnError:
        assume(False)
    every = sorted([*result.training, *result.validation, *result.left_out])
    assert every == list(range(len(places)))
    assert flaw_of(result.training, places) > 0
    assert flaw_of(result.validation, places) > 0


@examples(max_examples=40)
@given(crops_of_films(least=2), ANY_SETTINGS)
def test_no_film_is_on_both_sides(places: list[Place], settings: SplitSettings) -> None:
    assume(len({place.film for place in places if place.flaw_pixels}) > settings.folds)
    result = split_places(places, settings.model_copy(update={"fold": 0}))
    training, validation = sides(result, places)
    assert not training & validation
    assert not result.left_out


@examples(max_examples=40)
@given(crops_of_films(), ANY_SETTINGS, st.randoms(use_true_random=False))
def test_the_order_of_the_crops_changes_nothing(
    places: list[Place], settings: SplitSettings, chance: random.Random
) -> None:
    shuffled = chance.sample(places, len(places))
    try:
        result = split_places(places, settings)
    except WeldFcnError as refusal:
        with pytest.raises(type(refusal)) as again:
            split_places(shuffled, settings)
        assert str(again.value) == str(refusal)
        return
    other = split_places(shuffled, settings)
    assert other.note == result.note
    for name in ("training", "validation", "left_out"):
        these = sorted(map(repr, (places[i] for i in getattr(result, name))))
        those = sorted(map(repr, (shuffled[i] for i in getattr(other, name))))
        assert these == those


@examples(max_examples=40)
@given(crops_of_films(most=1), ANY_SETTINGS)
def test_two_parts_of_a_film_are_a_gap_apart(places: list[Place], settings: SplitSettings) -> None:
    settings = settings.model_copy(update={"kind": "ratio"})
    try:
        result = split_places(places, settings)
    except DatasetError:
        assume(False)
    for one in (places[i] for i in result.training):
        for other in (places[i] for i in result.validation):
            apart = [
                max(one.column, other.column) - min(one.column, other.column) - SIZE,
                max(one.row, other.row) - min(one.row, other.row) - SIZE,
            ]
            assert max(apart) >= settings.gap
    assert "alone" in result.note


@examples(max_examples=40)
@given(crops_of_films(least=3), st.integers(0, 9))
def test_variants_are_where_their_crop_is(places: list[Place], seed: int) -> None:
    try:
        result = split_places(places, SplitSettings(seed=seed))
    except DatasetError:
        assume(False)
    parts = [{places[i] for i in part} for part in (result.training, result.validation, result.left_out)]
    assert sum(map(len, parts)) == len(set().union(*parts)) == len(set(places))


def test_ratio_comes_close_for_films_that_are_alike() -> None:
    places = [place for k in range(10) for place in film(f"W{k}", 5, 5, 5)]
    for share in (0.1, 0.2, 0.5):
        result = split_places(places, SplitSettings(validation_share=share))
        assert len(result.validation) == round(share * len(places))


def test_ratio_weighs_flaw_beside_crops() -> None:
    """Two of ten films hold most of the flaw; one of them validates alone, with hardly any others."""
    places = [place for k in range(10) for place in film(f"W{k}", 500 if k < 2 else 5, 0, 0)]
    for seed in range(10):
        result = split_places(places, SplitSettings(validation_share=0.5, seed=seed))
        assert flaw_of(result.validation, places) == pytest.approx(520, abs=20)
        assert len(result.validation) == pytest.approx(15, abs=3)


def test_seeds_draw_different_films() -> None:
    places = [place for k in range(10) for place in film(f"W{k}", 5, 5)]
    drawn = {split_places(places, SplitSettings(seed=seed)).validation for seed in range(10)}
    assert len(drawn) > 3


def test_films_that_are_named_validate() -> None:
    places = [*film("a", 1, 0), *film("b", 2), *film("c", 3)]
    result = split_places(places, SplitSettings(kind="films", films=("c", "a")))
    assert result.validation == (0, 1, 3)
    assert result.training == (2,)
    assert result.note == "3 of 4 crops validate, those of films a, c."


def test_each_film_is_left_out_once() -> None:
    places = [*film("a", 1, 0), *film("b", 2), *film("c", 3), *film("flawless", 0, 0)]
    every = folds(places, SplitSettings(kind="leave-one-out"))
    assert [sides(one, places)[1] for one in every] == [{"a"}, {"b"}, {"c"}]
    assert all("flawless" in sides(one, places)[0] for one in every)
    assert split_places(places, SplitSettings(kind="leave-one-out", fold=2)) == every[2]


@examples(max_examples=40)
@given(crops_of_films(least=3), st.integers(2, 4), st.integers(0, 5))
def test_folds_hold_every_crop_once(places: list[Place], number: int, seed: int) -> None:
    assume(len({place.film for place in places if place.flaw_pixels}) >= number)
    every = folds(places, SplitSettings(kind="k-fold", folds=number, seed=seed))
    assert len(every) == number
    assert sorted(i for one in every for i in one.validation) == list(range(len(places)))


def test_folds_have_about_equal_flaw() -> None:
    places = [place for k in range(10) for place in film(f"W{k}", 10 * (k + 1))]
    every = folds(places, SplitSettings(kind="k-fold", folds=5))
    assert [flaw_of(one.validation, places) for one in every] == [110] * 5


def test_a_film_alone_is_cut_across_its_long_side() -> None:
    wide = film("alone", *[7] * 20)
    tall = [Place("alone", p.column, 0, SIZE, SIZE, p.flaw_pixels) for p in wide]
    for places, axis in ((wide, "column"), (tall, "row")):
        result = split_places(places, SplitSettings(validation_share=0.5, gap=SIZE, seed=1))
        assert (len(result.training), len(result.validation), len(result.left_out)) in (
            (10, 9, 1),
            (9, 10, 1),
        )
        assert f" {axis} " in result.note
        assert "1 that touch the gap of 64 pixels take no part" in result.note


def test_a_cut_moves_to_where_the_flaws_are() -> None:
    places = film("alone", 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 9)
    result = split_places(places, SplitSettings(validation_share=0.2, gap=0))
    assert flaw_of(result.training, places) == flaw_of(result.validation, places) == 9


REFUSED = {
    "nothing": ([], {}, "nothing to split"),
    "no flaw at all": (film("a", 0, 0) + film("b", 0), {}, "No mask has a flaw"),
    "flaws in one film": (film("a", 5) + film("b", 0), {}, "Only film a of 2 films has flaws"),
    "flaws in one film, folds": (film("a", 5) + film("b", 0), {"kind": "k-fold"}, "Only film a of 2"),
    "named film has none": (
        film("a", 5) + film("b", 0),
        {"kind": "films", "films": ("b",)},
        "The validation would have no flaw: it would be film b",
    ),
    "others have none": (
        film("a", 5) + film("b", 0),
        {"kind": "films", "films": ("a",)},
        "The training would have no flaw: it would be film b",
    ),
    "all films named": (
        film("a", 5) + film("b", 5),
        {"kind": "films", "films": ("a", "b")},
        "No film is left for training",
    ),
    "one film, one crop": (film("a", 5), {}, "alone and cannot be cut in two parts, 64 pixels apart"),
    "one film, overlapping": (film("a", 5, 5, 5, step=9), {}, "more films, more crops or a smaller gap"),
    "one film, flaws at one end": (film("a", 5, 0, 0, 0, 0), {}, "both have a crop with a flaw"),
    "one film held out": (
        film("a", 5, 5),
        {"kind": "leave-one-out"},
        "Film a is alone and cannot be held out",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_nothing_on_one_side_is_refused_with_the_reason(case: str) -> None:
    places, settings, reason = REFUSED[case]
    with pytest.raises(DatasetError, match=reason):
        split_places(places, SplitSettings(**settings))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"kind": "films", "films": ("W9",)}, "There is no film W9; there are films a, b."),
        ({"kind": "films"}, "Name the films that validate; there are films a, b."),
        ({"kind": "k-fold", "folds": 3}, "3 folds need as many films with flaws, but 2 of 2 have any."),
        (
            {"kind": "leave-one-out", "fold": 2},
            "Fold 2 was asked for, but there are 2 folds, counted from 0.",
        ),
    ],
)
def test_settings_that_do_not_fit_the_films_are_told(settings: dict, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        split_places(film("a", 5) + film("b", 5), SplitSettings(**settings))


def test_a_ratio_has_no_folds() -> None:
    with pytest.raises(SettingsError, match="has no folds"):
        folds(film("a", 5) + film("b", 5), SplitSettings())


@examples(max_examples=40)
@given(crops_of_films(), ANY_SETTINGS)
def test_a_split_comes_back_from_its_json(places: list[Place], settings: SplitSettings) -> None:
    try:
        result = split_places(places, settings)
    except WeldFcnError:
        assume(False)
    assert Split.from_json(result.to_json()) == result


GOOD = {"training": [0, 2], "validation": [1], "left_out": [], "note": ""}
DAMAGED = {
    "cut": json.dumps(GOOD)[:30],
    "empty": "",
    "no object": "[]",
    "a list is missing": json.dumps({"training": [0], "validation": [1]}),
    "twice": json.dumps(GOOD | {"validation": [1, 2]}),
    "negative": json.dumps(GOOD | {"left_out": [-1]}),
    "no integer": json.dumps(GOOD | {"left_out": [5.5]}),
    "a list in a list": json.dumps(GOOD | {"left_out": [[3]]}),
    "true": json.dumps(GOOD | {"validation": [True]}),
    "no list": json.dumps(GOOD | {"training": 5}),
    "a note that is none": json.dumps(GOOD | {"note": 5}),
    "nested too deep": "[" * 100_000,
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_of_a_split_is_named(case: str) -> None:
    with pytest.raises(DatasetError, match=r"^run/splits\.json: is no split"):
        Split.from_json(DAMAGED[case], "run/splits.json")


def test_thousands_of_films_are_split_in_a_moment() -> None:
    """A folder of patches has as many films as files."""
    places = [Place(f"patch{k}", 0, 0, 227, 227, k % 3) for k in range(5_000)]
    result = split_places(places, SplitSettings())
    assert len(result.validation) == pytest.approx(1000, rel=0.02)
    assert split_places(places, SplitSettings(kind="k-fold", fold=1)).validation


def test_thousands_of_crops_of_one_film_are_split_in_a_moment() -> None:
    chance = random.Random(0)
    places = [
        Place("alone", chance.randrange(1244), chance.randrange(3744), 256, 256, chance.randrange(9))
        for _ in range(12_000)
    ]
    result = split_places(places, SplitSettings())
    assert len(result.left_out) < 0.2 * len(places)
