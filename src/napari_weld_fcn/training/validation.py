"""Simulated films that choose the checkpoint and the threshold.

Half of them are whole welds, on which false calls are counted as an inspector meets them, half are windows
of every magnification and harshness, as the patches are. Their seeds lie apart from those of the patches and
of the films that a model is scored on, so a threshold is never chosen on what it is judged by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from napari_weld_fcn.errors import SettingsError, Stopped
from napari_weld_fcn.evaluation.matches import MIN_IOU, match_flaws
from napari_weld_fcn.evaluation.operating_point import ObjectCounts, OperatingPoint, object_counts
from napari_weld_fcn.evaluation.scores import BestThreshold, best_mean_threshold
from napari_weld_fcn.events import ShouldStop, Validated, never
from napari_weld_fcn.prediction import indications
from napari_weld_fcn.radiograph.film_area import FilmArea
from napari_weld_fcn.radiograph.normalisation import measure
from napari_weld_fcn.radiograph.simulation import SimulatedFilm, SimulationSettings, simulate
from napari_weld_fcn.training.patches import WINDOWS

#: Seeds of validation films start here; patches start at `training.patches.FIRST_PATCH`.
FIRST_VALIDATION = 5_000_000

#: Pixels added to both sides of a film's F1, so that films with hardly a flaw do not decide all.
SMOOTHING = 50.0

_WELDS = SimulationSettings(
    rows=384, columns=1024, magnification_min=0.5, magnification_max=2.0, flawless_share=0.2, flaw_density=3.0
)
_WINDOWS = WINDOWS.model_copy(update={"rows": 288, "columns": 288})


def validation_films(count: int, should_stop: ShouldStop = never) -> list[SimulatedFilm]:
    """Simulate the first `count` validation films, welds and windows in turn; may be `Stopped`."""
    if count < 2:
        raise SettingsError(f"{count} validation films were asked for, but at least 2 are needed.")
    films = []
    for index in range(count):
        if should_stop():
            raise Stopped
        films.append(simulate(_WELDS if index % 2 == 0 else _WINDOWS, FIRST_VALIDATION + index))
    return films


@torch.inference_mode()
def probability(network: torch.nn.Module, film: SimulatedFilm) -> np.ndarray:
    """Probabilities ``(rows, columns)`` float32 of a whole film; the network is left in its mode."""
    mode = network.training
    network.eval()
    pixels = film.radiograph.pixels
    logits = network(
        torch.from_numpy(measure(pixels, FilmArea.whole(pixels.shape)).apply(pixels))[None, None]
    )
    network.train(mode)
    return np.asarray(logits.sigmoid()[0, 0].numpy())


def validate(network: torch.nn.Module, films: Sequence[SimulatedFilm], step: int) -> Validated:
    """Score a network at the threshold of its largest mean F1 over films with flaws."""
    mean, best = _best(network, films)
    scores = best.scores
    share = sum(int(film.mask.sum()) for film in films) / sum(film.mask.size for film in films)
    return Validated(step, mean, scores.precision, scores.recall, best.threshold, share)


def _best(network: torch.nn.Module, films: Sequence[SimulatedFilm]) -> tuple[float, BestThreshold]:
    return best_mean_threshold(
        (probability(network, film) for film in films), (film.mask for film in films), SMOOTHING
    )


@dataclass(frozen=True)
class Thresholds:
    """The two thresholds that a card carries, and what they give on the validation films.

    Attributes
    ----------
    f1
        Of the largest mean F1 over films with flaws, with scores pooled over all.
    false_calls
        Of the largest recall at a number of false calls.
    """

    f1: BestThreshold
    false_calls: OperatingPoint


def choose_thresholds(
    network: torch.nn.Module, films: Sequence[SimulatedFilm], false_calls_per_film: float, min_size_px: float
) -> Thresholds:
    """Choose the threshold of the best F1, and that of the largest recall at a number of false calls a film.

    Parameters
    ----------
    films
        Validation films.
    false_calls_per_film
        Mean number of false calls that can be lived with.
    min_size_px
        Smallest maximum Feret length of an indication and of a flaw that counts, pixels.
    """
    counts: ObjectCounts | None = None
    for film in films:
        more = object_counts(
            probability(network, film), film.instances, min_size_px=min_size_px, min_flaw_size_px=min_size_px
        )
        counts = more if counts is None else counts + more
    if counts is None:
        raise SettingsError("No validation film was given, so no threshold can be chosen.")
    return Thresholds(_best(network, films)[1], counts.largest_recall(false_calls_per_film))


#: Smallest sizes of an indication that are tried, pixels; flaws count from the first of them on.
MIN_SIZES = (4.0, 5.0, 6.0, 8.0, 10.0)
#: F1 over flaws that a smaller size may cost: to leave out more than helps loses flaws.
SIZE_MARGIN = 0.01


def choose_min_size(
    network: torch.nn.Module, films: Sequence[SimulatedFilm], threshold: float
) -> tuple[float, dict[float, float]]:
    """Choose the smallest size of an indication whose F1 over flaws, not over pixels, is about the largest.

    What is smaller than a person would mark is mostly grain: leaving it out loses few flaws and most of the
    false calls.

    Returns
    -------
    float, dict of float to float
        One of `MIN_SIZES`, and the F1 over flaws of each.
    """
    counts = np.zeros((len(MIN_SIZES), 3), np.int64)
    for film in films:
        found = probability(network, film)
        for row, size in enumerate(MIN_SIZES):
            marked = indications.label(found, threshold, size)
            matches = match_flaws(marked, film.instances, MIN_IOU, MIN_SIZES[0])
            counts[row] += matches.found, matches.false_calls, matches.flaws.size
    hits, false_calls, flaws = counts.T
    f1 = 2 * hits / np.maximum(hits + false_calls + flaws, 1)
    enough = f1 >= f1.max() - SIZE_MARGIN
    return MIN_SIZES[int(enough.argmax())], dict(zip(MIN_SIZES, f1.round(4).tolist(), strict=True))
