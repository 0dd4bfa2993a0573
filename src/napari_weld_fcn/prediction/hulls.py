"""The longest extent of many regions at once, exactly, without a loop over regions.

Projecting every boundary pixel on a fan of directions is the usual way; it is slower and only as exact as
its fan is dense. Here each region is given by the leftmost and rightmost pixel of each of its rows. What
is not convex in those two chains is taken out of all regions in the same few passes, and the corners of
the hull that remain (some tens for a large blob) are compared pair by pair.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

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
