"""Which flaw was found by which indication, one to one.

Counting every flaw that an indication touches as found would let one mark over the whole weld find them
all. So a flaw and an indication belong together only as a pair, chosen for the largest sum of their
intersections over unions. What a pair cannot say is counted beside it: indications that swallow several
flaws, flaws that fall into several indications, and how much of each flaw is marked at all.

`agreement` is a picture of it: each pixel right, called falsely, or missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from napari_weld_fcn.evaluation.settings import EvaluationSettings
from napari_weld_fcn.prediction.indications import lengths

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Share of a region that must lie in another for it to count as part of it.
PART = 0.5

#: Smallest intersection over union at which an indication can be the one that found a flaw.
MIN_IOU: float = EvaluationSettings.model_fields["min_iou"].default


@dataclass(frozen=True)
class FlawMatches:
    """Flaws beside indications.

    Attributes
    ----------
    flaws
        ``(n,)`` numbers of the flaws that count, rising.
    labels
        ``(n,)`` the indication that each was found by; 0 where it was missed.
    iou
        ``(n,)`` intersection over union of each pair, 0..1; 0 where the flaw was missed.
    covered
        ``(n,)`` share of each flaw's pixels that is marked, by whatever indication, 0..1.
    false_labels
        Numbers of the false calls: neither paired, nor with half of their pixels on flaws, nor lying on a
        flaw that is left out.
    indications
        How many indications there are.
    merged
        Indications that hold at least half of each of two or more flaws.
    split
        Flaws on which two or more indications lie with at least half of their pixels.
    """

    flaws: Integers
    labels: Integers
    iou: Floats
    covered: Floats
    false_labels: Integers
    indications: int
    merged: int
    split: int

    @property
    def found(self) -> int:
        """Flaws with an indication of their own."""
        return int(np.count_nonzero(self.labels))

    @property
    def missed(self) -> int:
        """Flaws without an indication of their own."""
        return self.flaws.size - self.found

    @property
    def marked(self) -> NDArray[np.bool_]:
        """``(n,)`` flaws that were found or are at least half covered, in whatever company."""
        return (self.labels > 0) | (self.covered >= PART)

    @property
    def false_calls(self) -> int:
        """Indications that lie on no flaw."""
        return self.false_labels.size


def match_flaws(
    labels: NDArray[Any], instances: NDArray[Any], min_iou: float = MIN_IOU, min_size_px: float = 0.0
) -> FlawMatches:
    """Pair indications with flaws, one to one.

    Parameters
    ----------
    labels
        ``(rows, columns)`` integers, 0 background, n the indication of that number.
    instances
        The same shape, n the flaw of that number; in both, numbers may be missing and of any size.
    min_iou
        Smallest intersection over union of a pair, 0..1.
    min_size_px
        Flaws whose maximum Feret length is smaller (pixels) are left out: neither found nor missed, and
        an indication on one is no false call.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if labels.shape != instances.shape:
        raise ValueError(f"labels of {labels.shape} cannot be compared with flaws of {instances.shape}")
    labels, label_names = dense_numbers(labels)
    instances, flaw_names = dense_numbers(instances)
    label_area, flaw_area = _areas(labels), _areas(instances)
    label, flaw, shared = _overlaps(labels, instances)
    iou = shared / (label_area[label] + flaw_area[flaw] - shared)
    counts = flaw_area > 0
    counts[1:] &= lengths(instances, flaw_area.size - 1) >= min_size_px
    near = iou >= min_iou
    pairs = _assign(label, flaw, np.where(near & counts[flaw], iou, 0.0))

    numbers = np.flatnonzero(counts)
    paired_label, paired_iou = np.zeros(flaw_area.size, np.int64), np.zeros(flaw_area.size)
    paired_label[flaw[pairs]], paired_iou[flaw[pairs]] = label[pairs], iou[pairs]
    on_flaws = np.bincount(label, shared, label_area.size)
    covered = np.bincount(flaw, shared, flaw_area.size)

    good = on_flaws >= PART * label_area
    good[paired_label] = True
    good[label[near & ~counts[flaw]]] = True
    holds = (shared >= PART * flaw_area[flaw]) & counts[flaw]
    lies_on = (shared >= PART * label_area[label]) & counts[flaw]
    return FlawMatches(
        flaws=flaw_names[numbers],
        labels=label_names[paired_label[numbers]],
        iou=paired_iou[numbers],
        covered=covered[numbers] / flaw_area[numbers],
        false_labels=label_names[np.flatnonzero((label_area > 0) & ~good)],
        indications=int(np.count_nonzero(label_area)),
        merged=_several(label[holds]),
        split=_several(flaw[lies_on]),
    )


def dense_numbers(numbers: NDArray[Any]) -> tuple[NDArray[np.int32], Integers]:
    """Count regions from 1 without a gap; return them so, and their own numbers with 0 first.

    What follows has a place for each number up to the largest, and a file may name two billion.
    """
    marked = numbers > 0
    names, place = np.unique(numbers[marked], return_inverse=True)
    dense = np.zeros(numbers.shape, np.int32)
    dense[marked] = place + 1
    return dense, np.concatenate([[0], names]).astype(np.int64)


def _areas(numbers: NDArray[Any]) -> Integers:
    """Pixels of each number; 0 for the background."""
    areas = np.bincount(numbers[numbers > 0])
    return areas.astype(np.int64) if areas.size else np.zeros(1, np.int64)


def _overlaps(labels: NDArray[Any], instances: NDArray[Any]) -> tuple[Integers, Integers, Integers]:
    """Pairs that share pixels: indication, flaw, pixels."""
    both = (labels > 0) & (instances > 0)
    base = int(instances.max(initial=0)) + 1
    key, shared = np.unique(labels[both].astype(np.int64) * base + instances[both], return_counts=True)
    return key // base, key % base, shared.astype(np.int64)


def _assign(label: Integers, flaw: Integers, gain: Floats) -> NDArray[np.intp]:
    """Choose the pairs with the largest sum of `gain`, each label and flaw at most once.

    Nearly all pairs stand alone and need no search; the rest is a small dense problem.
    """
    usable = np.flatnonzero(gain > 0)
    label, flaw, gain = label[usable], flaw[usable], gain[usable]
    alone = (np.bincount(label)[label] == 1) & (np.bincount(flaw)[flaw] == 1) if usable.size else gain > 0
    contested = np.flatnonzero(~alone)
    if not contested.size:
        return usable
    labels, row = np.unique(label[contested], return_inverse=True)
    flaws, column = np.unique(flaw[contested], return_inverse=True)
    gains = np.zeros((labels.size, flaws.size))
    gains[row, column] = gain[contested]
    index = np.full(gains.shape, -1, dtype=np.intp)
    index[row, column] = contested
    chosen = index[linear_sum_assignment(gains, maximize=True)]
    taken: NDArray[np.intp] = usable[np.concatenate([np.flatnonzero(alone), chosen[chosen >= 0]])]
    return taken


def _several(numbers: Integers) -> int:
    """How many numbers occur more than once."""
    return int(np.count_nonzero(np.bincount(numbers) > 1)) if numbers.size else 0


#: Values of the picture; 0 is what is neither marked nor flaw.
HIT, FALSE, MISSED = 1, 2, 3


def agreement(labels: NDArray[Any], truth: NDArray[Any]) -> NDArray[np.uint8]:
    """Compare indications with the truth pixel by pixel.

    Parameters
    ----------
    labels
        ``(rows, columns)``, any value but 0 is marked.
    truth
        The same shape, any value but 0 is flaw.

    Returns
    -------
    numpy.ndarray
        ``(rows, columns)`` uint8 of `HIT`, `FALSE`, `MISSED` and 0; as many of each as the strict
        `PixelScores` count.
    """
    marked, flaw = labels != 0, truth != 0
    picture = np.zeros(marked.shape, np.uint8)
    picture[marked & flaw] = HIT
    picture[marked & ~flaw] = FALSE
    picture[flaw & ~marked] = MISSED
    return picture
