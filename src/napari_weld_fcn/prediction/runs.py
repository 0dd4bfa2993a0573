"""Regions as runs: stretches of one label within a row.

A run carries its own sums, so that areas, centroids and probabilities of any number of regions follow from
one sort and a few `reduceat`; there are some ten times fewer runs than pixels, and only they are kept
while a film of any size passes by in bands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int32]
Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Pixels that are looked at together; bounds the memory beside input and output.
BAND_PIXELS = 1 << 22


@dataclass(frozen=True)
class Runs:
    """One entry a run, its row counted through the stack.

    Attributes
    ----------
    label
        The region's number, from 1.
    row, start, stop
        Row, first column and the column after the last, pixels.
    total, peak
        Sum and maximum of the probability over the run.
    """

    label: Integers
    row: Integers
    start: Integers
    stop: Integers
    total: Floats
    peak: Floats

    @property
    def length(self) -> Integers:
        """Pixels in each run."""
        return self.stop - self.start

    def sorted_by_label(self) -> Runs:
        """Return the same runs label by label, in row-major order within each."""
        return self.chosen(np.argsort(self.label, kind="stable"))

    def chosen(self, which: Integers) -> Runs:
        """Return the runs of these indices, in their order."""
        return Runs(*(getattr(self, name)[which] for name in Runs.__annotations__))


def bands(shape: tuple[int, ...]) -> Iterator[slice]:
    """Cut the rows of ``(rows, columns)`` into slices of at most `BAND_PIXELS` pixels, one row at least."""
    height = max(1, BAND_PIXELS // max(shape[-1], 1))
    return (slice(top, min(top + height, shape[0])) for top in range(0, shape[0], height))


def find_runs(labels: Labels, probability: Any = None) -> Runs:
    """All runs in row-major order.

    Parameters
    ----------
    labels
        ``(rows, columns)`` or ``(planes, rows, columns)`` integers, 0 background.
    probability
        The same shape; without it `total` and `peak` are 0.
    """
    planes = labels.reshape(-1, *labels.shape[-2:])
    chances = probability if probability is None or labels.ndim == 3 else probability[None]
    found = [
        _runs_of_band(
            plane[band],
            None if chances is None else np.asarray(chances[index][band]),
            index * plane.shape[0] + band.start,
        )
        for index, plane in enumerate(planes)
        for band in bands(plane.shape)
    ]
    if len(found) == 1:
        return found[0]
    return Runs(*(np.concatenate([getattr(runs, name) for runs in found]) for name in Runs.__annotations__))


def groups(sorted_labels: Integers) -> tuple[Integers, Integers]:
    """Where each number begins in `sorted_labels`, and the numbers."""
    first = np.flatnonzero(np.diff(sorted_labels, prepend=0))
    return first, sorted_labels[first]


def row_ends(runs: Runs, first: Integers) -> tuple[Integers, Integers, Integers, Integers]:
    """For each region and row: the region's index from 0, the row, the leftmost and the rightmost column.

    Parameters
    ----------
    runs
        Sorted by label.
    first
        Where each label begins.
    """
    region = np.repeat(np.arange(first.size), np.diff(first, append=runs.label.size))
    opens = np.ones(region.size, dtype=bool)
    opens[1:] = (region[1:] != region[:-1]) | (runs.row[1:] != runs.row[:-1])
    closes = np.append(opens[1:], True)[: region.size]
    return region[opens], runs.row[opens], runs.start[opens], runs.stop[closes] - 1


def _runs_of_band(labels: Labels, probability: NDArray[Any] | None, top: int) -> Runs:
    flat, columns = labels.reshape(-1), labels.shape[1]
    changes = np.empty(flat.size, dtype=bool)
    np.not_equal(flat[1:], flat[:-1], out=changes[1:])
    changes[::columns] = True
    start = np.flatnonzero(changes)
    marked = np.flatnonzero(flat[start])
    stop = np.append(start[1:], flat.size)[marked]
    start = start[marked]
    row, first = np.divmod(start, columns)
    total, peak = _over_runs(probability, start, stop)
    return Runs(flat[start].astype(np.int64), row + top, first, first + stop - start, total, peak)


def _over_runs(probability: NDArray[Any] | None, start: Integers, stop: Integers) -> tuple[Floats, Floats]:
    """Sum and maximum of `probability` over runs of its flat index."""
    if probability is None or not start.size:
        return np.zeros(start.size), np.zeros(start.size)
    length = stop - start
    begin = np.cumsum(length) - length
    values = probability.reshape(-1)[np.arange(length.sum()) + np.repeat(start - begin, length)]
    return (
        np.add.reduceat(values, begin, dtype=np.float64),
        np.maximum.reduceat(values, begin).astype(np.float64),
    )


def sums(values: NDArray[Any], first: NDArray[np.int64]) -> NDArray[Any]:
    """Sum the values of each group."""
    return np.add.reduceat(values, first) if first.size else values[:0]
