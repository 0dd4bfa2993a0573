"""What a model knows is kept while it learns the labels of a film.

Trained further on one film's labels, a network learns that film's convention and forgets all other films
within a minute. So beside the labels it is shown simulated patches of every kind of film, and its target
there is what the model that it started from says: not the simulator's truth, which would be a third
convention, but its own answer before. Drawing the weights back to the first ones, the usual remedy, gives up
as much of the film as it keeps of the rest; held on patches, the network finds weights that do both.

References
----------
Li & Hoiem 2016, Learning without Forgetting, ECCV; Hinton et al. 2015, Distilling the knowledge in a neural
network.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from napari_weld_fcn.training.data.sampling import SEEDS, Batch, Source, made_ahead
from napari_weld_fcn.training.objective import soft_overlap
from napari_weld_fcn.training.settings import PatchSettings
from napari_weld_fcn.training.simulated.patches import WINDOWS, patch

#: Edge of a patch, pixels.
PATCH_EDGE = 160
#: Patches in a step.
PATCHES = 2
#: Divergence counts so many times, because it is a mean over pixels of which few are near a flaw.
DIVERGENCE_WEIGHT = 10.0
#: Weight of all this beside the labels where as much is kept as learned.
EVEN_WEIGHT = 0.7

_WINDOWS = WINDOWS.model_copy(update={"rows": PATCH_EDGE, "columns": PATCH_EDGE})


class Distillation:
    """The first model as a teacher on simulated patches.

    Parameters
    ----------
    start
        The network that the fit starts from; copied.
    keep
        0 keeps nothing; towards 1 the labels count ever less.
    seed
        Of the patches; those of a step are a function of (seed, step).
    dice_weight, smoothing
        As in the objective.
    """

    def __init__(
        self, start: torch.nn.Module, keep: float, seed: int, *, dice_weight: float, smoothing: float
    ) -> None:
        self.teacher = copy.deepcopy(start).eval().requires_grad_(False)
        self.weight = EVEN_WEIGHT * keep / (1 - keep)
        self.seed, self.dice_weight, self.smoothing = seed, dice_weight, smoothing

    def patches(self, step: int) -> NDArray[np.float32]:
        """Normalised pixels ``(PATCHES, 1, PATCH_EDGE, PATCH_EDGE)`` of a step."""
        first = self.seed * SEEDS + step * PATCHES
        made = [patch(first + number, _WINDOWS, PatchSettings())[0] for number in range(PATCHES)]
        return np.stack(made)[:, None]

    def beside(self, source: Source) -> Source:
        """Return a source whose batches have patches `known`, made ahead while the fit has the last ones."""

        def batches(start: int, stop: int) -> Iterator[Batch]:
            with ThreadPoolExecutor(1, "simulation") as pool:
                ahead = made_ahead(pool, self.patches, start, stop, ahead=1)
                for batch, made in zip(source(start, stop), ahead, strict=False):
                    yield replace(batch, known=made)

        return batches

    def loss(self, network: torch.nn.Module, patches: torch.Tensor) -> torch.Tensor:
        """How far a network is from the teacher on patches ``(N, 1, rows, columns)``; 0 if it is not."""
        with torch.no_grad():
            taught = self.teacher.to(patches.device)(patches).float()
            target = taught.sigmoid()
        logits = network(patches).float()
        divergence = cross_entropy(logits, target) - cross_entropy(taught, target)
        overlap = soft_overlap(logits.sigmoid(), target, self.smoothing)
        apart: torch.Tensor = DIVERGENCE_WEIGHT * divergence + self.dice_weight * (1 - overlap)
        return self.weight * apart
