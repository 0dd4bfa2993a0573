"""Whether a model that was tuned without labels is better, and does no harm.

A network that calls nothing makes no false call, so false calls alone would praise it. So it is scored on
windows of the user's films that it was not taught on, with flaws put in and without, and on simulated films
of all kinds beside them. Each window has its own smoothed F1, in which a window without a flaw counts by what
is called there; on both kinds of films the mean over windows counts half. The threshold stays that of the
model that was started from, so that what is compared is what the user would see.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from napari_weld_fcn.events import Validated
from napari_weld_fcn.prediction.indications import label
from napari_weld_fcn.radiograph.normalisation import measure
from napari_weld_fcn.radiograph.simulation.settings import InsertionSettings
from napari_weld_fcn.training.settings import PatchSettings
from napari_weld_fcn.training.teachers import Patch, Teacher, teaching_patch
from napari_weld_fcn.training.validation import SMOOTHING, validation_films

#: As the film itself is seen.
_PLAIN = PatchSettings(spread_min=1.0, spread_max=1.0, shift=0.0)
#: Apart from the seeds of what is taught.
_SEED = 0x5C04E
#: What the score on simulated films may lose for a better one on the user's.
TOLERANCE = 0.02


@dataclass(frozen=True)
class Harmlessness:
    """What a network does on films that it was not taught on.

    Attributes
    ----------
    own, simulated
        Mean smoothed F1 over windows of the user's films, and over simulated films, 0..1.
    precision, recall
        Of the pixels of the user's films.
    false_calls
        Indications in the windows of the user's films that touch no flaw, for each megapixel.
    """

    own: float
    simulated: float
    precision: float
    recall: float
    false_calls: float

    @property
    def f1(self) -> float:
        """What the best step is chosen by."""
        return (self.own + self.simulated) / 2

    def better_than(self, start: Harmlessness) -> bool:
        """Whether it is better on the user's films, and hardly worse on others."""
        return self.own > start.own and self.simulated >= start.simulated - TOLERANCE


class HarmValidation:
    """Windows with flaws put in, and simulated films, made once.

    Parameters
    ----------
    teachers
        Films or parts of films that are not taught on.
    insertion
        The flaws that are put in.
    threshold, min_size_px
        At which is marked, and the smallest indication that counts, pixels.
    size, windows
        Rows and columns of a window, and how many there are, spread over the films.
    films
        How many simulated films.
    """

    def __init__(
        self,
        teachers: Sequence[Teacher],
        insertion: InsertionSettings,
        threshold: float,
        *,
        size: tuple[int, int],
        min_size_px: float = 0.0,
        windows: int = 24,
        films: int = 12,
        seed: int = 0,
    ) -> None:
        self.threshold, self.min_size_px = threshold, min_size_px
        self.own = [
            teaching_patch(teachers[index % len(teachers)], size, insertion, (_SEED, seed, index), _PLAIN)
            for index in range(windows)
        ]
        self.simulated = []
        for film in validation_films(films):
            pixels = film.radiograph.pixels
            ignored = np.zeros(pixels.shape, bool)
            self.simulated.append(Patch(measure(pixels).apply(pixels), film.mask, ignored))

    def score(self, network: torch.nn.Module) -> Harmlessness:
        """Score a network, on any device; left in its mode."""
        own, simulated = (
            [self._tally(patch, found) for patch, found in zip(patches, _probabilities(network, patches))]
            for patches in (self.own, self.simulated)
        )
        tp, fp, fn = (sum(getattr(tally, name) for tally in own) for name in ("tp", "fp", "fn"))
        pixels = sum(patch.truth.size for patch in self.own)
        return Harmlessness(
            own=float(np.mean([tally.f1 for tally in own])),
            simulated=float(np.mean([tally.f1 for tally in simulated])),
            precision=tp / max(tp + fp, 1),
            recall=tp / max(tp + fn, 1),
            false_calls=1e6 * sum(tally.false_calls for tally in own) / pixels,
        )

    def validate(self, network: torch.nn.Module, step: int) -> Validated:
        """Score a network as `fit` asks for it."""
        found = self.score(network)
        share = sum(int(patch.truth.sum()) for patch in self.own) / sum(p.truth.size for p in self.own)
        return Validated(step, found.f1, found.precision, found.recall, self.threshold, share)

    def _tally(self, patch: Patch, probability: NDArray[np.float32]) -> _Tally:
        marked = label(np.where(patch.ignored, 0, probability), self.threshold, self.min_size_px)
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
def _probabilities(network: torch.nn.Module, patches: Iterable[Patch]) -> Iterator[NDArray[np.float32]]:
    device = next(network.parameters()).device
    mode = network.training
    network.eval()
    try:
        for patch in patches:
            logits = network(torch.from_numpy(patch.pixels)[None, None].to(device))
            yield logits.float().sigmoid()[0, 0].cpu().numpy()
    finally:
        network.train(mode)
