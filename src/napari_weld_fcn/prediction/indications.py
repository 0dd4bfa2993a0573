"""From a probability map to numbered indications and their table.

A pixel is marked where its probability lies *above* the threshold (strictly). Marked pixels that touch by an
edge or a corner are one indication, unless there are several peaks among them (`peaks`); what is nowhere sure
enough or shorter than the minimum size is left out before the rest is numbered. How sure is enough is told in
odds, p / (1 - p), as a multiple of those of the threshold, so that it moves with the threshold: hysteresis
with one threshold. Everything is computed on runs (stretches of one label within a row), a band of rows at a
time: measuring each region on its own costs a second for some thousand regions, and arrays as large as the
film cost gigabytes.

Lengths are of the set of pixel centres, and each pixel counts as a disc of diameter 1: a single pixel is
1 pixel long and 1 wide, n pixels in a row are n long. The largest distance between two centres is that
between two corners of their convex hull, so only those are compared, and the result is exact.

References
----------
J. Canny, "A computational approach to edge detection", IEEE Transactions on Pattern Analysis and Machine
Intelligence 8 (1986), for the hysteresis.

A. M. Andrew, "Another efficient algorithm for convex hulls in two dimensions", Information Processing
Letters 9 (1979), for the two chains of the hull.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_weld_fcn.prediction.peaks import divide_by_peaks
from napari_weld_fcn.prediction.run_lengths import (
    Labels,
    Runs,
    bands,
    feret,
    find_runs,
    groups,
    row_ends,
    sums,
)

Table = dict[str, NDArray[Any]]

#: Factor on the odds of the threshold that leaves nothing out.
ALL_PEAKS = 1.0

_EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)


def label(
    probability: Any, threshold: float, min_size_px: float = 0.0, peak_odds: float = ALL_PEAKS
) -> Labels:
    """Find and number the indications of a probability map.

    Parameters
    ----------
    probability
        ``(rows, columns)`` or ``(planes, rows, columns)`` in [0, 1]; each plane stands for itself.
    threshold
        A pixel is marked where its probability is larger than this.
    min_size_px
        Smallest maximum Feret length that is kept, in pixels.
    peak_odds
        What is kept has larger odds somewhere than this many times those of the threshold, and what has
        several peaks with this many times the odds between them is as many indications; up to 1 neither.

    Returns
    -------
    Same shape, int32: 0 background, 1..n in row-major order of the first pixel, through the whole stack.
    """
    labels = np.zeros(probability.shape, dtype=np.int32)
    planes = labels.reshape(-1, *labels.shape[-2:])
    source = probability if len(probability.shape) == 3 else probability[None]
    count = 0
    for plane, numbered in zip(source, planes, strict=True):
        found = _label_plane(plane, threshold, numbered)
        if found and peak_odds > ALL_PEAKS:
            found = _keep(numbered, _sure_enough(plane, numbered, peak_over(threshold, peak_odds), found))
            found = _in_order(numbered, found, divide_by_peaks(plane, numbered, peak_odds, found))
        if found and min_size_px > 1.0:
            found = _keep(numbered, _long_enough(numbered, min_size_px))
        if count and found:
            np.add(numbered, count, out=numbered, where=numbered > 0)
        count += found
    return labels


def peak_over(threshold: float, peak_odds: float) -> float:
    """Return the probability with `peak_odds` times the odds of `threshold`."""
    return peak_odds * threshold / (1.0 - threshold + peak_odds * threshold)


def measure_indications(labels: Labels, probability: Any, pixel_size_mm: float | None = None) -> Table:
    """Measure every indication.

    Parameters
    ----------
    labels
        ``(rows, columns)`` or ``(planes, rows, columns)`` integers, 0 background. Numbers may be missing;
        each must stay within one plane.
    probability
        The same shape, in [0, 1].
    pixel_size_mm
        Edge of a pixel in mm; without it there are no columns in mm.

    Returns
    -------
    Columns of equal length, one row for each number that occurs, in rising order: ``label``; ``plane``
    (stacks only, from 0); ``row`` and ``column`` of the centroid (pixels, from 0); ``area_px`` (pixels);
    ``length_px``, the maximum Feret length, and ``width_px``, the extent across it (pixels);
    ``diameter_px`` of the circle of equal area; ``orientation_deg`` of the length, in (-90, 90]: 0 along a
    row, 90 along a column, positive where it rises to the right as shown (rows run downwards);
    ``mean_probability``, ``peak_probability``; with a pixel size also ``area_mm2``, ``length_mm``,
    ``width_mm`` and ``diameter_mm``.

    Raises
    ------
    ValueError
        If the shapes differ or a number occurs in several planes.
    """
    if labels.shape != probability.shape:
        raise ValueError(f"labels of {labels.shape} do not fit probabilities of {probability.shape}")
    rows = labels.shape[-2]
    runs = find_runs(labels, probability).sorted_by_label()
    first, numbers = groups(runs.label)
    plane, lowest = runs.row // rows, runs.row % rows
    if np.any((np.diff(runs.label) == 0) & (np.diff(plane) != 0)):
        raise ValueError("an indication lies in several planes; each plane needs numbers of its own")

    area = sums(runs.length, first)
    length, width, orientation = feret(numbers.size, *row_ends(runs, first))
    table: Table = {"label": numbers.astype(np.int32)}
    if labels.ndim == 3:
        table["plane"] = plane[first].astype(np.int32)
    table |= {
        "row": sums(runs.length * lowest, first) / area,
        "column": sums(runs.length * (runs.start + runs.stop - 1), first) / (2 * area),
        "area_px": area,
        "length_px": length,
        "width_px": width,
        "diameter_px": np.sqrt(4.0 / np.pi * area),
        "orientation_deg": orientation,
        "mean_probability": sums(runs.total, first) / area,
        "peak_probability": np.maximum.reduceat(runs.peak, first) if first.size else runs.peak,
    }
    return table | (_in_mm(table, pixel_size_mm) if pixel_size_mm else {})


def lengths(labels: Labels, count: int) -> NDArray[np.float64]:
    """Maximum Feret length of the indications 1..`count`, in pixels; 0 where a number does not occur.

    Parameters
    ----------
    labels
        ``(rows, columns)`` or ``(planes, rows, columns)`` integers, 0 background.
    count
        The largest number.
    """
    runs = find_runs(labels).sorted_by_label()
    first, numbers = groups(runs.label)
    result = np.zeros(count, dtype=np.float64)
    result[numbers - 1] = feret(numbers.size, *row_ends(runs, first))[0]
    return result


def _label_plane(probability: Any, threshold: float, labels: Labels) -> int:
    """Label one plane in place; return how many there are."""
    count, seams = 0, []
    for band in bands(labels.shape):
        marked = np.ascontiguousarray(np.asarray(probability[band]) > threshold)
        found = ndimage.label(marked, _EIGHT_NEIGHBOURS, output=labels[band])
        if count:
            np.add(labels[band], count, out=labels[band], where=marked)
            seams.append(_touching(labels[band.start - 1], labels[band.start]))
        count += found
    if seams and count:
        count = _join(labels, count, np.concatenate(seams, axis=1))
    return count


def _touching(above: Labels, below: Labels) -> NDArray[np.int32]:
    """Pairs ``(2, n)`` of numbers that touch from one row to the next by an edge or a corner."""
    size = above.size
    pairs = [
        np.stack([above[max(-shift, 0) : size - max(shift, 0)], below[max(shift, 0) : size - max(-shift, 0)]])
        for shift in (-1, 0, 1)
    ]
    both = np.concatenate(pairs, axis=1)
    return both[:, (both > 0).all(axis=0)]


def _join(labels: Labels, count: int, pairs: NDArray[np.int32]) -> int:
    """Give touching numbers one number, in place, in the order of the smallest of each."""
    above, below = pairs - 1
    graph = coo_array((np.ones(above.size, dtype=bool), (above, below)), shape=(count, count))
    joined, component = connected_components(graph, directed=False)
    _, first = np.unique(component, return_index=True)
    rank = np.empty(joined, dtype=np.int32)
    rank[np.argsort(first)] = np.arange(1, joined + 1, dtype=np.int32)
    _renumber(labels, np.append(np.int32(0), rank[component]))
    return int(joined)


def _keep(labels: Labels, kept: NDArray[np.bool_]) -> int:
    """Leave out the numbers 1..n of a plane that are not kept, and number the rest anew; return how many."""
    count = int(np.count_nonzero(kept))
    if not count:
        labels[...] = 0
    elif count < kept.size:
        _renumber(labels, np.append(0, np.where(kept, np.cumsum(kept), 0)).astype(np.int32))
    return count


def _sure_enough(probability: Any, labels: Labels, over: float, count: int) -> NDArray[np.bool_]:
    """Which of the numbers 1..`count` of a plane reach a probability larger than `over`."""
    result = np.zeros(count + 1, dtype=bool)
    for band in bands(labels.shape):
        result[labels[band][np.asarray(probability[band]) > over]] = True
    return result[1:]


def _in_order(labels: Labels, before: int, count: int) -> int:
    """Number 1..`count` of a plane anew by the first pixel, if there were fewer before; return `count`."""
    if count > before:
        numbers, first = np.unique(find_runs(labels).label, return_index=True)
        new = np.zeros(count + 1, np.int32)
        new[numbers[np.argsort(first)]] = np.arange(1, count + 1)
        _renumber(labels, new)
    return count


def _long_enough(labels: Labels, min_size_px: float) -> NDArray[np.bool_]:
    """Which of the numbers 1..n are kept.

    Most of those that noise makes have too few pixels even if these lay in a diagonal line, and go at once;
    of the others the hull is asked only where the box around one leaves it open.
    """
    runs = find_runs(labels)
    longest = np.sqrt(2.0 * (np.bincount(runs.label, runs.length)[1:] - 1) ** 2) + 1
    enough = longest >= min_size_px
    result = np.zeros(enough.size, dtype=bool)
    if enough.any():
        asked = np.flatnonzero(enough[runs.label - 1])
        by_label = asked[np.argsort(runs.label[asked], kind="stable")]
        result[enough] = _kept_by_extent(runs.chosen(by_label), min_size_px)
    return result


def _kept_by_extent(runs: Runs, min_size_px: float) -> NDArray[np.bool_]:
    first, _ = groups(runs.label)
    height = np.maximum.reduceat(runs.row, first) - runs.row[first]
    width = np.maximum.reduceat(runs.stop, first) - np.minimum.reduceat(runs.start, first) - 1
    kept = np.asarray(np.maximum(height, width) + 1 >= min_size_px)
    unsure = ~kept & (np.sqrt(height**2 + width**2) + 1 >= min_size_px)
    region, *ends = row_ends(runs, first)
    asked = unsure[region]
    renumbered = (np.cumsum(unsure) - 1)[region[asked]]
    kept[unsure] = feret(int(unsure.sum()), renumbered, *(end[asked] for end in ends))[0] >= min_size_px
    return kept


def _renumber(labels: Labels, new: NDArray[np.int32]) -> None:
    """Replace each number by ``new[number]``, in place, touching marked pixels only."""
    for band in bands(labels.shape):
        flat = labels[band].reshape(-1)
        marked = np.flatnonzero(flat != 0)
        flat[marked] = new[flat[marked]]


def _in_mm(table: Table, pixel_size_mm: float) -> Table:
    in_mm: Table = {"area_mm2": table["area_px"] * pixel_size_mm**2}
    names = ("length", "width", "diameter")
    return in_mm | {f"{name}_mm": table[f"{name}_px"] * pixel_size_mm for name in names}
