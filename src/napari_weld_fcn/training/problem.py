"""What a fit is given: what it is shown, what is made small, how a network is scored and chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from napari_weld_fcn.events import Validated
from napari_weld_fcn.training.checkpoint_selection import CheckpointSelection
from napari_weld_fcn.training.distillation import Distillation
from napari_weld_fcn.training.objective import loss_of
from napari_weld_fcn.training.patches import Batch, Source
from napari_weld_fcn.training.settings import FitSettings


@dataclass(frozen=True)
class Shown:
    """A batch, or a part of one, on the device where the network is: see `Batch`."""

    pixels: torch.Tensor
    truth: torch.Tensor
    ignored: torch.Tensor | None

    @classmethod
    def of(cls, batch: Batch, device: torch.device) -> Shown:
        """Bring a batch to a device."""
        ignored = None if batch.ignored is None else torch.from_numpy(batch.ignored).to(device)
        pixels, truth = (torch.from_numpy(part).to(device) for part in (batch.pixels, batch.truth))
        return cls(pixels, truth, ignored)


#: From logits float32 and what was shown to the one number that is made small, a mean over what was shown.
Objective = Callable[[torch.Tensor, Shown], torch.Tensor]


def objective_of(settings: FitSettings) -> Objective:
    """Return the objective that the settings name."""
    loss = loss_of(settings)
    return lambda logits, shown: loss(logits, shown.truth, shown.ignored)


@dataclass(frozen=True)
class Problem:
    """What is shown, what is made small, and how it is scored.

    Attributes
    ----------
    source
        ``source(start, stop)`` gives the batches of these steps.
    validate
        Scores the averaged network after a number of steps; may be `Stopped`.
    objective
        What is made small; None takes what the settings name.
    freeze_statistics
        Whether the statistics of batch normalisation stay as they are.
    distillation
        Holds the network to what it said before on the patches that batches have `known`.
    selection
        Which network is taken, and when it is enough; None has the margin of the settings.
    keep
        Called with the averaged network after each validation and whether it is the best, before the state is
        saved: after a kill in between it is called once more, with the same.
    """

    source: Source
    validate: Callable[[torch.nn.Module, int], Validated]
    objective: Objective | None = None
    freeze_statistics: bool = False
    distillation: Distillation | None = None
    selection: CheckpointSelection | None = None
    keep: Callable[[torch.nn.Module, Validated, bool], None] | None = None
