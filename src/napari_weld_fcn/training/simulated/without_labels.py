"""Films without labels: a run on them alone, or windows of them beside whatever a run learns.

Nothing on a clean film is a flaw but what is put in. Alone, flaws are put into held-out films as well, or
into a held-out part of a film that is alone, so that tuning is scored without a label too; a run keeps the
model that it began with where no step is better. Mixed in, they add to each step, and
score nothing.

A network that calls nothing makes no false call, so false calls alone would praise it. So it is scored on
windows of the user's films that it was not taught on, with flaws put in and without, and on simulated films
of all kinds beside them. Each window has its own smoothed F1, in which a window without a flaw counts by what
is called there. What is lost on simulated films, beyond a little, is taken off. The threshold stays that of
the model that was started from, so that what is compared is what the user would see.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from napari_weld_fcn.dataset.films import FilmSplit, Part
from napari_weld_fcn.dataset.pair import BACKGROUND
from napari_weld_fcn.events import ALONE, JobControl, TileDone, Validated
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.indications import label
from napari_weld_fcn.radiograph.area.film_area import FilmArea
from napari_weld_fcn.radiograph.normalisation import measure
from napari_weld_fcn.radiograph.simulation.settings import InsertionSettings
from napari_weld_fcn.training.data.sampling import WHOLE, Batch, Patch, Sampler, Share, Task
from napari_weld_fcn.training.settings import PatchSettings, RunSettings
from napari_weld_fcn.training.simulated.clean_films import CleanFilms, whole
from napari_weld_fcn.training.simulated.synthetic_flaws import (
    CleanFilm,
    SyntheticFlawSampler,
    clean_film_of,
    teaching_patch,
)
from napari_weld_fcn.training.simulated.validation import SMOOTHING, validation_films

#: Share of the patches that are simulated as a whole, where films without labels are alone.
SIMULATED_SHARE = 1 / 4
#: Windows without labels that are mixed in, for each window with labels.
MIXED_SHARE = 1 / 4
#: Edges of a patch are multiples of this, pixels.
_MULTIPLE = 8


def clean_task(
    films: CleanFilms, about: RunSettings, split: FilmSplit, start: Model, job: JobControl = ALONE
) -> Task:
    """Show windows of films with flaws put in; held-out ones so too, and simulated films, validate.

    Raises
    ------
    Stopped
        If `job` said so.
    """
    insertion, seed = InsertionSettings(), about.train.seed
    ready = _made_ready(films, (*split.training, *split.validation), start, insertion.margin, job)
    taught, held_out = ready[: len(split.training)], ready[len(split.training) :]
    size = patch_size(ready, about.train.window)
    sampler = SyntheticFlawSampler(
        taught, insertion, batch=about.train.batch, size=size, simulated_share=SIMULATED_SHARE, seed=seed
    )
    validation = CleanValidation(held_out, insertion, start, size=size, seed=seed, job=job)

    def validate(model: Model, step: int, job: JobControl) -> Validated:
        return validation.validate(model.network, step, job)

    return Task(sampler, validate, _held_bytes(films), before=validation.told(validation.start, 0))


def mixed_task(
    task: Task, films: CleanFilms, about: RunSettings, start: Model | None, job: JobControl = ALONE
) -> Task:
    """Mix windows of films without labels into what a task shows; may be `Stopped`."""
    insertion = InsertionSettings()
    parts = [whole(films.films, position) for position in range(len(films.films))]
    more = SyntheticFlawSampler(
        _made_ready(films, parts, start, insertion.margin, job),
        insertion,
        batch=max(1, round(MIXED_SHARE * about.train.batch)),
        size=task.sampler.size,
        simulated_share=0,
        seed=about.train.seed,
    )
    sampler = MixedSampler(task.sampler, more)
    return replace(task, sampler=sampler, held_bytes=task.held_bytes + _held_bytes(films))


class MixedSampler:
    """The batches of a sampler, larger by some windows without labels."""

    def __init__(self, labelled: Sampler, more: SyntheticFlawSampler) -> None:
        self._labelled, self._more = labelled, more
        self.size, self.flaw_share = labelled.size, labelled.flaw_share
        self.steps_per_epoch = labelled.steps_per_epoch

    def batches(self, start: int, stop: int, share: Share = WHOLE) -> Iterator[Batch]:
        """Yield one process's shares of the batches of steps `start` to `stop`."""
        for step, batch in enumerate(self._labelled.batches(start, stop, share), start):
            more = self._more.batch(step).part(share.turns)
            assert batch.ignored is not None and more.ignored is not None
            yield Batch(
                np.concatenate([batch.pixels, more.pixels]),
                np.concatenate([batch.truth, more.truth]),
                np.concatenate([batch.ignored, more.ignored]),
            )


def _made_ready(
    films: CleanFilms,
    parts: Sequence[Part],
    model: Model | None,
    margin: int,
    job: JobControl = ALONE,
) -> list[CleanFilm]:
    """Prepare parts of films, as `clean_film_of`; `job` is told of each."""
    taught: list[CleanFilm] = []
    for part in parts:
        film = clean_film_of(
            films.films[part.position].radiograph,
            model,
            clean=films.kind == "clean",
            known=part.of(films.films).mask == BACKGROUND,
            margin=margin,
            job=job,
        )
        taught.append(film)
        job.tell(TileDone(len(taught), len(parts)))
    return taught


def _held_bytes(films: CleanFilms) -> int:
    """Memory that films and the two float32 planes that are made of each take."""
    return sum(film.radiograph.pixels.nbytes + 8 * film.mask.size for film in films.films)


def patch_size(taught: Sequence[CleanFilm], window: int) -> tuple[int, int]:
    """Edges of the patches: what every film has, and `window` at most, pixels."""
    edge = min(window, *(min(film.ground.shape) for film in taught)) // _MULTIPLE * _MULTIPLE
    return edge, edge


#: Windows of the user's films, and simulated films.
WINDOWS, FILMS = 48, 12
#: Share of the windows without a flaw; with more, a network that finds nothing is the best.
FLAWLESS = 1 / 3
#: What the score on simulated films may lose.
TOLERANCE = 0.02
#: As the film itself is seen.
_PLAIN = PatchSettings(spread_min=1.0, spread_max=1.0, shift=0.0)
#: Apart from the seeds of what is taught.
_SEED = 0x5C04E


@dataclass(frozen=True)
class CleanScores:
    """What a network does on films that it was not taught on.

    Attributes
    ----------
    own, simulated
        Mean smoothed F1 over windows of the user's films, and over simulated films, 0..1.
    precision, recall
        Of the pixels of the windows.
    false_calls
        Indications in the windows that touch no flaw, for each megapixel.
    """

    own: float
    simulated: float
    precision: float
    recall: float
    false_calls: float


class CleanValidation:
    """Windows with flaws put in, and simulated films, made once.

    Parameters
    ----------
    films
        Films or parts of films that are not taught on.
    insertion
        The flaws that are put in.
    start
        The model that is tuned; its threshold and smallest indication hold.
    size
        Rows and columns of a window.
    seed
        Of the windows.
    job
        Asked at each simulated film, and at each that is scored.

    Raises
    ------
    Stopped
        If it said so.
    """

    def __init__(
        self,
        films: Sequence[CleanFilm],
        insertion: InsertionSettings,
        start: Model,
        *,
        size: tuple[int, int],
        seed: int = 0,
        job: JobControl = ALONE,
    ) -> None:
        insertion = insertion.model_copy(update={"flawless_share": FLAWLESS})
        self._card = start.card
        self._own = [
            teaching_patch(films[index % len(films)], size, insertion, (_SEED, seed, index), _PLAIN)
            for index in range(WINDOWS)
        ]
        self._simulated = [
            Patch(
                measure(pixels, FilmArea.whole(pixels.shape)).apply(pixels),
                film.mask,
                np.zeros(pixels.shape, bool),
            )
            for film in validation_films(FILMS, job)
            for pixels in (film.radiograph.pixels,)
        ]
        self.start = self.score(start.network, job)

    def score(self, network: torch.nn.Module, job: JobControl = ALONE) -> CleanScores:
        """Score a network, on any device; left in its mode.

        Raises
        ------
        Stopped
            If `job` said so.
        """
        own, simulated = (
            [self._tally(*pair) for pair in _predicted(network, patches, job)]
            for patches in (self._own, self._simulated)
        )
        tp, fp, fn = (sum(getattr(tally, name) for tally in own) for name in ("tp", "fp", "fn"))
        pixels = sum(patch.truth.size for patch in self._own)
        return CleanScores(
            own=float(np.mean([tally.f1 for tally in own])),
            simulated=float(np.mean([tally.f1 for tally in simulated])),
            precision=tp / max(tp + fp, 1),
            recall=tp / max(tp + fn, 1),
            false_calls=1e6 * sum(tally.false_calls for tally in own) / pixels,
        )

    def validate(self, network: torch.nn.Module, step: int, job: JobControl = ALONE) -> Validated:
        """Score a network as `fit` asks for it."""
        return self.told(self.score(network, job), step)

    def told(self, scores: CleanScores, step: int) -> Validated:
        """Return the scores with the F1 that the best step is chosen by."""
        harm = max(0.0, self.start.simulated - TOLERANCE - scores.simulated)
        truth = [patch.truth for patch in self._own]
        share = sum(int(mask.sum()) for mask in truth) / sum(mask.size for mask in truth)
        f1 = max(0.0, scores.own - harm)
        return Validated(step, f1, scores.precision, scores.recall, self._card.threshold, share)

    def _tally(self, patch: Patch, probability: NDArray[np.float32]) -> _Tally:
        card, seen = self._card, np.where(patch.ignored, 0, probability)
        marked = label(seen, card.threshold, card.min_size_px, card.peak_odds)
        touching = np.unique(marked[patch.truth])
        return _Tally(
            tp=int(np.count_nonzero(marked[patch.truth])),
            fp=int(np.count_nonzero(marked[~patch.truth])),
            fn=int(np.count_nonzero(marked[patch.truth] == 0)),
            false_calls=int(marked.max(initial=0)) - int(np.count_nonzero(touching)),
        )


@dataclass(frozen=True)
class _Tally:
    """Pixels of one window, and indications that touch no flaw."""

    tp: int
    fp: int
    fn: int
    false_calls: int

    @property
    def f1(self) -> float:
        return (2 * self.tp + SMOOTHING) / (2 * self.tp + self.fp + self.fn + SMOOTHING)


@torch.inference_mode()
def _predicted(
    network: torch.nn.Module, patches: Iterable[Patch], job: JobControl
) -> Iterator[tuple[Patch, NDArray[np.float32]]]:
    device = next(network.parameters()).device
    mode = network.training
    network.eval()
    try:
        for patch in patches:
            job.check()
            logits = network(torch.from_numpy(patch.pixels)[None, None].to(device))
            yield patch, logits.float().sigmoid()[0, 0].cpu().numpy()
    finally:
        network.train(mode)
