"""What a detector finds on simulated films, by kind and size of flaw, beside a top-hat.

Only a simulation knows the class and the size of every flaw, so only here can it be said which ones are
missed. Films are simulated, looked at and forgotten one by one: forty of 4000 x 1500 with their truth would
fill the memory. For the same reason the top-hat meets each film at a ladder of depths, and the best depth is
chosen when all films are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.evaluation.matches import match_flaws
from napari_weld_fcn.evaluation.scores import PixelScores, pixel_scores, pooled
from napari_weld_fcn.evaluation.top_hat import HALF_DEPTH, top_hat
from napari_weld_fcn.prediction.indications import label
from napari_weld_fcn.radiograph.simulation.film import SimulatedFilm

Detector = Callable[[SimulatedFilm], NDArray[Any]]

#: Edges of the sizes that are told apart: length of the flaw's truth on the part, mm.
SIZES_MM = (0.0, 0.3, 0.5, 0.8, 1.2, 2.0, 4.0, float("inf"))

#: Depths among which the top-hat's best is chosen, in grey levels of 255.
DEPTHS = (2.0, 3.0, 4.0, 5.0, 6.5, 8.0, 10.0, 13.0, 17.0, 22.0, 30.0, 40.0, 60.0)


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
    metres
        Length of weld seen, m.
    """

    threshold: float
    min_size_px: float
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
        labels = label(probability, self.threshold, self.min_size_px)
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
            "pixels": _rounded(pooled(self.pixels)),
            "pixels_within_1": _rounded(pooled(self.within_1)),
            **_shares(self.flaws),
            "by_class": self._by_class(),
            "by_size_mm": self._by_size(),
            "false_calls_per_film": round(self.false_calls / self.films, 3),
            "false_calls_per_metre": round(self.false_calls / self.metres, 3) if self.metres else None,
            "merged": self.merged,
            "split": self.split,
        }

    def _by_class(self) -> list[dict[str, Any]]:
        names = {flaw.iso6520: flaw.name for flaw in self.flaws}
        return [
            {"iso6520": number, "name": names[number]}
            | _shares([flaw for flaw in self.flaws if flaw.iso6520 == number])
            for number in sorted(names)
        ]

    def _by_size(self) -> list[dict[str, Any]]:
        return [
            {"from": low, "to": None if np.isinf(high) else high}
            | _shares([flaw for flaw in self.flaws if low <= flaw.length_mm < high])
            for low, high in pairwise(SIZES_MM)
        ]


def benchmark_films(
    films: Iterable[SimulatedFilm],
    detector: Detector,
    threshold: float,
    min_size_px: float = 4.0,
    *,
    top_hat_radius: int = 12,
    top_hat_depths: Sequence[float] = DEPTHS,
) -> dict[str, Any]:
    """Score a detector on simulated films, beside a top-hat at its best depth.

    Parameters
    ----------
    films
        Gone through once; a generator that simulates them one by one will do.
    detector
        Gives each film's probabilities, ``(rows, columns)`` in [0, 1].
    threshold
        The detector's own; pixels above it are marked.
    min_size_px
        Smallest maximum Feret length of an indication, and of a flaw that counts, pixels.
    top_hat_radius
        Half the top-hat's window, pixels.
    top_hat_depths
        Depths among which the one of the largest pixel F1 is taken, grey levels of 255; none leaves the
        top-hat out.

    Returns
    -------
    dict
        Ready for JSON: `Tally.as_dict` of the detector, and under ``top_hat`` the same of the top-hat.
        ``found`` is the share of visible flaws with an indication of their own, ``marked`` of those that are
        found or at least half covered.

    Raises
    ------
    ValueError
        If there is no film.
    """
    own = Tally(threshold, min_size_px)
    others = [Tally(depth / (depth + HALF_DEPTH), min_size_px) for depth in top_hat_depths]
    for film in films:
        own.add(film, detector(film))
        if others:
            classical = top_hat(film.radiograph.pixels, top_hat_radius)
            for other in others:
                other.add(film, classical)
    if not own.films:
        raise ValueError("no film to score on")
    if not others:
        return own.as_dict()
    best = max(range(len(others)), key=lambda index: others[index].f1)
    beside = {"radius_px": top_hat_radius, "depth": top_hat_depths[best]}
    return own.as_dict() | {"top_hat": beside | others[best].as_dict()}


def _shares(flaws: Sequence[FlawSeen]) -> dict[str, Any]:
    count = len(flaws)
    return {
        "flaws": count,
        "found": round(sum(flaw.found for flaw in flaws) / count, 4) if count else None,
        "marked": round(sum(flaw.marked for flaw in flaws) / count, 4) if count else None,
    }


def _rounded(scores: PixelScores) -> dict[str, float | int]:
    return {name: round(value, 4) for name, value in scores.as_dict().items()}
