"""Whether a model that was tuned without labels is better, and does no harm.

A network that calls nothing makes no false call, so false calls alone would praise it. So it is scored on
windows of the user's films that it was not taught on, with flaws put in and without, and on simulated films
of all kinds beside them. Each window has its own smoothed F1, in which a window without a flaw counts by what
is called there. What is lost on simulated films, beyond a little, is taken off. The threshold stays that of
the model that was started from, so that what is compared is what the user would see.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from napari_weld_fcn.events import ALONE, JobControl, Validated
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.indications import label
from napari_weld_fcn.radiograph.area.film_area import FilmArea
from napari_weld_fcn.radiograph.normalisation import measure
from napari_weld_fcn.radiograph.simulation.settings import InsertionSettings
from napari_weld_fcn.training.settings import PatchSettings
from napari_weld_fcn.training.taught_patches import Patch, teaching_patch
from napari_weld_fcn.training.teachers import Teacher
from napari_weld_fcn.training.validation import SMOOTHING, validation_films

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
    teachers
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
        teachers: Sequence[Teacher],
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
            teaching_patch(teachers[index % len(teachers)], size, insertion, (_SEED, seed, index), _PLAIN)
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
