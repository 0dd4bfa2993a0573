"""Whole rows and columns of a film that a detector, or a scanner, did not measure.

A dead line has one value from end to end, be it black, white or a stuck grey, and the film goes on beside it.
Drawn in like hot pixels it would still be a long straight flaw; taken for text, as its hard edges suggest, it
would hide all that is near it. So it is filled from the lines on both of its sides, as a detector's own
correction does, and told.

No film has such a line: what is as flat, a saturated plate or a picture without grain, is so over more lines
than `MOST`, or nearly so beside them. Lines at the border are a frame, see `film_edges`. Only whole lines are
found: a piece of one is a stroke like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]
Corners = tuple[int, int, int, int]
#: First line of a group, and the one behind its last.
Group = tuple[int, int]

#: Dead lines side by side at most; nothing is known of what more would hide.
MOST = 3
#: Share of a line that has its value, for other lines cross it; and the most of a line beside it.
_SAME, _BESIDE = 0.98, 0.5
#: A shorter line may have one value by chance.
_SHORTEST = 32
#: Groups at most; a picture with more is drawn so.
_GROUPS = 64
#: Pixels of each line that are looked at first, and rows side by side that give those of the columns.
_FIRST, _TOGETHER = 64, 16


@dataclass(frozen=True)
class DeadLines:
    """The dead rows and columns of a picture, in groups of neighbours."""

    rows: tuple[Group, ...] = ()
    columns: tuple[Group, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.rows or self.columns)

    @property
    def count(self) -> tuple[int, int]:
        """How many rows and how many columns."""
        rows, columns = (sum(stop - start for start, stop in each) for each in (self.rows, self.columns))
        return rows, columns

    def joined(self, others: DeadLines) -> DeadLines:
        """Return these and others."""
        return DeadLines(
            *(_joined(*each) for each in ((self.rows, others.rows), (self.columns, others.columns)))
        )

    def read(self, plane: Any, rows: slice, columns: slice) -> Pixels:
        """Return a window of a picture with its dead lines filled; a pixel does not depend on the window.

        Parameters
        ----------
        plane
            The whole picture, ``(rows, columns)``; may be lazy.
        rows, columns
            Of the window, with both ends; perhaps with a step.
        """
        values = self._columns_filled(plane, rows, columns)
        hit = _hit(self.rows, rows)
        values = values.copy() if hit else values
        for place, row, (start, stop) in hit:
            above, below = (self._columns_filled(plane, _one(line), columns)[0] for line in (start - 1, stop))
            values[place] = _between(above, below, (row - start + 1) / (stop - start + 1))
        return values

    def _columns_filled(self, plane: Any, rows: slice, columns: slice) -> Pixels:
        values = np.asarray(plane[rows, columns])
        hit = _hit(self.columns, columns)
        values = values.copy() if hit else values
        for place, column, (start, stop) in hit:
            left, right = (np.asarray(plane[rows, _one(line)])[:, 0] for line in (start - 1, stop))
            values[:, place] = _between(left, right, (column - start + 1) / (stop - start + 1))
        return values

    def alive(self, rows: slice, columns: slice) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
        """Return which rows and which columns of a window are none of these; None where all are so."""
        alive = []
        hits = [_hit(groups, part) for groups, part in ((self.rows, rows), (self.columns, columns))]
        if not any(hits):
            return None
        for hit, part in zip(hits, (rows, columns), strict=True):
            line = np.ones(len(range(part.start, part.stop, part.step or 1)), bool)
            line[[place for place, *_ in hit]] = False
            alive.append(line)
        return alive[0], alive[1]


class Filled:
    """A picture as it is read with its dead lines filled."""

    def __init__(self, plane: Any, lines: DeadLines) -> None:
        self._plane, self._lines = plane, lines
        self.shape, self.dtype, self.size = plane.shape, plane.dtype, plane.size

    def __getitem__(self, key: tuple[slice, slice]) -> Pixels:
        parts = (slice(*each.indices(size)) for each, size in zip(key, self.shape, strict=True))
        return self._lines.read(self._plane, *parts)


def find_dead_lines(plane: Any, box: Corners, looked_at: Pixels, step: int) -> DeadLines:
    """Find the rows and columns of a box that have one value.

    Parameters
    ----------
    plane
        The whole picture, ``(rows, columns)``; may be lazy.
    box
        First row and column, and those behind the last.
    looked_at
        All rows, and every `step`-th column, of the box.
    step
        Above 0.
    """
    top, left, bottom, right = box
    rows = tuple((top + start, top + stop) for start, stop in _groups(looked_at, looked_at.__getitem__))
    first = looked_at.T
    if step > 1:
        places = np.linspace(top, bottom - _TOGETHER, 6).astype(int)[1:-1]
        first = np.concatenate([np.asarray(plane[at : at + _TOGETHER, left:right]) for at in places]).T

    def whole(lines: slice) -> Pixels:
        columns = slice(left + lines.start, left + lines.stop)
        return np.asarray(plane[top:bottom:step, columns]).T

    columns = tuple((left + start, left + stop) for start, stop in _groups(first, whole))
    return DeadLines(rows, columns)


def _groups(lines: Pixels, whole: Callable[[slice], Pixels]) -> list[Group]:
    """The groups among some pixels of all lines that are dead; `whole` gives more of them."""
    if lines.shape[1] < _SHORTEST:
        return []
    few = lines[:, :: max(1, lines.shape[1] // _FIRST)]
    flat = np.flatnonzero(_share(few) >= 2 * _SAME - 1)
    groups = np.split(flat, np.flatnonzero(np.diff(flat) > 1) + 1) if flat.size else []
    found = [(int(group[0]), int(group[-1]) + 1) for group in groups if len(group) <= MOST]
    found = [(start, stop) for start, stop in found if start > 0 and stop < len(lines)]
    if len(found) > _GROUPS:
        return []
    return [group for group in found if _is_dead(whole(slice(group[0] - 1, group[1] + 1)))]


def _is_dead(lines: Pixels) -> bool:
    """Whether lines are of one value each, but the first and the last are not nearly so."""
    share = _share(lines)
    return bool((share[1:-1] >= _SAME).all() and (share[[0, -1]] <= _BESIDE).all())


def _share(lines: Pixels) -> NDArray[np.float64]:
    """Of each line, the share of the pixels that are as the middle one of them in order; NaN is a value."""
    if lines.dtype.kind == "f":
        lines = np.where(np.isnan(lines), np.inf, lines)
    half = lines.shape[1] // 2
    middle = np.partition(lines, half, axis=1)[:, half]
    return np.asarray((lines == middle[:, None]).mean(axis=1))


def _hit(groups: tuple[Group, ...], part: slice) -> list[tuple[int, int, Group]]:
    """Place within a window, line and group of each dead line that it shows."""
    seen = range(part.start, part.stop, part.step or 1)
    return [(seen.index(line), line, group) for group in groups for line in range(*group) if line in seen]


def _one(line: int) -> slice:
    return slice(line, line + 1)


def _between(before: Pixels, after: Pixels, share: float) -> Pixels:
    """Between two lines, `share` of the way; where one of them has no number, the other's."""
    if before.dtype.kind != "f":
        return np.rint(before + share * (after.astype(np.float64) - before)).astype(before.dtype)
    before, after = (np.where(np.isfinite(a), a, b) for a, b in ((before, after), (after, before)))
    with np.errstate(invalid="ignore"):
        return np.asarray((1 - share) * before + share * after, before.dtype)


def _joined(some: tuple[Group, ...], others: tuple[Group, ...]) -> tuple[Group, ...]:
    return tuple(sorted({*some, *others}))
