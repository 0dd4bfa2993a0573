"""Crops worth a look: what is amid each, which come first, and how they stand side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_weld_fcn.evaluation.cases import Case, Marks, Source
from napari_weld_fcn.evaluation.compare import compare
from napari_weld_fcn.evaluation.examples import Example, examples, side_by_side
from napari_weld_fcn.evaluation.film_scores import MarkedFilm
from napari_weld_fcn.radiograph.radiograph import Radiograph

SHAPE = (300, 900)
#: Rows and columns of flaws, and of indications; the first flaw is found, the last indication on nothing.
FOUND, LARGE, SMALL, NEAR = (
    np.s_[20:40, 20:60],
    np.s_[250:280, 700:760],
    np.s_[100:104, 300:304],
    np.s_[284:288, 712:716],
)
CALLED, LESSER = np.s_[140:150, 500:530], np.s_[10:16, 850:856]


def marked(name: str = "weld", shape: tuple[int, int] = SHAPE) -> MarkedFilm:
    pixels = np.arange(np.prod(shape), dtype=np.uint32).reshape(shape)
    truth, labels = np.zeros(SHAPE, np.int32), np.zeros(SHAPE, np.int32)
    for number, place in enumerate((FOUND, SMALL, LARGE, NEAR), start=1):
        truth[place] = number
    for number, place in enumerate((FOUND, CALLED, LESSER), start=1):
        labels[place] = number
    rows, columns = shape
    case = Case(Radiograph(pixels, name), truth[:rows, :columns], marks=Marks(labels[:rows, :columns]))
    kept: list[MarkedFilm] = []
    compare([Source(name, lambda: case)], on_marks=kept.append)
    return kept[0]


def kinds(found: list[Example]) -> list[str]:
    return [example.kind for example in found]


def amid(example: Example, place: Any) -> bool:
    """Whether the middle of `place` lies in the crop."""
    centre = [(edge.start + edge.stop) / 2 for edge in place]
    first = (example.row, example.column)
    return all(
        0 <= at - start < size for at, start, size in zip(centre, first, example.truth.shape, strict=True)
    )


def test_the_largest_of_each_kind_come_first_and_nothing_is_shown_twice() -> None:
    found = examples(marked())
    assert kinds(found) == ["missed", "missed", "false call", "false call", "found"]
    places = (LARGE, SMALL, CALLED, LESSER, FOUND)
    assert all(amid(example, place) for example, place in zip(found, places, strict=True))
    assert amid(found[0], NEAR)  # missed too, and seen beside the large one


def test_crops_are_the_film_its_marks_and_its_truth_there() -> None:
    film = marked()
    for example in examples(film, edge=64):
        window = np.s_[example.row : example.row + 64, example.column : example.column + 64]
        np.testing.assert_array_equal(example.pixels, film.case.radiograph.pixels[window])
        np.testing.assert_array_equal(example.truth, film.case.instances[window] != 0)
        np.testing.assert_array_equal(example.probability, film.labels[window] != 0)
        assert example.pixels.shape == (64, 64)


def test_crops_keep_no_film_in_memory() -> None:
    for example in examples(marked()):
        assert all(part.base is None for part in (example.pixels, example.probability, example.truth))


@pytest.mark.parametrize("each", [0, 1])
def test_no_more_of_a_kind_than_were_asked_for(each: int) -> None:
    assert kinds(examples(marked(), each)) == ["missed", "false call", "found"] * each


def test_a_film_smaller_than_a_crop_gives_what_it_has() -> None:
    (example,) = examples(marked(shape=(60, 90)))
    assert example.kind == "found" and example.pixels.shape == (60, 90)


def test_each_film_shows_its_first_before_any_shows_its_second() -> None:
    found = [example for name in ("a", "b") for example in examples(marked(name))]
    figure = side_by_side(found, most=6)
    assert [name.split()[0] for name in figure.columns] == ["a"] * 3 + ["b"] * 3
    assert [name.rpartition(" ")[0] for name in figure.columns[:3]] == ["a missed", "a false call", "a found"]
    assert len(side_by_side(found).columns) == 8


def test_rows_are_input_marks_and_truth() -> None:
    found = examples(marked())
    figure = side_by_side(found, marks="marks")
    assert figure.rows == ("input", "marks", "truth")
    assert [panel.shown for panel in (row[0] for row in figure.panels)] == ["greys", "map", "mask"]
    np.testing.assert_array_equal(figure.panels[2][0].pixels, found[0].truth)
