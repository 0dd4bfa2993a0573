"""Marks that are there already against the truth, whoever made them: a heatmap, or indications by number.

The same figures as `evaluate` gives for a model. A heatmap is marked here, so other thresholds are tried and
there are curves; indications are taken as they are, and there are none.
"""

from __future__ import annotations

from collections.abc import Sequence

from napari_weld_fcn.errors import RadiographError, SettingsError
from napari_weld_fcn.evaluation.cases import Case, Marks, Source, numbered
from napari_weld_fcn.evaluation.evaluate import Evaluation, score_all
from napari_weld_fcn.evaluation.film_scores import (
    FilmScores,
    MarkedBy,
    OnMarks,
    keep_nothing,
    score_film,
    score_indications,
)
from napari_weld_fcn.evaluation.settings import EvaluationSettings
from napari_weld_fcn.events import ALONE, JobControl
from napari_weld_fcn.prediction.record import min_size_in_px, pixel_size_in


def compare(
    films: Sequence[Source],
    settings: EvaluationSettings = EvaluationSettings(),
    *,
    job: JobControl = ALONE,
    on_marks: OnMarks = keep_nothing,
) -> Evaluation:
    """Score marks on films whose truth is known.

    Parameters
    ----------
    films
        Each reads as a `Case` with its `Marks`; all have heatmaps, or all have indications.
    settings
        What counts; what only a model needs is not looked at. An open threshold or minimum size is that
        with which the film was marked.
    job, on_marks
        As for `evaluate`.

    Raises
    ------
    Stopped, DatasetError
        As `evaluate`.
    RadiographError
        If no film can be scored; also where marks do not fit their film, or a heatmap is none.
    SettingsError
        If some films have heatmaps and others indications, or they were marked at different thresholds and
        the settings leave the threshold open.
    """
    first: list[FilmScores] = []

    def score(case: Case, part: JobControl) -> FilmScores:
        if case.marks is None:
            raise RadiographError(f"{case.radiograph.name}: there are no marks to compare with its mask.")
        found = _score(case, case.marks, settings, part, on_marks)
        first.append(found)
        _refuse_difference(first[0], found)
        return found

    scored = score_all(films, score, job)
    return Evaluation("", "", settings, first[0].threshold, *scored)


def _score(
    case: Case, marks: Marks, settings: EvaluationSettings, job: JobControl, on_marks: OnMarks
) -> FilmScores:
    size_mm, source = pixel_size_in(settings, case.radiograph)
    return _compared(case, marks, settings, size_mm, job, on_marks).measured_by(size_mm, source)


def _compared(
    case: Case,
    marks: Marks,
    settings: EvaluationSettings,
    size_mm: float | None,
    job: JobControl,
    on_marks: OnMarks,
) -> FilmScores:
    smallest = min_size_in_px(settings, marks.min_size_px, size_mm)
    if not marks.probable:
        return score_indications(
            case,
            numbered(marks.values),
            smallest,
            min_iou=settings.min_iou,
            pixel_size_mm=size_mm,
            on_marks=on_marks,
        )
    low, high = float(marks.values.min()), float(marks.values.max())
    if not (low >= 0 and high <= 1):
        raise RadiographError(
            f"{case.radiograph.name}: a heatmap has values from 0 to 1, but this has {low:g} to {high:g}."
        )
    return score_film(
        case,
        marks.values.astype("float32", copy=False),
        MarkedBy(settings.threshold or marks.threshold, smallest, settings.peak_odds or marks.peak_odds),
        min_iou=settings.min_iou,
        pixel_size_mm=size_mm,
        job=job,
        on_marks=on_marks,
    )


def _refuse_difference(first: FilmScores, other: FilmScores) -> None:
    if len(first.objects.thresholds) != len(other.objects.thresholds):
        raise SettingsError(
            f"{first.film} and {other.film}: one has a heatmap, the other indications; take one kind."
        )
    if first.threshold != other.threshold:
        raise SettingsError(
            f"{first.film} was marked at threshold {first.threshold:g}, {other.film} at {other.threshold:g}; "
            "give one threshold for all."
        )
