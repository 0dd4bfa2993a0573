"""Crops worth a look: flaws that were missed, false calls, and flaws that were found, beside their truth.

Scores say how many there are, and only a picture says which. The largest of each kind come first, for a long
crack that was missed matters more than a pore of four pixels. What another crop of the film shows already is
not shown again. Crops are cut while a film is scored, so that no film is kept for its pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.evaluation.figures import Figure, comparison
from napari_weld_fcn.evaluation.film_scores import MarkedFilm

Kind = Literal["missed", "false call", "found"]
KINDS: tuple[Kind, ...] = ("missed", "false call", "found")

#: Edge of a crop, pixels; how many of each kind a film gives; how many stand side by side.
EDGE, EACH, MOST = 128, 2, 8


@dataclass(frozen=True)
class Example:
    """One crop.

    Attributes
    ----------
    film
        Its name.
    kind
        What is amid it.
    row, column
        Its first pixel in the film, from 0.
    pixels, probability, truth
        ``(rows, columns)``: grey levels as in the film, float32 in [0, 1], and whether a pixel is flaw.
    """

    film: str
    kind: Kind
    row: int
    column: int
    pixels: NDArray[Any]
    probability: NDArray[np.float32]
    truth: NDArray[np.bool_]

    @property
    def name(self) -> str:
        """Film, kind and place, such as ``"W0001_0003 missed 120,845"``."""
        return f"{self.film} {self.kind} {self.row},{self.column}"


def examples(marked: MarkedFilm, each: int = EACH, edge: int = EDGE) -> list[Example]:
    """Cut crops out of one film.

    Parameters
    ----------
    marked
        The film as it was scored.
    each
        How many of each kind at most.
    edge
        Of a crop, pixels; a film that is smaller gives smaller ones.

    Returns
    -------
    list of Example
        Missed flaws, false calls, found flaws; of each the largest first. A flaw that is at least half marked
        in the company of others is neither missed nor found.
    """
    found: list[Example] = []
    for kind, regions, numbers in _by_kind(marked):
        kept = 0
        for row, column in _centres(regions, numbers):
            if kept < each and not any(_shows(other, row, column) for other in found):
                found.append(_cut(marked, kind, row, column, edge))
                kept += 1
    return found


def side_by_side(found: Sequence[Example], most: int = MOST, marks: str = "heatmap") -> Figure:
    """Put crops of all films into one figure: input, heatmap and truth, a column for each crop.

    Parameters
    ----------
    found
        What `examples` gave for each film, one after the other; at least one.
    most
        How many are shown. Each film gives its first of each kind before any gives its second.
    marks
        What the row of heatmaps is called.
    """
    chosen = sorted(sorted(range(len(found)), key=lambda index: _turn(found, index))[:most])
    shown = [found[index] for index in chosen]
    figure = comparison(
        [example.name for example in shown],
        [example.pixels for example in shown],
        [example.probability for example in shown],
        [example.truth for example in shown],
    )
    return Figure(figure.panels, ("input", marks, "truth"), figure.columns, bar=figure.bar)


def _turn(found: Sequence[Example], index: int) -> tuple[int, int, int]:
    """The rank of an example among those of its film and kind, then its kind, then its film."""
    example = found[index]
    rank = sum((other.film, other.kind) == (example.film, example.kind) for other in found[:index])
    return rank, KINDS.index(example.kind), index


def _by_kind(marked: MarkedFilm) -> Iterator[tuple[Kind, NDArray[Any], NDArray[np.int64]]]:
    matches, instances = marked.matches, marked.case.instances
    yield "missed", instances, matches.flaws[~matches.marked]
    yield "false call", marked.labels, matches.false_labels
    yield "found", instances, matches.flaws[matches.labels > 0]


def _centres(regions: NDArray[Any], numbers: NDArray[np.int64]) -> Iterator[tuple[float, float]]:
    """Row and column amid each region, the largest region first."""
    values, sizes = np.unique(regions[regions != 0], return_counts=True)
    area = dict(zip(values.tolist(), sizes.tolist(), strict=True))
    for number in sorted(numbers.tolist(), key=lambda number: -area[number]):
        rows, columns = np.nonzero(regions == number)
        yield float(rows.mean()), float(columns.mean())


def _cut(marked: MarkedFilm, kind: Kind, row: float, column: float, edge: int) -> Example:
    rows, columns = marked.labels.shape
    top, left = _first(row, edge, rows), _first(column, edge, columns)
    window = slice(top, top + edge), slice(left, left + edge)
    radiograph = marked.case.radiograph
    pixels, probability = np.array(radiograph.pixels[window]), marked.probability[window].copy()
    return Example(radiograph.name, kind, top, left, pixels, probability, marked.case.instances[window] != 0)


def _first(centre: float, edge: int, size: int) -> int:
    return int(np.clip(round(centre) - edge // 2, 0, max(size - edge, 0)))


def _shows(example: Example, row: float, column: float) -> bool:
    rows, columns = example.truth.shape
    return bool(0 <= row - example.row < rows and 0 <= column - example.column < columns)
