"""Where a film ends, to the pixel.

What surrounds a film is found on a coarse picture; here the lines between the last cell outside and the first
one inside are looked at one by one. A scanned edge is blurred over some lines: they have a grey between those
of both sides, are no film, and would be called over their whole length. A digital edge is not, and nothing is
cut there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.radiograph.surround import HARD, Cells, Corners, Level, hard_step

#: Lines of a frame at most.
_FRAME = 64
#: Lines over which the edge of a film may be blurred.
_BLURRED = 8


def refined(plane: Any, box: Corners, step: int, levels: list[Level]) -> Corners:
    """Return the pixels between which the film lies, of which every `step`-th is a cell of `box`."""
    top, left, bottom, right = box
    across = slice(left * step, (right - 1) * step + 1)
    first, last = _ends(plane, (top, bottom), step, across, levels, axis=0)
    left, right = _ends(plane, (left, right), step, slice(first, last), levels, axis=1)
    return first, left, last, right


def _ends(
    plane: Any, cells: tuple[int, int], step: int, across: slice, levels: list[Level], axis: int
) -> tuple[int, int]:
    size, (first, last) = int(plane.shape[axis]), cells

    def lines(start: int, stop: int) -> Cells:
        start, stop = max(start, 0), min(stop, size)
        part = plane[start:stop, across] if axis == 0 else plane[across, start:stop].T
        return np.asarray(part).astype(np.float64)

    begin, end = 0, size
    if first > 0:
        strip = lines((first - 1) * step, first * step + 4 * _BLURRED)
        begin = (first - 1) * step + _edge(strip, step, levels)
    if last * step < size:
        start = (last - 1) * step
        strip = lines(start - 4 * _BLURRED, last * step + 1)[::-1]
        end = start - 4 * _BLURRED + len(strip) if start >= 4 * _BLURRED else len(strip)
        end -= _edge(strip, len(strip) - 1 - min(4 * _BLURRED, start), levels)
    return begin, max(end, begin + 1)


def _edge(strip: Cells, step: int, levels: list[Level]) -> int:
    """Lines before the film, of a strip whose first is none and whose line `step` is film."""
    beside = ~np.isfinite(strip)
    for level in levels:
        beside |= level.has(strip)
    share = beside[: step + 1].mean(axis=1)
    at = int(np.argmax(share < (share[0] + share[-1]) / 2))
    return at + _blurred(strip[at:], float(np.median(strip[0])))


def _blurred(strip: Cells, surround: float) -> int:
    """Lines at the beginning of a film that are still on their way from the surround's grey to its own."""
    if len(strip) < 3 * _BLURRED or not np.isfinite(surround):
        return 0
    middles = np.median(strip, axis=1)
    own = float(np.median(middles[_BLURRED : 3 * _BLURRED]))
    height = surround - own
    if np.ptp(middles[_BLURRED : 3 * _BLURRED]) > 0.1 * abs(height):
        return 0
    if not abs(height) > 4 * hard_step(strip, np.ones(strip.shape, bool)):
        return 0
    settled = (middles[:_BLURRED] - own) / height < 0.25
    return int(np.argmax(settled)) if settled.any() else _BLURRED


def framed(plane: Any, box: Corners) -> Corners:
    """Cut off lines of exactly one grey: a detector's frame, a line around the film."""
    for _ in range(3):
        top, left, bottom, right = box
        frame = min(_FRAME + 2, bottom - top, right - left)
        columns, rows = slice(left, right), slice(top, bottom)
        cut = (
            _one_grey(np.asarray(plane[top : top + frame, columns])),
            _one_grey(np.asarray(plane[rows, left : left + frame]).T),
            _one_grey(np.asarray(plane[bottom - frame : bottom, columns])[::-1]),
            _one_grey(np.asarray(plane[rows, right - frame : right]).T[::-1]),
        )
        if not any(cut):
            break
        box = (top + cut[0], left + cut[1], bottom - cut[2], right - cut[3])
    return box


def _one_grey(strip: NDArray[Any]) -> int:
    """Lines of one grey at the beginning of a strip, if the next ones are plainly another."""
    if strip.dtype.kind == "f":
        strip = np.where(np.isfinite(strip), strip, np.finfo(strip.dtype).max)
    grey = strip[0, strip.shape[1] // 2]
    share = (strip == grey).mean(axis=1)
    count = int(np.argmax(share < 0.98)) if (share < 0.98).any() else 0
    if not 0 < count < len(strip) - 1 or share[count + 1] > 0.5:
        return 0
    beyond = strip[count + 1 : count + 4].astype(np.float64)
    hard = np.abs(beyond[0] - float(grey)) > hard_step(beyond, np.ones(beyond.shape, bool))
    return count if np.mean(hard) >= HARD else 0
