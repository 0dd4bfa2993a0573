"""How good a model is on films whose truth is known: what `weld-fcn evaluate` does, on values.

Films are read, predicted as `predict` does it, compared and let go one by one. Nothing is chosen here: scores
are at the model's own threshold unless another is asked for; the thresholds of the best F1 and of a set
number of false calls are told beside them, and a score at a threshold that was chosen on the same films
flatters.

A film without flaws on which nothing is marked scores 1 in precision, recall, F1 and IoU, because nothing
could be better; a film where only one of truth and marks is empty scores 0 in all. Pooled scores add the
pixels of all films, so films without flaws count there by what is marked on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.dataset.store import Dataset
from napari_weld_fcn.errors import DatasetError, RadiographError
from napari_weld_fcn.evaluation.cases import Case, Film, Source, sources
from napari_weld_fcn.evaluation.film_scores import (
    TOLERANCES,
    FilmScores,
    FlawRow,
    MarkedBy,
    OnMarks,
    keep_nothing,
    known_sum,
    score_film,
)
from napari_weld_fcn.evaluation.operating_point import ObjectCounts, OperatingPoint
from napari_weld_fcn.evaluation.scores import BestThreshold, PixelScores, ThresholdCounts, pooled
from napari_weld_fcn.evaluation.settings import EvaluationSettings
from napari_weld_fcn.evaluation.tally import SIZES_MM, Interval, by_class, by_size, intervals, shares
from napari_weld_fcn.events import ALONE, Event, JobControl, Message, TileDone
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction import cautions
from napari_weld_fcn.prediction.apply_model import network_input, probability_of
from napari_weld_fcn.prediction.record import resolve
from napari_weld_fcn.prediction.tiles import sensible_tile
from napari_weld_fcn.radiograph.gdxray.series import GDXraySeries

#: Edges of the sizes that are told apart where no pixel size is known, pixels.
SIZES_PX = (0.0, 8.0, 12.0, 20.0, 30.0, 50.0, 100.0, float("inf"))
#: Share of a film's time that its prediction takes; the thresholds that are tried take the rest.
_PREDICTED = 0.5


@dataclass(frozen=True)
class Evaluation:
    """A model's scores on films.

    Attributes
    ----------
    model, sha256
        The model's name and the hash of its file; empty where marks were compared (`compare`).
    settings
        What was asked for.
    threshold
        Above which pixels were marked; 0 where indications were compared as they were.
    films
        In the order in which they came.
    left_out
        Names of films without a mask, and of crops that are variants or ignored throughout.
    faults
        Name and sentence of each film that could not be read.
    """

    model: str
    sha256: str
    settings: EvaluationSettings
    threshold: float
    films: tuple[FilmScores, ...]
    left_out: tuple[str, ...] = ()
    faults: tuple[tuple[str, str], ...] = ()

    @property
    def pixels(self) -> PixelScores:
        """Pixel scores with the pixels of all films added."""
        return pooled(film.pixels for film in self.films)

    @property
    def tolerant(self) -> tuple[PixelScores, ...]:
        """The same within each of `film_scores.TOLERANCES`."""
        return tuple(pooled(scores) for scores in zip(*(film.tolerant for film in self.films), strict=True))

    @property
    def intervals(self) -> dict[str, Interval]:
        """Bootstrap intervals of the pooled scores over films; what they can tell stands in `tally`."""
        settings = self.settings
        return intervals(self.films, settings.resamples, settings.confidence, settings.seed)

    @property
    def above(self) -> ThresholdCounts:
        """The precision-recall curve: pixels of all films above each threshold, without a minimum size."""
        first, *others = (film.above for film in self.films)
        return sum(others, start=first)

    @property
    def objects(self) -> ObjectCounts:
        """The FROC curve: flaws found and false calls of all films at each threshold."""
        first, *others = (film.objects for film in self.films)
        return sum(others, start=first)

    @property
    def has_curves(self) -> bool:
        """Whether there were probabilities, so that other thresholds could be tried."""
        return len(self.objects.thresholds) > 1

    @property
    def best_f1(self) -> BestThreshold:
        """Threshold of the largest pooled pixel F1 on these films, without a minimum size."""
        return self.above.best()

    @property
    def at_false_calls(self) -> OperatingPoint:
        """Threshold of the largest recall of flaws at the number of false calls that was asked for."""
        return self.objects.largest_recall(self.settings.false_calls)

    @property
    def flaws(self) -> tuple[FlawRow, ...]:
        """The flaws that count, of all films."""
        return tuple(flaw for film in self.films for flaw in film.flaws)

    def as_dict(self) -> dict[str, Any]:
        """Return all figures, ready for JSON; shares are 0..1, None stands where nothing can be said."""
        return {
            "model": self.model,
            "sha256": self.sha256,
            "threshold": self.threshold,
            "settings": self.settings.model_dump(),
            "pooled": self.pixels.as_dict()
            | {"tolerant": _tolerant(self.tolerant)}
            | {"intervals": {name: list(bounds) for name, bounds in self.intervals.items()}},
            "flaws": self._flaw_figures(),
            "best_f1": self._best_figures() if self.has_curves else None,
            "at_false_calls": self._point_figures() if self.has_curves else None,
            "films": [film_figures(film) for film in self.films],
            "left_out": list(self.left_out),
            "errors": [{"input": name, "error": sentence} for name, sentence in self.faults],
        }

    def _best_figures(self) -> dict[str, Any]:
        best = self.best_f1
        return {"threshold": best.threshold} | best.scores.as_dict()

    def _point_figures(self) -> dict[str, Any]:
        point = self.at_false_calls
        return {
            "asked": self.settings.false_calls,
            "kept": point.within,
            "threshold": point.threshold,
            "found": point.recall,
            "false_calls_per_film": point.false_calls_per_film,
        }

    def _flaw_figures(self) -> dict[str, Any]:
        films, flaws = self.films, self.flaws
        false_calls = sum(film.false_calls for film in films)
        metres = known_sum([film.metres for film in films])
        area = known_sum([film.area_cm2 for film in films])
        clean = [film for film in films if film.clean]
        return shares(flaws) | {
            "indications": sum(film.indications for film in films),
            "merged": sum(film.merged for film in films),
            "split": sum(film.split for film in films),
            "false_calls": false_calls,
            "false_calls_per_film": false_calls / len(films),
            "false_calls_per_metre": false_calls / metres if metres else None,
            "false_calls_per_cm2": false_calls / area if area else None,
            "clean_films": len(clean),
            "clean_films_called": sum(film.false_calls > 0 for film in clean),
            "by_class": by_class(flaws),
            **_by_size(flaws),
            "length_error": _length_error(flaws),
        }


def evaluate(
    model: Model | str | Path,
    films: Iterable[Film] | Dataset | GDXraySeries,
    settings: EvaluationSettings = EvaluationSettings(),
    *,
    job: JobControl = ALONE,
    on_marks: OnMarks = keep_nothing,
) -> Evaluation:
    """Score a model on films whose truth is known.

    Parameters
    ----------
    model
        A model, its name, or its file.
    films
        A series (`open_series`), a dataset (`read_dataset`), or any films one by one: pairs of a radiograph
        (or its pixels, ``(rows, columns)``) and its mask of the same shape (any value but 0 is a flaw;
        several values number the flaws), crops (`Pair`), films of a series, simulated films. Crops are
        seen by their film's normalisation, and those of one film make one row of `Evaluation.films`. Of two
        radiographs with one name the second is called ``name (2)``.
    settings
        How films are predicted, and what counts. A flaw that is shorter than the minimum size takes no
        part in what is said of flaws: it is neither found nor missed, nor is an indication on it a false
        call. Its pixels stay in the pixel scores.
    job
        Is told `TileDone`, in percent of a film, and `Message` for each film that cannot be read and for each
        setting that is no more; can be stopped before each tile, each layer and each threshold.
    on_marks
        Is handed each film or crop with its indications, as a `MarkedFilm`, as it is scored.

    Returns
    -------
    Evaluation

    Raises
    ------
    Stopped
        If the job was stopped.
    DatasetError, RadiographError
        If no film can be scored; the first reason is told. While one can be, the others' reasons stand in
        `Evaluation.faults`.
    ModelError, SettingsError
        If the model or the settings cannot be used.
    """
    ready = model if isinstance(model, Model) else Model.load(model)
    tile = sensible_tile(settings.tile, ready.halo, ready.stride)
    for sentence in [*settings.ignored, *cautions.small_tile(settings.tile, tile)]:
        job.tell(Message(sentence))

    def score(case: Case, part: JobControl) -> FilmScores:
        resolved = resolve(case.radiograph, ready.card, settings, None)
        view, _ = network_input(
            case.radiograph, ready, settings, normalisation=case.normalisation, polarity=case.polarity
        )
        probability = probability_of(view, ready, settings, device=resolved.device, job=part)
        found = score_film(
            case,
            probability,
            MarkedBy(resolved.threshold, resolved.min_size_px, resolved.peak_odds),
            min_iou=settings.min_iou,
            pixel_size_mm=resolved.pixel_size_mm,
            job=part,
            on_marks=on_marks,
        )
        return found.measured_by(resolved.pixel_size_mm, resolved.pixel_size_source)

    scored = score_all(films, score, job)
    threshold = settings.threshold or ready.card.threshold
    return Evaluation(ready.card.name, ready.sha256, settings, threshold, *scored)


#: The films that were scored, the names of those left out, and names and sentences of those damaged.
Scored = tuple[tuple[FilmScores, ...], tuple[str, ...], tuple[tuple[str, str], ...]]


def score_all(
    films: Iterable[Film] | Dataset | GDXraySeries,
    score: Callable[[Case, JobControl], FilmScores],
    job: JobControl,
) -> Scored:
    """Score films one by one, and add the crops of one film.

    Parameters
    ----------
    films
        As for `evaluate`.
    score
        Called with each case and the part of the job that it is.
    job
        As for `evaluate`.

    Raises
    ------
    DatasetError, RadiographError
        If no film can be scored.
    """
    run = _Run(score, job)
    listed = list(sources(films)) if isinstance(films, Sequence | GDXraySeries) else None
    for index, source in enumerate(sources(films) if listed is None else listed):
        run.add(source, index, len(listed or ()))
    return run.finished()


class _Run:
    """An evaluation on its way: rows by film, what was left out, what was damaged."""

    def __init__(self, score: Callable[[Case, JobControl], FilmScores], job: JobControl) -> None:
        self._score, self._job = score, job
        self._films: dict[str, FilmScores] = {}
        self._left_out: list[str] = []
        self._faults: list[tuple[str, str]] = []

    def add(self, source: Source, index: int, total: int) -> None:
        """Score the next film, `index` of `total`."""
        total = max(total, index + 1)
        try:
            self._add(source, _within_whole(self._job, index, total))
        except (DatasetError, RadiographError) as fault:
            self._faults.append((source.name, str(fault)))
            self._job.tell(Message(str(fault)))
        self._job.tell(TileDone(100 * (index + 1), 100 * total))

    def _add(self, source: Source, job: JobControl) -> None:
        case = source.read()
        if case is None:
            self._left_out.append(source.name)
            return
        scores = self._score(case, job)
        if case.whole_film:
            scores = replace(scores, film=self._free(scores.film))
        before = self._films.get(scores.film)
        self._films[scores.film] = scores if before is None else before + scores

    def _free(self, film: str) -> str:
        """A name that no film has: two radiographs of one name are two films."""
        names = (film, *(f"{film} ({number})" for number in range(2, len(self._films) + 2)))
        return next(name for name in names if name not in self._films)

    def finished(self) -> Scored:
        """Return what was scored; an error where that is nothing."""
        if not self._films and self._faults:
            raise RadiographError(self._faults[0][1])
        if not self._films:
            what = ", ".join(self._left_out[:3])
            raise DatasetError(
                f"There is no film with a mask to score on ({what or 'none was given'}); "
                "a series needs its masks beside it, such as W0002 for W0001."
            )
        return tuple(self._films.values()), tuple(self._left_out), tuple(self._faults)


def _within_whole(job: JobControl, index: int, total: int) -> JobControl:
    """Turn the tiles of one film into percent of all films."""

    def listen(event: Event) -> None:
        if isinstance(event, TileDone):
            part = _PREDICTED * event.done / event.total
            event = TileDone(round(100 * (index + part)), 100 * total)
        job.tell(event)

    return job.heard_by(listen)


def film_figures(film: FilmScores) -> dict[str, Any]:
    """Return one film's figures, ready for JSON and for a row of a table."""
    return (
        {"film": film.film}
        | film.pixels.as_dict()
        | {
            "images": film.images,
            "tolerant": _tolerant(film.tolerant),
            "flaws": len(film.flaws),
            "found": film.found,
            "indications": film.indications,
            "false_calls": film.false_calls,
            "merged": film.merged,
            "split": film.split,
            "clean": film.clean,
            "metres": film.metres,
            "area_cm2": film.area_cm2,
            "pixel_size_mm": film.pixel_size_mm,
            "pixel_size_source": film.pixel_size_source,
        }
    )


def _tolerant(scores: Sequence[PixelScores]) -> dict[str, dict[str, float | int]]:
    return {str(pixels): each.as_dict() for pixels, each in zip(TOLERANCES, scores, strict=True)}


def _by_size(flaws: Sequence[FlawRow]) -> dict[str, Any]:
    in_mm = [flaw.length_mm for flaw in flaws if flaw.length_mm is not None]
    if flaws and len(in_mm) == len(flaws):
        return {"by_size_mm": by_size(flaws, in_mm, SIZES_MM)}
    return {"by_size_px": by_size(flaws, [flaw.length_px for flaw in flaws], SIZES_PX)}


def _length_error(flaws: Sequence[FlawRow]) -> dict[str, float | int | None]:
    """Of the flaws that were found: mean (how much too long), mean of the amount, largest amount; pixels."""
    errors = np.array([flaw.length_error_px for flaw in flaws if flaw.found], dtype=np.float64)
    figures: dict[str, Callable[[NDArray[np.float64]], Any]] = {
        "mean_px": np.mean,
        "mean_absolute_px": lambda error: np.mean(np.abs(error)),
        "median_absolute_px": lambda error: np.median(np.abs(error)),
        "largest_absolute_px": lambda error: np.max(np.abs(error)),
    }
    told = {name: float(figure(errors)) if errors.size else None for name, figure in figures.items()}
    return {"flaws": int(errors.size)} | told
