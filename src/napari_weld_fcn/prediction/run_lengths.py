"""Regions as runs: stretches of one label within a row.

A run carries its own sums, so that areas, centroids and probabilities of any number of regions follow from
one sort and a few `reduceat`; there are some ten times fewer runs than pixels, and only they are kept while
a film of any size passes by in bands.

`feret` gives the longest extent of many regions at once, exactly, without a loop over regions. Projecting
every boundary pixel on a fan of directions is the usual way; it is slower and only as exact as its fan is
dense. Here each region is given by the leftmost and rightmost pixel of each of its rows. What is not convex
in those two chains is taken out of all regions in the same few passes, and the corners of the hull that
remain (some tens for a large blob) are compared pair by pair.
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


#: Passes after which points that are no corners may stay: they cost time, never exactness.
MAX_PASSES = 64


def feret(
    count: int, region: Integers, row: Integers, left: Integers, right: Integers
) -> tuple[Floats, Floats, Floats]:
    """Maximum Feret length, the width across it and its orientation.

    Parameters
    ----------
    count
        Number of regions.
    region, row, left, right
        One entry for each region and row that it has pixels in, sorted by region, then row: the region's
        index from 0, the row, and the columns of its first and last pixel there.

    Returns
    -------
    Three arrays of `count`: length and width in pixels, each pixel being a disc of diameter 1; degrees in
    (-90, 90], 0 along a row, 90 along a column, positive where the length rises to the right (rows run
    downwards). Where several lengths are equal, the first in row-major order of its ends counts.
    """
    if not count:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    index, rows, columns = _hull_points(region, row, left, right)
    first = np.searchsorted(index, np.arange(count))
    squared, along_row, along_column = _longest(index, rows, columns, first)
    length = np.sqrt(squared.astype(np.float64))
    unit = np.where(length > 0, length, 1.0)
    across = (columns * along_row[index] - rows * along_column[index]) / unit[index]
    width = np.maximum.reduceat(across, first) - np.minimum.reduceat(across, first)
    angle = np.degrees(np.arctan2(-along_row, along_column))
    angle = np.where(angle <= -90.0, angle + 180.0, np.where(angle > 90.0, angle - 180.0, angle))
    return length + 1.0, width + 1.0, angle + 0.0


def _hull_points(
    region: Integers, row: Integers, left: Integers, right: Integers
) -> tuple[Integers, Integers, Integers]:
    """Corners of each region's hull: region, row, column, sorted by region, then row, then column."""
    on_left = _convex(region, row, left)
    on_right = _convex(region, row, -right)
    regions = np.concatenate([region[on_left], region[on_right]])
    rows = np.concatenate([row[on_left], row[on_right]])
    columns = np.concatenate([left[on_left], right[on_right]])
    # Both halves are sorted already, and a stable sort of two sorted runs is a merge.
    order = np.argsort(regions * (row.max() + 1) + rows, kind="stable")
    return regions[order], rows[order], columns[order]


def _convex(region: Integers, row: Integers, column: Integers) -> Integers:
    """Which points of each chain are corners of its hull towards small columns.

    A corner lies strictly outside every chord that spans it, whatever else is taken out in the same pass,
    so no corner is ever lost.
    """
    kept = np.arange(region.size)
    for _ in range(MAX_PASSES):
        before, here, after = kept[:-2], kept[1:-1], kept[2:]
        inside = region[before] == region[after]
        inside &= (column[here] - column[before]) * (row[after] - row[before]) >= (
            column[after] - column[before]
        ) * (row[here] - row[before])
        if not inside.any():
            break
        kept = np.delete(kept, np.flatnonzero(inside) + 1)
    return kept


def _longest(
    index: Integers, rows: Integers, columns: Integers, first: Integers
) -> tuple[Integers, Floats, Floats]:
    """Of each region the largest squared distance of two points, and the step from one to the other."""
    size = np.diff(first, append=index.size)
    remaining = size[index] - 1 - (np.arange(index.size) - first[index])
    best = np.zeros(index.size, dtype=np.int64)
    partner = np.arange(index.size)
    active = np.flatnonzero(remaining > 0)
    step = 1
    while active.size:
        squared = (rows[active + step] - rows[active]) ** 2 + (columns[active + step] - columns[active]) ** 2
        longer = squared > best[active]
        better = active[longer]
        best[better] = squared[longer]
        partner[better] = better + step
        step += 1
        active = active[remaining[active] >= step]
    largest = np.maximum.reduceat(best, first)
    winners = np.flatnonzero(best == largest[index])
    start = winners[np.searchsorted(index[winners], np.arange(first.size))]
    end = partner[start]
    return largest, (rows[end] - rows[start]).astype(float), (columns[end] - columns[start]).astype(float)
