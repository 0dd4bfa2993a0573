"""Labelled films: which validate, how one that is alone is cut, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from napari_weld_fcn.dataset.films import FilmSplit, LabelledFilm, Part, split_films
from napari_weld_fcn.dataset.pair import BACKGROUND, FLAW, IGNORED, count
from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.errors import DatasetError, SettingsError
from napari_weld_fcn.radiograph.radiograph import Radiograph


def film(
    name: str = "a", flaws: tuple[tuple[int, int], ...] = ((10, 10), (10, 150)), shape=(40, 200)
) -> LabelledFilm:
    mask = np.zeros(shape, np.uint8)
    for row, column in flaws:
        mask[row : row + 4, column : column + 4] = FLAW
    return LabelledFilm(Radiograph(np.zeros(shape, np.uint8), name=name), mask)


def masks(split: FilmSplit, films: list[LabelledFilm], side: str) -> list[np.ndarray]:
    return [part.of(films).mask for part in getattr(split, side)]


def test_a_mask_of_another_size_is_refused_with_both_sizes() -> None:
    with pytest.raises(DatasetError, match="a: its labels are 30 x 20 pixels, but it is 40 x 20"):
        LabelledFilm(Radiograph(np.zeros((20, 40), np.uint8), name="a"), np.zeros((20, 30), np.uint8))


def test_a_stack_and_other_values_are_refused() -> None:
    with pytest.raises(DatasetError, match="a stack of 3 planes"):
        LabelledFilm(Radiograph(np.zeros((3, 4, 4), np.uint8), name="a"), np.zeros((4, 4), np.uint8))
    with pytest.raises(DatasetError, match="values other than 0, 128 and 255"):
        LabelledFilm(Radiograph(np.zeros((4, 4), np.uint8), name="a"), np.full((4, 4), 2, np.uint8))


def test_no_film_is_on_both_sides() -> None:
    films = [film(name) for name in "abcde"]
    split = split_films(films)
    sides = [{part.position for part in side} for side in (split.training, split.validation)]
    assert sides[0].isdisjoint(sides[1]) and sides[0] | sides[1] == set(range(5))
    assert "validates" in split.note


def test_named_films_validate() -> None:
    films = [film("a"), film("b")]
    split = split_films(films, SplitSettings(kind="films", films=("b",)))
    assert [part.position for part in split.validation] == [1]
    with pytest.raises(SettingsError, match="There is no film c"):
        split_films(films, SplitSettings(kind="films", films=("c",)))


@given(
    flaws=st.lists(st.tuples(st.integers(0, 36), st.integers(0, 196)), min_size=2, max_size=6),
    gap=st.integers(0, 80),
)
def test_a_film_that_is_alone_is_cut_in_two_parts_apart_that_both_have_flaws(flaws, gap) -> None:
    films = [film("a", tuple(flaws))]
    try:
        split = split_films(films, SplitSettings(gap=gap))
    except DatasetError as fault:
        assert "label more flaws" in str(fault) or "would have no" in str(fault)
        assume(False)
    (training,), (validation,) = masks(split, films, "training"), masks(split, films, "validation")
    assert not ((training != IGNORED) & (validation != IGNORED)).any()
    for mask in (training, validation):
        assert count(mask).flaw and count(mask).background
        np.testing.assert_array_equal(mask[mask != IGNORED], films[0].mask[mask != IGNORED])
    rows, columns = (
        [np.flatnonzero((mask != IGNORED).any(axis=axis)) for mask in (training, validation)]
        for axis in (1, 0)
    )
    apart = [max(a[0], b[0]) - min(a[-1], b[-1]) - 1 for a, b in (rows, columns)]
    assert any(between >= min(gap, edge // 8) for between, edge in zip(apart, (40, 200), strict=True))
    assert "cut in two" in split.note and "this film only" in split.note


def test_where_one_of_several_films_has_flaws_it_is_cut_and_the_others_train() -> None:
    films = [film("clean", ()), film("flawed")]
    split = split_films(films)
    assert [part.position for part in split.training] == [1, 0]
    assert [part.position for part in split.validation] == [1]


def test_a_film_labelled_in_one_part_is_cut_within_that_part() -> None:
    whole = film("a", ((10, 60), (10, 110)))
    mask = np.full_like(whole.mask, IGNORED)
    mask[:, 50:130] = whole.mask[:, 50:130]
    films = [LabelledFilm(whole.radiograph, mask)]
    split = split_films(films)
    for part in (*split.training, *split.validation):
        assert part.column >= 50 and part.column + part.columns <= 130


@pytest.mark.parametrize(
    ("films", "sentence"),
    [
        ([], "There are no films"),
        ([film("a", ())], "No flaw is labelled"),
        ([film("a", ((10, 10),))], "a alone has flaws and cannot be cut"),
        ([film("a"), film("a")], "All flaws are on one film, a"),
    ],
)
def test_what_cannot_be_trained_with_is_told_before(films, sentence) -> None:
    with pytest.raises(DatasetError, match=sentence):
        split_films(films)


def test_flaws_without_any_background_are_told() -> None:
    mask = np.full((40, 200), IGNORED, np.uint8)
    mask[5:9] = FLAW
    films = [LabelledFilm(Radiograph(np.zeros(mask.shape, np.uint8), name=name), mask) for name in "ab"]
    with pytest.raises(DatasetError, match="No background is labelled"):
        split_films(films)
    mask = mask.copy()
    mask[20:25] = BACKGROUND
    films[0] = LabelledFilm(films[0].radiograph, mask)
    with pytest.raises(DatasetError, match="would have no background: label some there"):
        split_films(films)


def test_a_split_is_read_back_as_it_was() -> None:
    split = split_films([film()])
    assert FilmSplit.from_json(split.to_json()) == split
    for damaged in ("", "[]", '{"training": [[1]], "validation": [], "note": ""}'):
        with pytest.raises(DatasetError, match=r"splits\.json: is no split of films"):
            FilmSplit.from_json(damaged)
    assert Part(0, 0, 0, 40, 200).of([film()]).mask.shape == (40, 200)
