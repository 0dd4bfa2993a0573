"""The threshold that finds most flaws at a number of false calls that can be lived with.

An inspector looks at every call, so what matters is how many are false on a film, not how many pixels are.
Neither flaws found nor false calls fall steadily with the threshold (a flaw falls apart, two flaws part), so
a few thresholds are tried on each film, the counts added over films, and the best of them taken.

References
----------
The curve is the free-response operating characteristic (FROC): P. C. Bunch et al., "A free-response
approach to the measurement and characterization of radiographic-observer performance", J. Appl. Photogr.
Eng. 4 (1978).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.evaluation.matches import MIN_IOU, match_flaws
from napari_weld_fcn.events import ALONE, JobControl
from napari_weld_fcn.prediction.indications import ALL_PEAKS, label

Counts = NDArray[np.int64]

#: Thresholds that are tried unless others are asked for.
TRIED = tuple(round(0.02 * step, 2) for step in range(1, 50))


@dataclass(frozen=True)
class ObjectCounts:
    """Flaws found and false calls at each threshold; films are pooled by adding.

    Attributes
    ----------
    thresholds
        Those that were tried, rising.
    found, false_calls
        How many at each threshold.
    flaws, films
        How many there are in all.
    """

    thresholds: tuple[float, ...]
    found: Counts
    false_calls: Counts
    flaws: int
    films: int = 1

    def __add__(self, other: ObjectCounts) -> ObjectCounts:
        if self.thresholds != other.thresholds:
            raise ValueError("counts at different thresholds cannot be added")
        return ObjectCounts(
            self.thresholds,
            self.found + other.found,
            self.false_calls + other.false_calls,
            self.flaws + other.flaws,
            self.films + other.films,
        )

    def largest_recall(self, false_calls_per_film: float) -> OperatingPoint:
        """Threshold of the largest recall within `false_calls_per_film`.

        Equal recalls are decided by fewer false calls, then by the larger threshold. If no threshold stays
        within, the one of the fewest false calls is taken.
        """
        allowed = np.flatnonzero(self.false_calls <= false_calls_per_film * self.films)
        within = allowed.size > 0
        order = (
            np.lexsort((allowed, -self.false_calls[allowed], self.found[allowed]))
            if within
            else np.lexsort((np.arange(self.found.size), self.found, -self.false_calls))
        )
        index = int(allowed[order[-1]] if within else order[-1])
        return OperatingPoint(
            threshold=self.thresholds[index],
            recall=int(self.found[index]) / self.flaws if self.flaws else 1.0,
            false_calls_per_film=int(self.false_calls[index]) / self.films,
            within=within,
        )


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold and what it gives.

    Attributes
    ----------
    threshold
        0..1; a pixel is marked above it.
    recall
        Share of the flaws with an indication of their own, 0..1; 1 where there are no flaws.
    false_calls_per_film
        Mean number.
    within
        Whether the number of false calls that was asked for is kept.
    """

    threshold: float
    recall: float
    false_calls_per_film: float
    within: bool


def object_counts(
    probability: NDArray[Any],
    instances: NDArray[Any],
    *,
    thresholds: Sequence[float] = TRIED,
    min_size_px: float = 0.0,
    min_flaw_size_px: float = 0.0,
    peak_odds: float = ALL_PEAKS,
    min_iou: float = MIN_IOU,
    job: JobControl = ALONE,
) -> ObjectCounts:
    """Try thresholds on one film; add the results of several films.

    Parameters
    ----------
    probability
        ``(rows, columns)`` in [0, 1].
    instances
        The same shape, integers: 0 background, n the flaw of that number.
    thresholds
        Those to try, rising, 0..1.
    min_size_px
        Smallest maximum Feret length of an indication, pixels.
    min_flaw_size_px
        Smallest maximum Feret length of a flaw that counts, pixels.
    peak_odds
        As for `label`, at each threshold.
    min_iou
        Smallest intersection over union of a flaw and its indication, 0..1.
    job
        Can be stopped before each threshold.

    Raises
    ------
    Stopped
        If the job was stopped.
    """
    tried = []
    for threshold in thresholds:
        job.check()
        marked = label(probability, threshold, min_size_px, peak_odds)
        tried.append(match_flaws(marked, instances, min_iou, min_flaw_size_px))
    return ObjectCounts(
        thresholds=tuple(thresholds),
        found=np.array([matches.found for matches in tried], dtype=np.int64),
        false_calls=np.array([matches.false_calls for matches in tried], dtype=np.int64),
        flaws=int(tried[0].flaws.size),
    )
