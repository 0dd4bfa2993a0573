"""What a detector does on whole films with masks, and what an alteration of the films costs it.

A model is judged at the threshold and the minimum size that it ships with, by its own `predict`: the films
are not there to choose them. A classical detector ships with neither and would look worse than it is at any
fixed threshold, so it has that of its best pooled pixel F1 on these very films, and the model's minimum size.

A copy of a film is predicted like any film; its marks are brought back and scored on the film's own pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.evaluation.benchmark.alterations import Alteration
from napari_weld_fcn.evaluation.benchmark.classical import laplacian, top_hat
from napari_weld_fcn.evaluation.cases import Case, Source
from napari_weld_fcn.evaluation.evaluate import Evaluation
from napari_weld_fcn.evaluation.film_scores import FilmScores, FlawRow, score_indications
from napari_weld_fcn.evaluation.operating_point import object_counts
from napari_weld_fcn.evaluation.scores import threshold_counts
from napari_weld_fcn.evaluation.settings import EvaluationSettings
from napari_weld_fcn.evaluation.tally import shares
from napari_weld_fcn.events import ALONE, JobControl, Message
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.indications import ALL_PEAKS, label
from napari_weld_fcn.prediction.predict import predict

#: Flaws of this length and above are counted together as well, mm.
LARGE_MM = (0.5, 0.8)
#: Thresholds of the FROC curve; closer together at the ends, where the curve goes on.
TRIED = (0.02, *(round(0.05 * step, 2) for step in range(1, 20)), 0.98)

#: Response in [0, 1) to a film's pixels, by the detector's name.
CLASSICAL: dict[str, Callable[[NDArray[Any]], NDArray[np.float32]]] = {
    "top-hat": top_hat,
    "LoG": laplacian,
}


@dataclass(frozen=True)
class Judged:
    """What a detector did with films.

    Attributes
    ----------
    name
        The detector's.
    evaluation
        Its scores on the films as they are.
    altered
        By alteration, each film's scores after it, in the order of ``evaluation.films``.
    """

    name: str
    evaluation: Evaluation
    altered: Mapping[str, Sequence[FilmScores]] = field(default_factory=dict)

    def costs(self, alteration: str) -> list[float]:
        """How much pixel F1 an alteration costs on each film; negative where it helps."""
        pairs = zip(self.evaluation.films, self.altered[alteration], strict=True)
        return [before.pixels.f1 - after.pixels.f1 for before, after in pairs]

    def as_dict(self) -> dict[str, Any]:
        """Return all figures, ready for JSON; shares are 0..1, None stands where nothing can be said."""
        told, films = self.evaluation.as_dict(), self.evaluation.films
        return told | {
            "name": self.name,
            "min_size_px": films[0].min_size_px,
            "froc": self._curve(),
            "flaws": told["flaws"] | {"large": large(self.evaluation.flaws)},
            "films": [
                row | {"large": large(film.flaws)} for row, film in zip(told["films"], films, strict=True)
            ],
            "altered": {name: self._altered_figures(name) for name in self.altered},
        }

    def _curve(self) -> list[dict[str, float]]:
        counts = self.evaluation.objects
        columns = (counts.thresholds, counts.found / max(counts.flaws, 1), counts.false_calls / counts.films)
        names = ("threshold", "found", "false_calls_per_film")
        return [dict(zip(names, map(float, row), strict=True)) for row in zip(*columns, strict=True)]

    def _altered_figures(self, name: str) -> dict[str, Any]:
        after, costs = replace(self.evaluation, films=tuple(self.altered[name])), self.costs(name)
        flaws = after.flaws
        return {
            "f1": after.pixels.f1,
            "cost": self.evaluation.pixels.f1 - after.pixels.f1,
            "mean_cost": float(np.mean(costs)),
            "largest_cost": max(costs),
            "costs": costs,
            "found": shares(flaws)["found"],
            "false_calls_per_film": sum(film.false_calls for film in after.films) / len(after.films),
        }


def large(flaws: Sequence[FlawRow]) -> list[dict[str, Any]]:
    """`shares` of the flaws of at least each of `LARGE_MM`; empty where lengths in mm are not known.

    Parameters
    ----------
    flaws
        Those that count.
    """
    if any(flaw.length_mm is None for flaw in flaws):
        return []
    return [
        {"from": least} | shares([flaw for flaw in flaws if (flaw.length_mm or 0.0) >= least])
        for least in LARGE_MM
    ]


def judge_model(
    model: Model,
    films: Sequence[Source],
    settings: EvaluationSettings = EvaluationSettings(),
    alterations: Sequence[Alteration] = (),
    *,
    job: JobControl = ALONE,
) -> Judged:
    """Judge a model as it ships.

    Parameters
    ----------
    model
        At its own threshold and minimum size.
    films
        Read, predicted and let go one by one; each is predicted once for all thresholds.
    settings
        What counts as found, and how the intervals are drawn; how films are predicted is left to the model.
    alterations
        In which each film is predicted again.
    job
        Is told a `Message` for each film and each of its copies.

    Raises
    ------
    RadiographError, DatasetError, ModelError
        If a film or the model cannot be used.
    """
    card = model.card
    before: list[FilmScores] = []
    after: dict[str, list[FilmScores]] = {each.name: [] for each in alterations}
    for case in _read(films):
        found = predict(case.radiograph, model)
        before.append(
            _scored(case, found.labels, found.probability, card.min_size_px, settings, card.peak_odds)
        )
        job.tell(_told(card.name, case, "", before[-1]))
        for each in alterations:
            labels = _labels_of_copies(case, model, each)
            after[each.name].append(_as_marked(case, labels, card.min_size_px, settings))
            job.tell(_told(card.name, case, f", {each.name}", after[each.name][-1]))
    evaluation = Evaluation(card.name, model.sha256, settings, card.threshold, tuple(before))
    return Judged(card.name, evaluation, after)


def judge_classical(
    name: str,
    films: Sequence[Source],
    min_size_px: float,
    settings: EvaluationSettings = EvaluationSettings(),
    *,
    job: JobControl = ALONE,
) -> Judged:
    """Judge a classical detector at the threshold of its best pooled pixel F1 on these films.

    Parameters
    ----------
    name
        One of `CLASSICAL`.
    films
        Read twice, first for the threshold.
    min_size_px
        Smallest maximum Feret length of an indication and of a flaw that counts, pixels.
    settings, job
        As for `judge_model`.

    Raises
    ------
    RadiographError, DatasetError
        If a film cannot be read.
    """
    respond = CLASSICAL[name]
    counts = [threshold_counts(respond(case.radiograph.pixels), case.instances) for case in _read(films)]
    threshold = sum(counts[1:], start=counts[0]).best().threshold
    judged: list[FilmScores] = []
    for case in _read(films):
        response = respond(case.radiograph.pixels)
        marked = label(response, threshold, min_size_px)
        judged.append(_scored(case, marked, response, min_size_px, settings))
        job.tell(_told(name, case, "", judged[-1]))
    return Judged(name, Evaluation(name, "", settings, threshold, tuple(judged)))


def _read(films: Sequence[Source]) -> Iterator[Case]:
    """Read films one by one; those without a mask are left out."""
    cases = (film.read() for film in films)
    return (case for case in cases if case is not None)


def _labels_of_copies(case: Case, model: Model, alteration: Alteration) -> NDArray[Any]:
    film = case.radiograph
    size = film.pixel_size_mm / alteration.scale if film.pixel_size_mm else None
    copies = (replace(film, pixels=copy, pixel_size_mm=size) for copy in alteration.copies(film.pixels))
    return alteration.back([predict(copy, model).labels for copy in copies], case.instances.shape)


def _as_marked(
    case: Case, labels: NDArray[Any], min_size_px: float, settings: EvaluationSettings
) -> FilmScores:
    return score_indications(
        case,
        labels,
        min_size_px,
        min_iou=settings.min_iou,
        pixel_size_mm=case.radiograph.pixel_size_mm,
    )


def _scored(
    case: Case,
    labels: NDArray[Any],
    probability: NDArray[np.float32],
    min_size_px: float,
    settings: EvaluationSettings,
    peak_odds: float = ALL_PEAKS,
) -> FilmScores:
    """Score marks as they are, and the probabilities at other thresholds."""
    objects = object_counts(
        probability,
        case.instances,
        thresholds=TRIED,
        min_size_px=min_size_px,
        min_flaw_size_px=min_size_px,
        peak_odds=peak_odds,
        min_iou=settings.min_iou,
    )
    above = threshold_counts(probability, case.instances)
    return replace(_as_marked(case, labels, min_size_px, settings), objects=objects, above=above)


def _told(detector: str, case: Case, form: str, scores: FilmScores) -> Message:
    return Message(f"{detector}: {case.radiograph.name}{form}, pixel F1 {scores.pixels.f1:.3f}")
