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

from napari_weld_fcn.radiograph.area.surround import HARD, Cells, Corners, Level, grain_of, hard_step

#: Lines of a frame at most.
_FRAME = 64
#: Lines over which the edge of a film may be blurred.
_BLURRED = 8
#: Lines from the border in which a rim is looked for, and how wide it is at most.
_RIM, _RIM_WIDTH = 12, 6
#: Lines within which a rim ends.
_RIM_STEP = 3
#: By how many times the grain a rim stands out at least.
_RIM_GRAINS = 3.0
#: Share of its length over which a rim stands out, and shortest one, pixels.
_ALONG, _RIM_LENGTH = 0.95, 256


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


def within_rim(plane: Any, box: Corners) -> Corners:
    """Cut off a thin line that runs along a whole edge: the rim of a sheet, the shadow of a cassette.

    No flaw is straight to the pixel over the length of a film. A line counts where nearly every one of its
    pixels stands out from the film behind it by more than grain, like a hard edge, and by one sign.
    """
    top, left, bottom, right = box
    if min(bottom - top, right - left) < 8 * _RIM:
        return box
    deep = 3 * _RIM
    columns, rows = slice(left, right), slice(top, bottom)
    return (
        top + _rim(np.asarray(plane[top : top + deep, columns])),
        left + _rim(np.asarray(plane[rows, left : left + deep]).T),
        bottom - _rim(np.asarray(plane[bottom - deep : bottom, columns])[::-1]),
        right - _rim(np.asarray(plane[rows, right - deep : right]).T[::-1]),
    )


def _rim(strip: NDArray[Any]) -> int:
    """Lines up to the end of a rim at the beginning of a strip; 0 where there is none."""
    if strip.shape[1] < _RIM_LENGTH:
        return 0
    values = strip.astype(np.float64)
    behind = np.median(values[_RIM : 2 * _RIM], axis=0)
    film = np.ones(values[_RIM:].shape, bool)
    step = max(_RIM_GRAINS * grain_of(values[_RIM:], film), hard_step(values[_RIM:], film))
    if not step > 0:
        return 0
    lines = values[: _RIM + 1]
    further = values[_RIM_STEP : _RIM + 1 + _RIM_STEP]  # a film that only darkens towards its edge has no rim
    bright = np.minimum(lines - behind, lines - further) > step
    dark = np.minimum(behind - lines, further - lines) > step
    stands = np.maximum(bright.mean(axis=1), dark.mean(axis=1)) >= _ALONG
    if stands[-1] or not stands.any() or np.count_nonzero(stands) > _RIM_WIDTH:
        return 0
    return int(np.flatnonzero(stands)[-1]) + 1


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
