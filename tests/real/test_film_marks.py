"""Nothing is to be marked on lead letters, pen strokes, tape and wires: the film bears them, not the weld.

`film_marks.csv` has their boxes, read off the films of `w0003` by eye: rows and columns of the film, half
open, with about eight pixels around what they hold, for many a false mark runs along an outline.

- lead: letters, numbers, the holder of the wires
- pen: what was written onto the film
- tape: with holes punched in it, which look like pores
- wire: of the image quality indicator; without the places where flaws of the weld lie on or beside one, and
  without wires too faint to be followed
- stamp: a letter in the part itself, darker than the plate
- edge: dark bars along the film's edge

The aim is 0 of each on every film. The bounds are what the shipped model reaches; they only fall. With
`--log-cli-level=INFO` the counts are shown.
"""

from __future__ import annotations

import csv
import logging
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.radiograph.files import read
from napari_weld_fcn.radiograph.radiograph import Box

TABLE = Path(__file__).with_name("film_marks.csv")

#: Indications whose centre lies on a mark; what is not named has none. Aimed at: 0.
REACHED: dict[str, dict[str, int]] = {
    "W0003_0011": {"lead": 9, "edge": 3},
    "W0003_0019": {"pen": 2, "tape": 48, "edge": 1},
    "W0003_0027": {"lead": 4, "edge": 1},
    "W0003_0034": {"lead": 11, "pen": 1, "edge": 2},
    "W0003_0047": {"lead": 13, "pen": 7, "stamp": 3},
    "W0003_0060": {"lead": 3},
}


def boxes_by_kind(film: str) -> dict[str, list[Box]]:
    found: dict[str, list[Box]] = defaultdict(list)
    with TABLE.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["film"] == film:
                top, bottom, left, right = (int(row[edge]) for edge in ("top", "bottom", "left", "right"))
                found[row["kind"]].append(Box(top, left, bottom, right))
    return found


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.load("default")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", REACHED)
def test_what_is_on_a_film_and_no_weld_is_hardly_marked(name: str, real_data: Path, model: Model) -> None:
    film = read(real_data / "w0003" / f"{name}.png")
    centres = predict(film, model).table
    on_marks = {
        kind: int(np.count_nonzero(np.any([within(box, centres) for box in boxes], axis=0)))
        for kind, boxes in boxes_by_kind(name).items()
    }
    logging.getLogger(__name__).info("%s: of %d indications on %s", name, len(centres["label"]), on_marks)
    assert all(count <= REACHED[name].get(kind, 0) for kind, count in on_marks.items()), on_marks


def within(box: Box, centres: dict[str, np.ndarray]) -> np.ndarray:
    rows, columns = centres["row"], centres["column"]
    return (rows >= box.top) & (rows < box.bottom) & (columns >= box.left) & (columns < box.right)


@pytest.mark.parametrize("name", REACHED)
def test_boxes_lie_on_their_film_and_hold_more_than_the_plate(name: str, real_data: Path) -> None:
    pixels = np.asarray(read(real_data / "w0003" / f"{name}.png").pixels, np.float32)
    for kind, boxes in boxes_by_kind(name).items():
        for box in boxes:
            assert box.within(pixels.shape) == box
            if kind in ("lead", "pen"):
                assert np.ptp(np.percentile(pixels[box.slices], [2, 98])) > 15, box
