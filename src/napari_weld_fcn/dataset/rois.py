"""Where crops are cut: pure functions of shapes, places and settings.

Every area is covered by the fewest windows that do so with the overlap asked for, spread evenly, so that no
strip at its end is cut twice as often as the rest. A window that would leave the film is shifted inside
instead of being dropped or filled up: the pixels along the border are as good as any. Only where the film is
smaller than the window does the window stand out, and then by the same on both sides.

Asked for an exact number, an area is covered by lanes that run along it. As many lanes are taken as make the
steps along and across most alike; more windows than it needs simply overlap more.

Where the weld bead lies on a film.

A bead is a strip along the whole film that is brighter than the plate on both of its sides (darker, where
the film is shown as a positive): see `radiograph.strips`. Pieces of it that disagree with their neighbours
(a lead letter, the end of a plate) are outvoted by a median. Where no strip stands out of its own scatter, or
its edges jump about, there is no bead: castings and magnified patches have none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.ndimage import median_filter

from napari_weld_fcn.radiograph.area.strips import Floats, strips
from napari_weld_fcn.radiograph.radiograph import Box

Shape = tuple[int, int]


@dataclass(frozen=True)
class Band:
    """A strip that runs along a film, such as its weld bead.

    Attributes
    ----------
    upper, lower
        ``(length,)``, the film's length along the strip: where it begins and ends across, in pixels, the end
        excluded.
    vertical
        Whether it runs along the rows; otherwise it runs along the columns.
    """

    upper: NDArray[np.float64]
    lower: NDArray[np.float64]
    vertical: bool = False

    @classmethod
    def whole(cls, shape: Shape) -> Band:
        """Return the whole film of `shape` as a band along its longer side."""
        vertical = shape[0] > shape[1]
        across, along = sorted(shape)
        return cls(np.zeros(along), np.full(along, float(across)), vertical)

    def within(self, start: int, stop: int) -> tuple[float, float]:
        """Return where the band begins and ends across, at its widest from `start` to `stop`."""
        part = slice(max(start, 0), max(stop, 1))
        return float(self.upper[part].min()), float(self.lower[part].max())


def square(row: int, column: int, size: int) -> Box:
    """Return the square of `size` pixels whose first one is at `row` and `column`; perhaps negative."""
    return Box(row, column, row + size, column + size)


def cover(length: int, size: int, overlap: float = 0.0) -> list[int]:
    """Return the first pixels of the fewest windows that cover `length` pixels, evenly spread.

    Parameters
    ----------
    length, size
        In pixels, at least 1. One window stands out by the same on both sides where `length` is smaller.
    overlap
        Least share of a window that the next one shows as well, from 0 to below 1.
    """
    if length <= size:
        return [_centred(length - size)]
    step = max(1, int(size * (1 - overlap)))
    return spread_evenly(length, size, -(-(length - size) // step) + 1)


def spread_evenly(length: int, size: int, count: int) -> list[int]:
    """Return the first pixels of `count` windows spread evenly over `length` pixels; one is centred."""
    free = length - size
    if free <= 0 or count == 1:
        return [_centred(free)] * count
    return [round(free * index / (count - 1)) for index in range(count)]


def over_band(band: Band, shape: Shape, size: int, overlap: float = 0.0) -> list[Box]:
    """Cover a band of a film with windows.

    Parameters
    ----------
    band
        Of a film of `shape`; where it is narrower than a window, the window is centred on it.
    shape
        Rows and columns of the film.
    size
        Edge of a window, pixels.
    overlap
        As for `cover`.

    Returns
    -------
    list of Box
        In the order of reading along the band.
    """
    along, across = _edges(band, shape)
    windows = []
    for first in cover(along, size, overlap):
        start, stop = (int(edge) for edge in np.clip(band.within(first, first + size), 0, across))
        for offset in cover(stop - start, size, overlap):
            windows.append(_window(band, first, _inside(start + offset, size, across), size))
    return windows


def spread_over_band(band: Band, shape: Shape, size: int, count: int) -> list[Box]:
    """Spread exactly `count` windows evenly over a band of a film, overlapping as needed.

    They are all different as long as the film has so many places for a window; beyond that they repeat.

    Parameters
    ----------
    band, shape, size
        As for `over_band`.
    count
        At least 1.
    """
    along, across = _edges(band, shape)
    free = max(along - size, 0)
    width = min(round(float(np.percentile(band.lower - band.upper, 90))), across)
    slack = max(width - size, 0)
    if count > (free + 1) * (slack + 1):
        slack = max(across - size, 0)
    lanes = _lanes(count, free, slack)
    windows = []
    for lane, offset in enumerate(spread_evenly(slack + size, size, lanes)):
        members = count // lanes + (lane < count % lanes)
        for first in spread_evenly(along, size, members):
            begin = _first_lane(band, first, size, slack, across)
            windows.append(_window(band, first, begin + offset, size))
    return windows


def over_rectangles(
    rectangles: NDArray[np.float64], shape: Shape, size: int, overlap: float = 0.0
) -> list[Box]:
    """Cover each rectangle with windows; one that is smaller than a window gets one window, centred on it.

    Parameters
    ----------
    rectangles
        ``(n, 4)``: row and column of one corner and of the opposite one, counted in pixel centres from 0.
        What lies outside the film is not covered, and a rectangle wholly outside gives no window.
    shape, size, overlap
        As for `over_band`.
    """
    windows: list[Box] = []
    for rectangle in np.asarray(rectangles, dtype=float).reshape(-1, 4):
        spans = [_span(rectangle[axis::2], shape[axis]) for axis in (0, 1)]
        if all(start < stop for start, stop in spans):
            rows, columns = (
                [_inside(start + first, size, edge) for first in cover(stop - start, size, overlap)]
                for (start, stop), edge in zip(spans, shape, strict=True)
            )
            windows += [square(row, column, size) for row in rows for column in columns]
    return unique(windows)


def around_flaws(flaw: NDArray[np.bool_], size: int, overlap: float = 0.0) -> list[Box]:
    """Put a window around every flaw; flaws larger than a window are covered, where they have pixels.

    Parameters
    ----------
    flaw
        ``(rows, columns)`` bool; pixels that touch, also at a corner, are one flaw.
    size, overlap
        As for `over_band`.
    """
    numbers, _ = ndimage.label(flaw, np.ones((3, 3)))
    boxes = [
        (rows.start, columns.start, rows.stop - 1, columns.stop - 1)
        for rows, columns in ndimage.find_objects(numbers)
    ]
    shape = (flaw.shape[0], flaw.shape[1])
    windows = over_rectangles(np.array(boxes, dtype=float).reshape(-1, 4), shape, size, overlap)
    return [window for window in windows if flaw[window.within(shape).slices].any()]


def jittered(windows: Iterable[Box], shape: Shape, jitter: int, rng: np.random.Generator) -> list[Box]:
    """Shift each window by up to `jitter` pixels down and across, drawn from `rng`, but not off the film."""
    windows = list(windows)
    shifts = rng.integers(-jitter, jitter + 1, (len(windows), 2))
    return [
        _moved(window, int(down), int(across), shape)
        for window, (down, across) in zip(windows, shifts, strict=True)
    ]


def _moved(window: Box, down: int, right: int, shape: Shape) -> Box:
    """A window shifted by so many pixels, but not further than the border of a film of `shape`."""
    size = window.shape[0]
    row, column = _inside(window.top + down, size, shape[0]), _inside(window.left + right, size, shape[1])
    return square(row, column, size)


def unique(windows: Iterable[Box]) -> list[Box]:
    """Return each window once, in the order of their first appearance."""
    return list(dict.fromkeys(windows))


def _edges(band: Band, shape: Shape) -> tuple[int, int]:
    """Return the film's edge along the band, and across it."""
    return shape if band.vertical else (shape[1], shape[0])


def _window(band: Band, along: int, across: int, size: int) -> Box:
    return square(along, across, size) if band.vertical else square(across, along, size)


def _centred(free: int) -> int:
    """Return the first pixel of a window that leaves `free` pixels, or stands out by them where negative."""
    return free // 2 if free > 0 else -(-free // 2)


def _inside(first: int, size: int, edge: int) -> int:
    """Shift a window that begins at `first` onto the film; centre it where the film is smaller."""
    return _centred(edge - size) if edge <= size else min(max(first, 0), edge - size)


def _span(ends: NDArray[np.float64], edge: int) -> tuple[int, int]:
    """Return the pixels of one axis whose centres lie between two ends, or the one nearest, on the film."""
    low, high = float(ends.min()), float(ends.max())
    start, stop = int(np.ceil(low)), int(np.floor(high)) + 1
    if stop <= start:
        start = int(np.floor((low + high) / 2 + 0.5))
        stop = start + 1
    return max(start, 0), min(stop, edge)


def _lanes(count: int, free: int, slack: int) -> int:
    """Return how many lanes bring the largest steps along and across down to the most even."""

    def largest_step(lanes: int) -> tuple[float, float, int]:
        along = free / max(count // lanes - 1, 0.5)
        across = slack / max(lanes - 1, 0.5)
        crowded = max(-(-count // lanes) - free - 1, lanes - slack - 1, 0)
        return crowded, max(along, across), lanes

    return min(range(1, count + 1), key=largest_step)


def _first_lane(band: Band, first: int, size: int, slack: int, across: int) -> int:
    """Return where the first lane begins at this place along the band, all lanes being centred on it."""
    upper, lower = band.within(first, first + size)
    return _inside(round((upper + lower - slack - size) / 2), slack + size, across)


#: Pieces that vote on an edge.
VOTES = 5

#: The edges found lie half way up the flank; the toes lie farther out, by this share of the bead.
TOE = 0.12


def find_bead(pixels: Any) -> Band | None:
    """Find the weld bead of a film.

    Parameters
    ----------
    pixels
        ``(rows, columns)``, any real dtype; a lazy array is read some rows at a time.

    Returns
    -------
    Band or None
        From toe to toe, in pixels of the film, along its columns or its rows; None where there is none.
    """
    beads = [strip for strip in strips(pixels) if strip.is_bead]
    best = max(beads, key=lambda strip: strip.explained, default=None)
    return _full_size(best.edges, pixels.shape, best.vertical) if best else None


def _full_size(edges: Floats, shape: tuple[int, ...], vertical: bool) -> Band:
    """Return the edges of pieces as those at every pixel along, in pixels, widened to the toes."""
    across, along = (shape[1], shape[0]) if vertical else (shape[0], shape[1])
    upper, lower = (median_filter(edge * across, VOTES, mode="nearest") for edge in edges)
    middles = (np.arange(len(upper)) + 0.5) * along / len(upper)
    margin = TOE * (lower - upper)
    places = np.arange(along) + 0.5
    upper, lower = np.interp(places, middles, upper - margin), np.interp(places, middles, lower + margin)
    return Band(np.clip(upper, 0, across), np.clip(lower, 0, across), vertical)
