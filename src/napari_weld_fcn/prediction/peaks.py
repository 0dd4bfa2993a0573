"""Indications that touch are told apart by their peaks.

Pores of a cluster run into each other at any threshold that still marks them whole, but a person marks each
of them. Two peaks are two indications where the odds, p / (1 - p), of the lower one are at least a given
multiple of those on the best way from one to the other: its *dynamics*, in the words of the watershed, is at
least the logarithm of that multiple. Each marked pixel goes to the peak that the watershed leads it to. The
logits are smoothed first, those of a large indication more: within a flaw the network wavers.

References
----------
M. Grimaud, "New measure of contrast: the dynamics", Image Algebra and Morphological Image Processing III
(1992).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label as connected
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from napari_weld_fcn.prediction.run_lengths import Labels, Runs, find_runs, groups, sums

#: Standard deviation of the smoothing: pixels at least, and a share of the edge of a square as large.
SMOOTHING = (1.0, 0.05)
#: Standard deviations that the smoothing looks at.
_REACH = 3
#: Fewer pixels are one indication.
SMALLEST = 12
#: More pixels are no indication but a threshold that marks the film: they stay one.
LARGEST = 1_000_000
#: Logits beyond this are certainty.
_CERTAIN = 14.0


def divide_by_peaks(probability: Any, labels: Labels, peak_odds: float, count: int) -> int:
    """Give each peak of an indication a number of its own, in place.

    Parameters
    ----------
    probability
        ``(rows, columns)`` in [0, 1].
    labels
        The same shape, 0 background, 1..`count`.
    peak_odds
        Larger than 1: how many times the odds between two peaks the lower of them has at least.
    count
        The largest number.

    Returns
    -------
    The largest number now; those that are new follow the old ones.
    """
    last = count
    runs = find_runs(labels).sorted_by_label()
    first, numbers = groups(runs.label)
    for number, area, box in zip(numbers, sums(runs.length, first), _boxes(runs, first), strict=True):
        if SMALLEST <= area <= LARGEST:
            own = labels[box] == number
            parts = _parts(_logits(probability, box, own), own, float(np.log(peak_odds)))
            for part in range(2, int(parts.max()) + 1):
                last += 1
                labels[box][parts == part] = last
    return last


def _boxes(runs: Runs, first: NDArray[np.int64]) -> list[tuple[slice, slice]]:
    """The rows and columns of each number."""
    if not first.size:
        return []
    top, bottom = runs.row[first], np.append(runs.row[first[1:] - 1], runs.row[-1]) + 1
    left, right = np.minimum.reduceat(runs.start, first), np.maximum.reduceat(runs.stop, first)
    return [np.s_[a:b, c:d] for a, b, c, d in zip(top, bottom, left, right, strict=True)]


def _logits(probability: Any, box: tuple[slice, ...], own: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Smoothed logits in a box, with one pixel around it; outside the indication the least there can be."""
    sigma = max(SMOOTHING[0], SMOOTHING[1] * float(np.sqrt(np.count_nonzero(own))))
    reach = int(np.ceil(_REACH * sigma))
    before = [min(reach, part.start) for part in box]
    around = tuple(
        slice(part.start - margin, part.stop + reach) for part, margin in zip(box, before, strict=True)
    )
    values = np.nan_to_num(np.asarray(probability[around], np.float64))
    with np.errstate(divide="ignore"):
        logits = np.clip(np.log(values) - np.log1p(-values), -_CERTAIN, _CERTAIN)
    smooth = ndimage.gaussian_filter(logits, sigma, mode="nearest", truncate=_REACH)
    inside = tuple(slice(margin, margin + size) for margin, size in zip(before, own.shape, strict=True))
    return np.pad(np.where(own, smooth[inside], -2 * _CERTAIN), 1, constant_values=-2 * _CERTAIN)


def _parts(logits: NDArray[Any], own: NDArray[np.bool_], dynamics: float) -> NDArray[np.integer[Any]]:
    """Number the parts of one indication 1..n by their peaks; 0 outside it."""
    filled = reconstruction(logits - dynamics, logits, footprint=np.ones((3, 3), bool))
    peaks = connected(local_maxima(filled, connectivity=2), connectivity=2)
    if peaks.max() < 2:
        return own.astype(np.int32)
    return np.asarray(watershed(-logits, peaks, connectivity=2, mask=np.pad(own, 1)))[1:-1, 1:-1]
