"""What one detector did with films whose every flaw is known: found, marked, missed, called falsely.

Only a simulation knows the class and the size of every flaw, so only there can it be said which ones are
missed. Counts are added film by film, and the films themselves let go.

How far a score might have come out otherwise with other films: a bootstrap over films.

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
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.evaluation.film_scores import FilmScores
from napari_weld_fcn.evaluation.matches import match_flaws
from napari_weld_fcn.evaluation.scores import PixelScores, pixel_scores, pooled
from napari_weld_fcn.prediction.indications import ALL_PEAKS, label
from napari_weld_fcn.radiograph.simulation.film import SimulatedFilm

#: Edges of the sizes that are told apart: length of the flaw's truth on the part, mm.
SIZES_MM = (0.0, 0.3, 0.5, 0.8, 1.2, 2.0, 4.0, float("inf"))


class Seen(Protocol):
    """What became of one flaw: its class after ISO 6520-1, and whether it was found and marked."""

    @property
    def iso6520(self) -> int:
        """Number of the class."""

    @property
    def name(self) -> str:
        """Name of the class."""

    @property
    def found(self) -> bool:
        """Whether it has an indication of its own."""

    @property
    def marked(self) -> bool:
        """Whether it was found or is at least half covered."""


@dataclass(frozen=True)
class FlawSeen:
    """One visible flaw: its class after ISO 6520-1, its length in mm, and what became of it."""

    iso6520: int
    name: str
    length_mm: float
    found: bool
    marked: bool


@dataclass
class Tally:
    """What one detector did at one threshold, film after film.

    Attributes
    ----------
    threshold
        0..1; pixels above it are marked.
    min_size_px
        Smallest maximum Feret length of an indication and of a flaw that counts, pixels.
    peak_odds
        As for `label`.
    metres
        Length of weld seen, m.
    """

    threshold: float
    min_size_px: float
    peak_odds: float = ALL_PEAKS
    films: int = 0
    metres: float = 0.0
    pixels: list[PixelScores] = field(default_factory=list)
    within_1: list[PixelScores] = field(default_factory=list)
    flaws: list[FlawSeen] = field(default_factory=list)
    false_calls: int = 0
    merged: int = 0
    split: int = 0

    def add(self, film: SimulatedFilm, probability: NDArray[Any]) -> None:
        """Count one film.

        Parameters
        ----------
        film
            Its weld runs along the rows, over the whole width.
        probability
            ``(rows, columns)`` in [0, 1], the detector's answer to it.
        """
        labels = label(probability, self.threshold, self.min_size_px, self.peak_odds)
        matches = match_flaws(labels, film.instances, min_size_px=self.min_size_px)
        known = {flaw.number: flaw for flaw in film.flaws if flaw.number}
        self.films += 1
        self.metres += film.instances.shape[1] * (film.radiograph.pixel_size_mm or 0.0) / 1000
        self.pixels.append(pixel_scores(labels, film.instances))
        self.within_1.append(pixel_scores(labels, film.instances, tolerance=1))
        for number, found, marked in zip(matches.flaws, matches.labels > 0, matches.marked, strict=True):
            flaw = known[int(number)]
            self.flaws.append(FlawSeen(flaw.iso6520, flaw.name, flaw.length_mm, bool(found), bool(marked)))
        self.false_calls += matches.false_calls
        self.merged += matches.merged
        self.split += matches.split

    @property
    def f1(self) -> float:
        """Pixel F1 over all films, 0..1."""
        return pooled(self.pixels).f1

    def as_dict(self) -> dict[str, Any]:
        """Return the figures for a card; shares are 0..1, sizes mm, the weld's length m."""
        return {
            "films": self.films,
            "metres": round(self.metres, 3),
            "threshold": round(self.threshold, 4),
            "min_size_px": self.min_size_px,
            "peak_odds": self.peak_odds,
            "pixels": _rounded(pooled(self.pixels)),
            "pixels_within_1": _rounded(pooled(self.within_1)),
            **shares(self.flaws),
            "by_class": by_class(self.flaws),
            "by_size_mm": by_size(self.flaws, [flaw.length_mm for flaw in self.flaws], SIZES_MM),
            "false_calls_per_film": round(self.false_calls / self.films, 3),
            "false_calls_per_metre": round(self.false_calls / self.metres, 3) if self.metres else None,
            "merged": self.merged,
            "split": self.split,
        }


def by_class(flaws: Sequence[Seen]) -> list[dict[str, Any]]:
    """`shares` of each class that occurs, by its number after ISO 6520-1."""
    names = {flaw.iso6520: flaw.name for flaw in flaws}
    return [
        {"iso6520": number, "name": names[number]}
        | shares([flaw for flaw in flaws if flaw.iso6520 == number])
        for number in sorted(names)
    ]


def by_size(flaws: Sequence[Seen], lengths: Sequence[float], edges: Sequence[float]) -> list[dict[str, Any]]:
    """`shares` of the flaws whose length lies between each two edges, the upper one excluded.

    Parameters
    ----------
    flaws
        Any number.
    lengths
        One for each flaw, in the unit of `edges`.
    edges
        Rising; an infinite one becomes None, for JSON.
    """
    return [
        {"from": low, "to": None if np.isinf(high) else high}
        | shares([flaw for flaw, length in zip(flaws, lengths, strict=True) if low <= length < high])
        for low, high in pairwise(edges)
    ]


def shares(flaws: Sequence[Seen]) -> dict[str, Any]:
    """How many ``flaws``, and which share was ``found`` and ``marked``, 0..1; None where there is no flaw."""
    count = len(flaws)
    return {
        "flaws": count,
        "found": round(sum(flaw.found for flaw in flaws) / count, 4) if count else None,
        "marked": round(sum(flaw.marked for flaw in flaws) / count, 4) if count else None,
    }


def _rounded(scores: PixelScores) -> dict[str, float | int]:
    return {name: round(value, 4) for name, value in scores.as_dict().items()}


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
