"""Simulated films that choose the checkpoint and the threshold.

Half of them are whole welds, on which false calls are counted as an inspector meets them, half are windows
of every magnification and harshness, as the patches are, and all are seen as patches are: a network without
context has other odds where flaws stand out less, and a threshold chosen on plain windows would be too high
for whole films. Their seeds lie apart from those of the patches and of the films that a model is scored on,
so a threshold is never chosen on what it is judged by.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.evaluation.matches import MIN_IOU, match_flaws
from napari_weld_fcn.evaluation.operating_point import ObjectCounts, OperatingPoint, object_counts
from napari_weld_fcn.evaluation.scores import BestThreshold, best_mean_threshold
from napari_weld_fcn.events import ALONE, JobControl, Validated
from napari_weld_fcn.prediction import indications
from napari_weld_fcn.radiograph.simulation.film import SimulatedFilm, simulate
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.training.settings import PatchSettings
from napari_weld_fcn.training.simulated.patches import WINDOWS, as_seen

#: Seeds of validation films start here; patches start at `training.simulated.patches.FIRST_PATCH`.
FIRST_VALIDATION = 5_000_000

#: Pixels added to both sides of a film's F1, so that films with hardly a flaw do not decide all.
SMOOTHING = 50.0

#: With as much flaw as the welds of GDXray that have masks: 0.1 to 2 % of their pixels.
_WELDS = SimulationSettings(
    rows=384,
    columns=1024,
    magnification_min=0.5,
    magnification_max=2.0,
    flawless_share=0.2,
    flaw_density=24.0,
)
_WINDOWS = WINDOWS.model_copy(update={"rows": 288, "columns": 288})


def validation_films(count: int, job: JobControl = ALONE) -> list[SimulatedFilm]:
    """Simulate the first `count` validation films, welds and windows in turn; may be `Stopped`."""
    if count < 2:
        raise SettingsError(f"{count} validation films were asked for, but at least 2 are needed.")
    films = []
    for index in range(count):
        job.check()
        films.append(simulate(_WELDS if index % 2 == 0 else _WINDOWS, FIRST_VALIDATION + index))
    return films


@torch.inference_mode()
def probabilities(
    network: torch.nn.Module, films: Sequence[SimulatedFilm], seen: PatchSettings | None = None
) -> Iterator[np.ndarray]:
    """Probabilities ``(rows, columns)`` float32 of each film, as patches are seen.

    The network is left in its mode.
    """
    for index, film in enumerate(films):
        pixels = torch.from_numpy(as_seen(film.radiograph.pixels, FIRST_VALIDATION + index, seen))
        mode = network.training
        network.eval()
        logits = network(pixels[None, None])
        network.train(mode)
        yield np.asarray(logits.sigmoid()[0, 0].numpy())


def validate(
    network: torch.nn.Module,
    films: Sequence[SimulatedFilm],
    step: int,
    seen: PatchSettings | None = None,
) -> Validated:
    """Score a network at the threshold of its largest mean F1 over films with flaws."""
    mean, best = _best(network, films, seen)
    scores = best.scores
    share = sum(int(film.mask.sum()) for film in films) / sum(film.mask.size for film in films)
    return Validated(step, mean, scores.precision, scores.recall, best.threshold, share)


def _best(
    network: torch.nn.Module, films: Sequence[SimulatedFilm], seen: PatchSettings | None
) -> tuple[float, BestThreshold]:
    return best_mean_threshold(probabilities(network, films, seen), (film.mask for film in films), SMOOTHING)


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
    network: torch.nn.Module,
    films: Sequence[SimulatedFilm],
    false_calls_per_film: float,
    min_size_px: float,
    peak_odds: float = indications.ALL_PEAKS,
    seen: PatchSettings | None = None,
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
    peak_odds
        As for `indications.label`.
    seen
        How the network saw its patches; None for the usual way.
    """
    counts: ObjectCounts | None = None
    for film, probability in zip(films, probabilities(network, films, seen), strict=True):
        more = object_counts(
            probability,
            film.instances,
            min_size_px=min_size_px,
            min_flaw_size_px=min_size_px,
            peak_odds=peak_odds,
        )
        counts = more if counts is None else counts + more
    if counts is None:
        raise SettingsError("No validation film was given, so no threshold can be chosen.")
    return Thresholds(_best(network, films, seen)[1], counts.largest_recall(false_calls_per_film))


#: Smallest sizes of an indication that are tried, pixels; flaws count from the first of them on.
MIN_SIZES = (4.0, 5.0, 6.0, 8.0, 10.0)
#: Odds of an indication's peak that are tried, as multiples of those of the threshold.
PEAK_ODDS = (indications.ALL_PEAKS, 2.0, 4.0, 8.0, 16.0, 32.0)
#: F1 over flaws that is noise on as many films as choose.
MARGIN = 0.01


@dataclass(frozen=True)
class Counted:
    """What an indication must have to count, and what else was tried on the validation films.

    Attributes
    ----------
    min_size_px
        One of `MIN_SIZES`.
    peak_odds
        One of `PEAK_ODDS`.
    tried
        F1 over flaws by minimum size, at the best odds, and by odds, at the chosen size.
    """

    min_size_px: float
    peak_odds: float
    tried: dict[str, dict[float, float]]


def choose_counted(
    network: torch.nn.Module,
    films: Sequence[SimulatedFilm],
    threshold: float,
    seen: PatchSettings | None = None,
) -> Counted:
    """Choose what an indication must have to count: of about the largest F1 over flaws, not over pixels.

    What is smaller than a person would mark, or nowhere surer than its outline, is mostly grain: leaving it
    out loses few flaws and most of the false calls. Of sizes that do about as well the smallest is taken, for
    to leave out more than helps loses flaws, and of odds the middle one: at the ends flaws run into each
    other or are cut in parts.
    """
    counts = np.zeros((len(MIN_SIZES), len(PEAK_ODDS), 3), np.int64)
    for film, probability in zip(films, probabilities(network, films, seen), strict=True):
        for row, size in enumerate(MIN_SIZES):
            for column, odds in enumerate(PEAK_ODDS):
                marked = indications.label(probability, threshold, size, odds)
                matches = match_flaws(marked, film.instances, MIN_IOU, MIN_SIZES[0])
                counts[row, column] += matches.found, matches.false_calls, matches.flaws.size
    hits, false_calls, flaws = np.moveaxis(counts, -1, 0)
    f1 = 2 * hits / np.maximum(hits + false_calls + flaws, 1)
    by_size = f1.max(axis=1)
    size = int((by_size >= by_size.max() - MARGIN).argmax())
    told = {
        "min_size_px": dict(zip(MIN_SIZES, by_size.round(4).tolist(), strict=True)),
        "peak_odds": dict(zip(PEAK_ODDS, f1[size].round(4).tolist(), strict=True)),
    }
    about = np.flatnonzero(f1[size] >= by_size[size] - MARGIN)
    return Counted(MIN_SIZES[size], PEAK_ODDS[int(about[(about.size - 1) // 2])], told)
