"""What is read off the pixels besides the prediction: their fingerprint, and what of them is useless.

A film digitised with too narrow a window has large areas at the ends of the scale, where no flaw can be
seen; the user should know before trusting an empty result. Both go over the plane some rows at a time, so
lazy pixels stay lazy.

Whether a picture was enlarged after it was digitised: a model knows flaws by their size in pixels.

How sharp a picture is does not tell: one film has no detail finer than five pixels as it was digitised, and
another still has some when it is three times enlarged. What tells is how pixels are made up. Between those
of the film, interpolated ones are smoother, so that roughness rises and falls with the film's pixels: k times
enlarged, every k pixels, in rows and columns alike. That is seen beside JPEG, whose blocks of eight repeat as
well and are left out, and beneath some noise that was added later.

Every k pixels is also what 1 / (1 - 1 / k) times gives, so 3.5 looks like 1.4. What is there above the film's
finest detail decides: next to nothing, or a copy of the detail below, where the picture is k times enlarged.

References
----------
A. C. Gallagher, "Detection of linear and cubic interpolation in JPEG compressed images", CRV 2005.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_weld_fcn.radiograph.area.film_area import FilmArea
from napari_weld_fcn.radiograph.normalisation import Normalisation, full_scale

#: More grey levels than these are not counted.
MOST_LEVELS = 256
_BLOCK_PIXELS = 1 << 20
_STRETCH = 1 << 18


def pixels_sha256(pixels: Any) -> str:
    """Return the SHA-256 of dtype, shape and pixels in row-major, little-endian order.

    Parameters
    ----------
    pixels
        ``(rows, columns)`` or ``(planes, rows, columns)``; may be lazy.
    """
    digest = hashlib.sha256(f"{pixels.dtype.newbyteorder('<').str} {tuple(pixels.shape)}".encode())
    for block in blocks(pixels):
        digest.update(np.ascontiguousarray(block, dtype=block.dtype.newbyteorder("<")).data)
    return digest.hexdigest()


def file_sha256(path: str | Path) -> str | None:
    """Return the SHA-256 of a file's bytes, or None where there is no such file."""
    path = Path(path)
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def clipped_share(plane: Any, area: FilmArea, film: Normalisation) -> float:
    """Return which share of the film's pixels lies at an end of the scale.

    White is the smallest full scale that holds the film, hot pixels left out: a 12-bit film that lies in
    16 bits ends at 4095. Black is 0, or the lowest number of a signed dtype. One-bit images are not clipped.

    Parameters
    ----------
    plane
        ``(rows, columns)``; may be lazy.
    area
        Where the film is.
    film
        Its normalisation; what that cuts off are hot and dead pixels.
    """
    if plane.dtype.kind == "b":
        return 0.0
    ends, count = [_End(), _End()], 0
    for block in area.film_pixels(plane):
        count += block.size
        block = block[(block >= film.darkest) & (block <= film.brightest)]
        if block.size:
            ends = [
                end.with_block(block, extreme) for end, extreme in zip(ends, (np.min, np.max), strict=True)
            ]
    darkest, brightest = ends
    lowest = np.iinfo(plane.dtype).min if plane.dtype.kind == "i" else 0
    clipped = darkest.count if darkest.value in (0, lowest) else 0
    if brightest.value == full_scale(plane.dtype, brightest.value):
        clipped += brightest.count
    return float(clipped / max(count, 1))


def broken_share(plane: Any, area: FilmArea, film: Normalisation) -> float:
    """Return which share of the film's pixels is so far from all others that it is cut off.

    Parameters
    ----------
    plane, area, film
        As for `clipped_share`; of a large film every few pixels are looked at.
    """
    rows, columns = area.shape
    step = int(np.ceil((rows * columns / _BLOCK_PIXELS) ** 0.5))
    count = broken = 0
    for block in area.film_pixels(plane, step):
        count += block.size
        broken += int(np.count_nonzero((block < film.darkest) | (block > film.brightest)))
    return float(broken / max(count, 1))


def grey_levels(plane: Any, area: FilmArea) -> tuple[int, float]:
    """Count a film's grey levels, up to `MOST_LEVELS`; return also which share is as grey as the next pixel.

    Parameters
    ----------
    plane, area
        As for `clipped_share`; of a large film some stretches of rows are looked at.
    """
    levels: set[Any] = set()
    same = pairs = 0
    for block in area.film_pixels(plane):
        middle = max(0, (block.size - _STRETCH) // 2)
        stretch = block[middle : middle + _STRETCH]
        same += int(np.count_nonzero(stretch[1:] == stretch[:-1]))
        pairs += max(stretch.size - 1, 0)
        if len(levels) < MOST_LEVELS:  # a large film of floats may have as many as pixels
            levels.update(np.unique(stretch)[:MOST_LEVELS].tolist())
    return min(len(levels), MOST_LEVELS), same / max(pairs, 1)


@dataclass(frozen=True)
class _End:
    """The most extreme grey level so far, and how many pixels have it."""

    value: float = np.nan
    count: int = 0

    def with_block(self, block: NDArray[Any], extreme: Callable[..., Any]) -> _End:
        here = extreme(block)
        there = self.value if self.count else float(here)
        value = float(extreme([there, here]))
        count = int(np.count_nonzero(block == here)) if float(here) == value else 0
        return _End(value, count + (self.count if there == value else 0))


def blocks(pixels: Any) -> Iterator[NDArray[Any]]:
    """Hand out bands of rows, plane by plane, each of about a million pixels."""
    planes = pixels if len(pixels.shape) == 3 else [pixels]
    for plane in planes:
        rows, columns = plane.shape
        step = max(1, _BLOCK_PIXELS // columns)
        for first in range(0, rows, step):
            yield np.asarray(plane[first : first + step])


#: Smaller pictures (shorter edge, pixels) are patches, often of films magnified on purpose: not judged.
SMALLEST = 256
#: Edge of a window in pixels, and how many are looked at.
_EDGE, _WINDOWS = 512, 12
#: Frequencies, in cycles a pixel, at which the enlargements that are told repeat: 2.4 to 4.2 times.
_BAND = (0.24, 0.42)
#: Under this frequency it may be 1.4 times instead.
_OR_LITTLE = 0.31
#: How far a repetition stands out from all others; beside JPEG, whose blocks repeat it at other places too.
_STANDS_OUT, _FROM_BLOCKS = 8.0, 40.0
#: The most that is there above the finest detail, as a multiple of what there is at the very finest; the
#: second where it may be little enlarged.
_MOST_THERE, _MOST_WHERE_LITTLE = 2.1, 1.45
#: A larger coherence makes it a copy of what is below.
_COPY = 0.55
_TINY = 1e-30
#: Points of a spectrum, and of the shorter ones that are averaged.
_POINTS, _SHORT = 2048, 256
#: Frequencies so near to an eighth belong to the blocks of JPEG, which are there where they stand out so far.
_NEAR_EIGHTH, _BLOCKS = 0.006, 6.0

Values = NDArray[np.float32]


def is_enlarged(plane: Any, area: FilmArea) -> bool:
    """Return whether a film was enlarged about 2.5 times or more.

    Parameters
    ----------
    plane
        ``(rows, columns)``; may be lazy. Up to twelve windows of 512 x 512 pixels are looked at.
    area
        Where the film is.

    Returns
    -------
    bool
        Never True of pictures whose shorter edge has fewer than `SMALLEST` pixels.
    """
    if plane.dtype.kind == "b" or min(area.shape) < SMALLEST:
        return False
    windows = _windows(plane, area)
    axes = windows, [window.T for window in windows]
    frequency = _repetition(axes)
    if frequency is None:
        return False
    there, coherence = zip(*(_above_finest(axis, frequency) for axis in axes), strict=True)
    most = _MOST_THERE if frequency > _OR_LITTLE else _MOST_WHERE_LITTLE
    return bool(max(there) < most or min(coherence) > _COPY)


def _windows(plane: Any, area: FilmArea) -> list[Values]:
    rows, columns = area.shape
    height, width = min(_EDGE, rows), min(_EDGE, columns)
    places = [(row, column) for row in _starts(rows, height) for column in _starts(columns, width)]
    chosen = np.unique(np.linspace(0, len(places) - 1, _WINDOWS).round().astype(int))
    cut = (
        area.read(plane, slice(row, row + height), slice(column, column + width))
        for row, column in (places[index] for index in chosen)
    )
    return [np.nan_to_num(window.astype(np.float32)) for window in cut]


def _starts(size: int, edge: int) -> list[int]:
    count = max(1, size // edge)
    return [round(start) for start in np.linspace(0, size - edge, count).tolist()]


def _repetition(axes: Sequence[Sequence[Values]]) -> float | None:
    """Return the frequency at which roughness repeats along both axes, cycles a pixel; None without one."""
    frequencies = np.arange(_POINTS // 2 + 1) / _POINTS
    along = np.minimum(*(_roughness(windows, frequencies) for windows in axes))
    inside = (frequencies > _BAND[0]) & (frequencies < _BAND[1])
    blocks = any(along[np.abs(frequencies - odd / 8) < _NEAR_EIGHTH].max() > _BLOCKS for odd in (1, 3))
    if blocks:
        inside &= np.abs(frequencies * 8 - np.round(frequencies * 8)) / 8 >= _NEAR_EIGHTH
    best = int(np.argmax(np.where(inside, along, 0)))
    return float(frequencies[best]) if along[best] > (_FROM_BLOCKS if blocks else _STANDS_OUT) else None


def _roughness(windows: Sequence[Values], frequencies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the power of the roughness along rows at each frequency, over its median."""
    power = np.zeros(frequencies.size)
    for window in windows:
        rough = np.abs(np.diff(window, 2, axis=1)).mean(axis=0, dtype=np.float64)
        level = ndimage.uniform_filter1d(rough, 33)
        relative = (rough - level) / max(float(rough.mean()), _TINY)
        power += np.abs(np.fft.rfft(relative * np.hanning(relative.size), _POINTS)) ** 2
    median = float(np.median(power[frequencies > 0.15]))
    return np.asarray(ndimage.maximum_filter1d(power, 5) / median) if median else power


def _above_finest(windows: Sequence[Values], frequency: float) -> tuple[float, float]:
    """Return how much of its own there is above the finest detail along rows, and how much is a copy.

    Parameters
    ----------
    windows
        Of the film.
    frequency
        At which its roughness repeats; the finest detail has half of it.
    """
    edge = min(_SHORT, windows[0].shape[1])
    at = np.fft.fftfreq(edge)
    above = (at > 0.62 * frequency) & (at < 0.9 * frequency)
    shift = np.exp(2j * np.pi * frequency * np.arange(edge))
    own, alike = np.zeros(edge), []
    for window in windows:
        for start in range(0, window.shape[1] - edge + 1, edge):
            part = window[:, start : start + edge]
            part = (part - part.mean(axis=1, keepdims=True)) * np.hanning(edge)
            here, below = np.fft.fft(part, axis=1), np.fft.fft(part * shift, axis=1)
            power, powers = (np.abs(here) ** 2).sum(axis=0), (np.abs(below) ** 2).sum(axis=0)
            both = np.abs((here * np.conj(below)).sum(axis=0))
            own += power
            alike.append(np.mean(both[above] / np.sqrt(power[above] * powers[above] + _TINY)))
    coherence = float(np.median(alike))
    return float(own[above].mean() / own[at > 0.44].mean()) * (1 - coherence), coherence
