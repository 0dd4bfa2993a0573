"""How far a score might have come out otherwise with other films: a bootstrap over films.

Flaws of one film share its weld, its exposure and whoever drew its mask, so pixels or flaws are no
independent trials, and an interval over them would be far too narrow. Films are drawn with replacement, as
many as there are, their counts pooled, and percentiles of the scores taken.

What it can tell: how much the score hangs on which of these films happened to be there. What it cannot: with
few films (under about ten) it is too narrow, for the films that were never seen, the harder ones among them,
are in no resample; with two films it only says how far these two differ; with one there is none. It knows
nothing of other sources of films, of other readers, or of the threshold if that was chosen on the same films.

References
----------
B. Efron, R. J. Tibshirani, An Introduction to the Bootstrap (1993), chapter 13 (percentile intervals).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from napari_weld_fcn.evaluation.film_scores import FilmScores
from napari_weld_fcn.evaluation.scores import PixelScores

Interval = tuple[float, float]

#: Resamples whose films are held at one time.
_AT_ONCE = 256


def intervals(
    films: Sequence[FilmScores], resamples: int, confidence: float, seed: int = 0
) -> dict[str, Interval]:
    """Percentile intervals of the pooled scores.

    Parameters
    ----------
    films
        Under two give no interval.
    resamples
        How often films are drawn; 0 gives no interval.
    confidence
        In (0, 1).
    seed
        The same seed gives the same intervals.

    Returns
    -------
    dict
        Lower and upper bound by name: pixel ``precision``, ``recall``, ``f1``, ``iou``, the share of flaws
        ``found``, and ``false_calls_per_film``. Each over the resamples in which it says something: films
        without flaw and mark would count as perfect. What says something in none is not there.
    """
    if len(films) < 2 or not resamples:
        return {}
    counts = np.array([_counts(film) for film in films], dtype=np.int64)
    values: dict[str, list[float]] = {}
    for sums in _resampled(counts, resamples, seed):
        for name, value in _figures(sums.tolist(), len(films)).items():
            values.setdefault(name, []).append(value)
    tail = (1 - confidence) / 2
    return {name: _between(drawn, tail) for name, drawn in values.items()}


def _between(drawn: list[float], tail: float) -> Interval:
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)


def _counts(film: FilmScores) -> tuple[int, ...]:
    pixels = film.pixels
    return pixels.tp, pixels.fp, pixels.fn, film.found, len(film.flaws), film.false_calls


def _resampled(counts: np.ndarray, resamples: int, seed: int) -> Iterator[np.ndarray]:
    draw = np.random.default_rng(seed)
    for first in range(0, resamples, _AT_ONCE):
        size = (min(_AT_ONCE, resamples - first), len(counts))
        yield from counts[draw.integers(len(counts), size=size)].sum(axis=1)


def _figures(sums: list[int], films: int) -> dict[str, float]:
    tp, fp, fn, found, flaws, false_calls = sums
    scores = PixelScores(tp=tp, fp=fp, fn=fn, found=tp)
    told = {"precision": tp + fp, "recall": tp + fn, "f1": tp + fp + fn, "iou": tp + fp + fn}
    figures = {name: float(getattr(scores, name)) for name, pixels in told.items() if pixels}
    share = {"found": found / flaws} if flaws else {}
    return figures | share | {"false_calls_per_film": false_calls / films}
