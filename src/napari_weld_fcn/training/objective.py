"""What a fit is given, and what it makes small: cross-entropy and overlap over the batch, or overlap alone.

Flaws cover some percent of a film. Cross-entropy alone is content with faint probabilities there; a Dice
ratio for each image is undefined on clean ones and jumps from image to image. So every ratio is taken over
the whole batch, or the part of it that a device has, smoothed. Focal Tversky weighs what is missed against
what is called wrongly, and gives its attention to batches that go badly. Pixels marked as ignored take part
in nothing.

References
----------
Milletari et al. 2016, V-Net, 3DV (soft Dice); Sudre et al. 2017, DLMIA (its behaviour on rare classes);
Abraham and Khan 2019, A novel focal Tversky loss function with improved attention U-Net, ISBI.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from napari_weld_fcn.events import Validated
from napari_weld_fcn.training.checkpoint_selection import CheckpointSelection
from napari_weld_fcn.training.data.sampling import Batch, Source
from napari_weld_fcn.training.settings import Optimisation

if TYPE_CHECKING:
    from napari_weld_fcn.training.distillation import Distillation


def objective(
    logits: torch.Tensor,
    truth: torch.Tensor,
    *,
    dice_weight: float,
    smoothing: float,
    ignored: torch.Tensor | None = None,
) -> torch.Tensor:
    """Cross-entropy plus weighted batch soft Dice.

    Parameters
    ----------
    logits, truth
        ``(N, 1, rows, columns)`` float32; the truth is 0 or 1.
    ignored
        Bool of the same shape: pixels that take no part; None where all do.
    dice_weight
        Weight of ``1 - Dice``.
    smoothing
        Pixels added to numerator and denominator of the ratio.

    Returns
    -------
    torch.Tensor
        One number, 0 for a perfect and certain prediction, or where no pixel takes part.
    """
    takes_part = _takes_part(logits, ignored)
    entropies = binary_cross_entropy_with_logits(logits, truth, reduction="none")
    entropy = (entropies * takes_part).sum() / takes_part.sum().clamp(min=1)
    probability, flaw = logits.sigmoid() * takes_part, truth * takes_part
    overlap = (2 * (probability * flaw).sum() + smoothing) / (probability.sum() + flaw.sum() + smoothing)
    return entropy + dice_weight * (1 - overlap)


def soft_overlap(said: torch.Tensor, target: torch.Tensor, smoothing: float) -> torch.Tensor:
    """Dice of probabilities with probabilities: 1 where they are the same, whatever they are.

    The usual ratio, with sums below it for sums of squares, is below 1 there unless all are 0 or 1.
    """
    both = said.square().sum() + target.square().sum()
    overlap: torch.Tensor = (2 * (said * target).sum() + smoothing) / (both + smoothing)
    return overlap


def flaw_entropy(
    logits: torch.Tensor, truth: torch.Tensor, *, smoothing: float, ignored: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean cross-entropy over flaw pixels alone, as class-balanced losses weigh them.

    A network that calls nothing anywhere is a resting place of the other objectives where flaws are rare:
    background pulls at every weight a thousand times as often. Beside this one it is none.

    Parameters
    ----------
    logits, truth, ignored
        As for `objective`.
    smoothing
        Pixels added to the number of flaw pixels, so that a batch with few of them says little.

    References
    ----------
    Xie and Tu 2015, Holistically-nested edge detection, ICCV (class-balanced cross-entropy).
    """
    flaw = truth * _takes_part(logits, ignored)
    entropies = binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return (entropies * flaw).sum() / (flaw.sum() + smoothing)


def focal_tversky(
    logits: torch.Tensor,
    truth: torch.Tensor,
    *,
    alpha: float,
    beta: float,
    gamma: float,
    smoothing: float,
    ignored: torch.Tensor | None = None,
) -> torch.Tensor:
    """``(1 - T) ** (1 / gamma)`` with the Tversky index T of the batch.

    Parameters
    ----------
    logits, truth, ignored
        As for `objective`.
    alpha, beta
        Weights of flaw pixels that are missed, and of other pixels that are called; 0.5 and 0.5 is Dice.
    gamma
        From 1 on; above 1 a batch that goes badly counts more, beside one that goes well.
    smoothing
        Pixels added to both sides of the ratio, in Dice's measure: half of them are added here.

    Returns
    -------
    torch.Tensor
        As of `objective`.
    """
    takes_part = _takes_part(logits, ignored)
    probability, flaw = logits.sigmoid() * takes_part, truth * takes_part
    found = (probability * flaw).sum() + smoothing / 2
    missed, called = flaw.sum() - (probability * flaw).sum(), (probability * (1 - flaw)).sum()
    index = found / (found + alpha * missed + beta * called)
    # Where nothing is left to learn the root has no finite slope.
    least = 1e-7
    power = 1 / gamma
    return torch.pow(torch.clamp(1 - index, min=least), power) - math.pow(least, power)


def _takes_part(logits: torch.Tensor, ignored: torch.Tensor | None) -> torch.Tensor:
    """1 where a pixel counts, else 0. Factors cost a twentieth of picking the pixels out."""
    return torch.ones_like(logits) if ignored is None else (~ignored).to(logits.dtype)


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


def objective_of(settings: Optimisation) -> Objective:
    """Return the objective that the settings name."""
    if settings.loss == "focal-tversky":
        return lambda logits, shown: focal_tversky(
            logits,
            shown.truth,
            alpha=settings.tversky_alpha,
            beta=settings.tversky_beta,
            gamma=settings.tversky_gamma,
            smoothing=settings.dice_smoothing,
            ignored=shown.ignored,
        )
    return lambda logits, shown: objective(
        logits,
        shown.truth,
        dice_weight=settings.dice_weight,
        smoothing=settings.dice_smoothing,
        ignored=shown.ignored,
    )


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
