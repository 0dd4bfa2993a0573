"""What a model did with one film: its pixels, its flaws one by one, its false calls, at every threshold.

Crops of one film are added, so that a film has one voice however it was cut; where crops overlap, what lies
in both counts twice, and a flaw that a cut goes through counts in each part. All else that a series says is
summed from these (`Evaluation`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.evaluation.cases import UNKNOWN, Case
from napari_weld_fcn.evaluation.matches import FlawMatches, dense_numbers, match_flaws
from napari_weld_fcn.evaluation.operating_point import ObjectCounts, object_counts
from napari_weld_fcn.evaluation.scores import (
    PixelScores,
    ThresholdCounts,
    pixel_scores,
    pooled,
    threshold_counts,
)
from napari_weld_fcn.events import ALONE, JobControl
from napari_weld_fcn.prediction.indications import ALL_PEAKS, label, lengths, measure_indications

#: Pixels by which an outline may be off at no cost, in the scores that stand beside the strict ones.
TOLERANCES = (1, 2)


@dataclass(frozen=True)
class MarkedFilm:
    """One film or crop as it was scored, before its pixels are let go.

    Attributes
    ----------
    case
        The film and its truth.
    labels
        ``(rows, columns)`` integers, its indications.
    probability
        ``(rows, columns)`` float32 in [0, 1]; 1 on indications that came without probabilities.
    matches
        Flaws beside indications.
    """

    case: Case
    labels: NDArray[Any]
    probability: NDArray[np.float32]
    matches: FlawMatches


#: Is handed each film or crop as it is scored.
OnMarks = Callable[[MarkedFilm], None]


def keep_nothing(marked: MarkedFilm) -> None:
    """Let it go: the default `on_marks`."""


@dataclass(frozen=True)
class FlawRow:
    """One flaw and what became of it.

    Attributes
    ----------
    film, image
        Where it is; `image` names the crop where there are crops.
    number
        In the truth.
    iso6520, name
        Its class after ISO 6520-1; 0 and "not classified" where it is not known.
    row, column
        Its centroid in the image, pixels from 0.
    length_px, length_mm
        Its maximum Feret length; mm None without a pixel size.
    found
        Whether it has an indication of its own.
    marked
        Whether it was found or is at least half covered, in whatever company.
    covered
        Share of its pixels that is marked, 0..1.
    iou
        Intersection over union with its indication; 0 where it was missed.
    indication
        Number of that indication; 0 where it was missed.
    found_length_px
        Maximum Feret length of that indication; None where it was missed.
    """

    film: str
    image: str
    number: int
    iso6520: int
    name: str
    row: float
    column: float
    length_px: float
    length_mm: float | None
    found: bool
    marked: bool
    covered: float
    iou: float
    indication: int
    found_length_px: float | None

    @property
    def length_error_px(self) -> float | None:
        """How much too long it was measured, pixels; None where it was missed."""
        return None if self.found_length_px is None else self.found_length_px - self.length_px


@dataclass(frozen=True)
class FilmScores:
    """One film at the threshold that was used, and its counts at all others.

    Attributes
    ----------
    film
        Its name.
    images
        1, or the number of its crops.
    threshold, min_size_px
        With which it was marked; the largest minimum size where crops differ.
    pixels
        Of what is marked, after indications under the minimum size were left out, against all flaw pixels.
    tolerant
        The same within each of `TOLERANCES`.
    flaws
        Those that count: not smaller than the minimum size.
    indications, false_calls, merged, split
        As in `FlawMatches`.
    above
        Pixels above each threshold, without a minimum size.
    objects
        Flaws found and false calls at each threshold.
    clean
        Whether its truth has no flaw pixel.
    metres
        Length of the weld: the film's longer edge, m; None for crops or without a pixel size.
    area_cm2
        What takes part, cm2; None without a pixel size.
    pixel_size_mm, pixel_size_source
        By which it was measured, as in `Radiograph`; of crops that differ in it None, and all sources.
    """

    film: str
    images: int
    threshold: float
    min_size_px: float
    pixels: PixelScores
    tolerant: tuple[PixelScores, ...]
    flaws: tuple[FlawRow, ...]
    indications: int
    false_calls: int
    merged: int
    split: int
    above: ThresholdCounts
    objects: ObjectCounts
    clean: bool
    metres: float | None
    area_cm2: float | None
    pixel_size_mm: float | None = None
    pixel_size_source: str = "none"

    def measured_by(self, pixel_size_mm: float | None, source: str) -> FilmScores:
        """Return the same with the pixel size by which it was measured, and where that comes from."""
        return replace(self, pixel_size_mm=pixel_size_mm, pixel_size_source=source)

    @property
    def found(self) -> int:
        """Flaws with an indication of their own."""
        return sum(flaw.found for flaw in self.flaws)

    def __add__(self, other: FilmScores) -> FilmScores:
        """Add two crops of one film."""
        if self.film != other.film:
            raise ValueError(f"crops of {self.film} and of {other.film} are not one film")
        pairs = zip(self.tolerant, other.tolerant, strict=True)
        return FilmScores(
            film=self.film,
            images=self.images + other.images,
            threshold=self.threshold,
            min_size_px=max(self.min_size_px, other.min_size_px),
            pixels=pooled([self.pixels, other.pixels]),
            tolerant=tuple(pooled(pair) for pair in pairs),
            flaws=self.flaws + other.flaws,
            indications=self.indications + other.indications,
            false_calls=self.false_calls + other.false_calls,
            merged=self.merged + other.merged,
            split=self.split + other.split,
            above=self.above + other.above,
            objects=replace(self.objects + other.objects, films=1),
            clean=self.clean and other.clean,
            metres=known_sum([self.metres, other.metres]),
            area_cm2=known_sum([self.area_cm2, other.area_cm2]),
            pixel_size_mm=self.pixel_size_mm if self.pixel_size_mm == other.pixel_size_mm else None,
            pixel_size_source=_all_of(self.pixel_size_source, other.pixel_size_source),
        )


class MarkedBy(NamedTuple):
    """How pixels are marked: threshold, smallest maximum Feret length (pixels), and peaks as in `label`."""

    threshold: float
    min_size_px: float = 0.0
    peak_odds: float = ALL_PEAKS


def score_film(
    case: Case,
    probability: NDArray[np.float32],
    marked_by: MarkedBy,
    *,
    min_iou: float,
    pixel_size_mm: float | None = None,
    job: JobControl = ALONE,
    on_marks: OnMarks = keep_nothing,
) -> FilmScores:
    """Compare the probabilities of one film or crop with its truth.

    Parameters
    ----------
    case
        The film and its truth.
    probability
        ``(rows, columns)`` in [0, 1]; what is ignored counts as 0.
    marked_by
        What is marked; flaws that are smaller than its minimum size do not count.
    min_iou
        Smallest intersection over union of a flaw and its indication, 0..1.
    pixel_size_mm
        Edge of a pixel; None gives nothing in mm.
    job
        Can be stopped before each threshold that is tried.
    on_marks
        Is handed the film with its indications.

    Raises
    ------
    Stopped
        If the job was stopped.
    ValueError
        If the shapes differ.
    """
    threshold, min_size_px, peak_odds = marked_by
    if case.ignored is not None:
        probability = np.where(case.ignored, np.float32(0), probability)
    objects = object_counts(
        probability,
        case.instances,
        min_size_px=min_size_px,
        min_flaw_size_px=min_size_px,
        peak_odds=peak_odds,
        min_iou=min_iou,
        job=job,
    )
    labels = label(probability, threshold, min_size_px, peak_odds)
    matches = match_flaws(labels, case.instances, min_iou, min_size_px)
    on_marks(MarkedFilm(case, labels, probability, matches))
    above = threshold_counts(probability, case.instances)
    return _scores(case, labels, matches, threshold, min_size_px, above, objects, pixel_size_mm)


def score_indications(
    case: Case,
    labels: NDArray[Any],
    min_size_px: float = 0.0,
    *,
    min_iou: float,
    pixel_size_mm: float | None = None,
    on_marks: OnMarks = keep_nothing,
) -> FilmScores:
    """Compare indications as they are with the truth; their curves have one point.

    Parameters
    ----------
    case
        The film and its truth.
    labels
        ``(rows, columns)`` integers: 0 background, n the indication of that number.
    min_size_px
        Smaller indications are left out, and smaller flaws do not count.
    min_iou, pixel_size_mm, on_marks
        As for `score_film`.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if case.ignored is not None:
        labels = np.where(case.ignored, labels.dtype.type(0), labels)
    labels = _large(labels, min_size_px)
    probability = (labels != 0).astype(np.float32)
    matches = match_flaws(labels, case.instances, min_iou, min_size_px)
    on_marks(MarkedFilm(case, labels, probability, matches))
    above = threshold_counts(probability, case.instances)
    found, false_calls = np.array([[matches.found], [matches.false_calls]], np.int64)
    objects = ObjectCounts((0.0,), found, false_calls, int(matches.flaws.size))
    return _scores(case, labels, matches, 0.0, min_size_px, above, objects, pixel_size_mm)


def _large(labels: NDArray[Any], min_size_px: float) -> NDArray[Any]:
    """Number the indications anew, without those that are smaller."""
    dense, names = dense_numbers(labels)
    kept = lengths(dense, names.size - 1) >= min_size_px
    places = np.concatenate([[0], np.where(kept, np.cumsum(kept), 0)]).astype(np.int32)
    return np.asarray(places[dense])


def _scores(
    case: Case,
    labels: NDArray[Any],
    matches: FlawMatches,
    threshold: float,
    min_size_px: float,
    above: ThresholdCounts,
    objects: ObjectCounts,
    pixel_size_mm: float | None,
) -> FilmScores:
    return FilmScores(
        film=case.radiograph.film,
        images=1,
        threshold=threshold,
        min_size_px=min_size_px,
        pixels=pixel_scores(labels, case.instances),
        tolerant=tuple(pixel_scores(labels, case.instances, pixels) for pixels in TOLERANCES),
        flaws=_rows(case, labels, matches, pixel_size_mm),
        indications=matches.indications,
        false_calls=matches.false_calls,
        merged=matches.merged,
        split=matches.split,
        above=above,
        objects=objects,
        clean=not case.instances.any(),
        metres=_metres(case, pixel_size_mm),
        area_cm2=_area_cm2(case, pixel_size_mm),
    )


def _all_of(source: str, other: str) -> str:
    return " and ".join(sorted({*source.split(" and "), other}))


def known_sum(values: list[float | None]) -> float | None:
    """Sum of `values`, or None where one is not known or there is none."""
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def _rows(
    case: Case, labels: NDArray[Any], matches: FlawMatches, pixel_size_mm: float | None
) -> tuple[FlawRow, ...]:
    table = measure_indications(case.instances, np.zeros(case.instances.shape, np.float32))
    place = {int(number): index for index, number in enumerate(table["label"])}
    found_lengths = lengths(labels, int(labels.max(initial=0)))
    rows = []
    for index, number in enumerate(matches.flaws.tolist()):
        at, indication = place[number], int(matches.labels[index])
        kind = case.classes.get(number, UNKNOWN)
        length = float(table["length_px"][at])
        rows.append(
            FlawRow(
                film=case.radiograph.film,
                image=case.radiograph.name,
                number=number,
                iso6520=kind.iso6520,
                name=kind.name,
                row=float(table["row"][at]),
                column=float(table["column"][at]),
                length_px=length,
                length_mm=length * pixel_size_mm if pixel_size_mm else None,
                found=indication > 0,
                marked=bool(matches.marked[index]),
                covered=float(matches.covered[index]),
                iou=float(matches.iou[index]),
                indication=indication,
                found_length_px=float(found_lengths[indication - 1]) if indication else None,
            )
        )
    return tuple(rows)


def _metres(case: Case, pixel_size_mm: float | None) -> float | None:
    whole = pixel_size_mm is not None and case.whole_film
    return max(case.instances.shape) * pixel_size_mm / 1000 if whole and pixel_size_mm else None


def _area_cm2(case: Case, pixel_size_mm: float | None) -> float | None:
    if not pixel_size_mm:
        return None
    ignored = 0 if case.ignored is None else int(np.count_nonzero(case.ignored))
    return (case.instances.size - ignored) * pixel_size_mm**2 / 100
