"""How well marked pixels agree with a mask, and the threshold at which they agree best.

Scores are kept as counts, so that films are pooled by adding them: a mean of F1 over films would give a
film with one flaw the weight of a film with a hundred. The best threshold comes from two histograms a film
and not from trying thresholds one after another, so films may pass by one at a time.

Where nothing is to be found and nothing is marked, all scores are 1; where only one of the two is empty,
all are 0. Flaw by flaw: `matches`; thresholds by flaws and false calls: `operating_point`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]
Counts = NDArray[np.int64]

#: Thresholds that are compared, 0.001 to 0.999; float32, as the probabilities are.
THRESHOLDS = (np.arange(1, 1000) / 1000).astype(np.float32)


@dataclass(frozen=True)
class PixelScores:
    """Agreement of marked pixels with a mask; all counts are pixels.

    Attributes
    ----------
    tp, fp
        Marked pixels that are right, and that are wrong.
    found, fn
        Flaw pixels that are found, and that are missed. Without tolerance `found` equals `tp`.
    """

    tp: int
    fp: int
    fn: int
    found: int

    @property
    def precision(self) -> float:
        """Share of the marked pixels that are right, 0..1."""
        return self._share(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """Share of the flaw pixels that are found, 0..1."""
        return self._share(self.found, self.found + self.fn)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0..1."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    @property
    def iou(self) -> float:
        """Intersection over union, 0..1; with tolerance what follows from F1, ``f1 / (2 - f1)``."""
        return self.f1 / (2 - self.f1)

    def as_dict(self) -> dict[str, float | int]:
        """Return the figures by the names that the command prints: ``precision recall f1 iou tp fp fn``."""
        names = ("precision", "recall", "f1", "iou", "tp", "fp", "fn")
        return {name: getattr(self, name) for name in names}

    def _share(self, part: int, whole: int) -> float:
        if whole:
            return part / whole
        return 0.0 if self.fp or self.fn else 1.0


def pixel_scores(prediction: NDArray[Any], truth: NDArray[Any], tolerance: int = 0) -> PixelScores:
    """Compare marked pixels with a mask.

    Parameters
    ----------
    prediction, truth
        Equal shapes ``(rows, columns)`` or ``(planes, rows, columns)``; any value but 0 is marked.
    tolerance
        Pixels (rows or columns, whichever is more) by which an outline may be off at no cost: a marked
        pixel is right if flaw is that near, and a flaw pixel found if a mark is that near.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if prediction.shape != truth.shape:
        raise ValueError(
            f"a prediction of {prediction.shape} cannot be compared with a mask of {truth.shape}"
        )
    marked, flaw = prediction != 0, truth != 0
    right = int(np.count_nonzero(marked & _grown(flaw, tolerance)))
    found = int(np.count_nonzero(flaw & _grown(marked, tolerance))) if tolerance else right
    fp = int(np.count_nonzero(marked)) - right
    return PixelScores(tp=right, fp=fp, fn=int(np.count_nonzero(flaw)) - found, found=found)


def pooled(scores: Iterable[PixelScores]) -> PixelScores:
    """Add the counts of several films, so that each pixel has the same weight."""
    films = list(scores)
    return PixelScores(*(sum(getattr(film, name) for film in films) for name in ("tp", "fp", "fn", "found")))


@dataclass(frozen=True)
class ThresholdCounts:
    """Pixels above each of `THRESHOLDS`; films are pooled by adding.

    Attributes
    ----------
    flaw, background
        ``(999,)`` flaw pixels and other pixels whose probability is larger than each threshold.
    flaws
        Flaw pixels in all.
    """

    flaw: Counts
    background: Counts
    flaws: int

    def __add__(self, other: ThresholdCounts) -> ThresholdCounts:
        return ThresholdCounts(
            self.flaw + other.flaw, self.background + other.background, self.flaws + other.flaws
        )

    def scores(self, index: int) -> PixelScores:
        """Scores at ``THRESHOLDS[index]``."""
        tp, fp = int(self.flaw[index]), int(self.background[index])
        return PixelScores(tp=tp, fp=fp, fn=self.flaws - tp, found=tp)

    def best(self, margin: float = 0.0, near: float = 0.5) -> BestThreshold:
        """Threshold of the largest F1; in the middle where neighbours are equally good.

        Parameters
        ----------
        margin
            If it is not 0, of all whose F1 is lower by this at most the threshold nearest to `near` is taken.
        near
            See `margin`.
        """
        overlap = self.overlap()
        if not margin:
            return self.at(_middle_of_largest(overlap))
        good = np.flatnonzero(overlap >= overlap.max() - margin)
        return self.at(int(good[np.abs(THRESHOLDS[good] - near).argmin()]))

    def overlap(self, smoothing: float = 0.0) -> NDArray[np.float64]:
        """F1 at each threshold, with `smoothing` pixels added to both sides of its ratio; 1 for 0 of 0."""
        union = self.flaw + self.background + self.flaws + smoothing
        return np.where(union > 0, (2 * self.flaw + smoothing) / np.maximum(union, 1), 1.0)

    def nearest(self, threshold: float) -> BestThreshold:
        """Scores at a threshold, to 0.001."""
        return self.at(min(max(0, round(threshold * 1000) - 1), len(THRESHOLDS) - 1))

    def at(self, index: int) -> BestThreshold:
        """``THRESHOLDS[index]`` and its scores."""
        return BestThreshold(threshold=(index + 1) / 1000, scores=self.scores(index))


@dataclass(frozen=True)
class BestThreshold:
    """A threshold in 0.001..0.999 and the pooled scores of what lies above it."""

    threshold: float
    scores: PixelScores


def threshold_counts(probability: NDArray[Any], truth: NDArray[Any]) -> ThresholdCounts:
    """Count the pixels of one film above each threshold.

    Parameters
    ----------
    probability
        ``(rows, columns)`` in [0, 1]; compared as float32.
    truth
        The same shape; any value but 0 is flaw.
    """
    considered = np.flatnonzero(probability.reshape(-1) > THRESHOLDS[0])
    values = probability.reshape(-1)[considered].astype(np.float32, copy=False)
    flaw = truth.reshape(-1)[considered] != 0
    exceeded = _thresholds_below(values)
    return ThresholdCounts(
        flaw=_above(exceeded[flaw]),
        background=_above(exceeded[~flaw]),
        flaws=int(np.count_nonzero(truth)),
    )


def best_threshold(probabilities: Iterable[NDArray[Any]], truths: Iterable[NDArray[Any]]) -> BestThreshold:
    """Threshold of the largest pooled pixel F1 over films, to 0.001.

    Parameters
    ----------
    probabilities
        ``(rows, columns)`` float32 in [0, 1], one a film; gone through once.
    truths
        Masks of the same shapes; any value but 0 is flaw.

    Raises
    ------
    ValueError
        If there is no film, or not as many masks as films.
    """
    return _sum(_counts_of(probabilities, truths)).best()


def best_mean_threshold(
    probabilities: Iterable[NDArray[Any]], truths: Iterable[NDArray[Any]], smoothing: float
) -> tuple[float, BestThreshold]:
    """Threshold of the largest mean over films of their smoothed F1, to 0.001.

    Pooled over films, one large flaw outweighs a hundred pores; here each film with a flaw has the same say:
    ``(2 TP + smoothing) / (2 TP + FP + FN + smoothing)``. A film without a flaw has no F1; what is called
    there is a matter of false calls (`operating_point`).

    Parameters
    ----------
    probabilities, truths
        As for `best_threshold`.
    smoothing
        Pixels added to both sides of each film's ratio, so that a film with hardly a flaw is no coin toss.

    Returns
    -------
    mean, best
        The mean at the threshold, 0..1, and the threshold with the scores there, pooled over all films.

    Raises
    ------
    ValueError
        As `best_threshold`, or if no film has a flaw.
    """
    films = _counts_of(probabilities, truths)
    flawed = [film.overlap(smoothing) for film in films if film.flaws]
    if not flawed:
        raise ValueError("no film with a flaw to choose a threshold on")
    means = np.mean(flawed, axis=0)
    index = _middle_of_largest(means)
    return float(means[index]), _sum(films).at(index)


def _counts_of(
    probabilities: Iterable[NDArray[Any]], truths: Iterable[NDArray[Any]]
) -> list[ThresholdCounts]:
    films = [threshold_counts(*pair) for pair in zip(probabilities, truths, strict=True)]
    if not films:
        raise ValueError("no film to choose a threshold on")
    return films


def _sum(films: list[ThresholdCounts]) -> ThresholdCounts:
    return sum(films[1:], start=films[0])


def _middle_of_largest(values: NDArray[np.float64]) -> int:
    """Index of the largest value; in the middle of those that follow it and are as large."""
    first = int(np.argmax(values))
    worse = np.flatnonzero(values[first:] < values[first])
    beyond = first + int(worse[0]) if worse.size else values.size
    return (first + beyond - 1) // 2


def _grown(mask: Mask, pixels: int) -> Mask:
    if not pixels:
        return mask
    size = (1,) * (mask.ndim - 2) + (2 * pixels + 1,) * 2
    return np.asarray(ndimage.maximum_filter(mask.view(np.uint8), size, mode="constant")).view(np.bool_)


def _thresholds_below(values: NDArray[np.float32]) -> NDArray[np.intp]:
    """How many of `THRESHOLDS` lie strictly below each value; the product may round, so it is checked."""
    below = np.clip(np.ceil(values * np.float32(1000)), 1, 1000).astype(np.intp) - 1
    edges = np.concatenate([[np.float32(-np.inf)], THRESHOLDS, [np.float32(np.inf)]])
    below += values > edges[below + 1]
    return np.asarray(below - (values <= edges[below]))


def _above(exceeded: NDArray[np.intp]) -> Counts:
    histogram = np.bincount(exceeded, minlength=THRESHOLDS.size + 1)
    above: Counts = np.cumsum(histogram[::-1])[::-1][1:].astype(np.int64)
    return above
