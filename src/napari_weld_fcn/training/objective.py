"""What a fit makes small: cross-entropy for each pixel, and overlap over the batch.

Flaws cover some percent of a film. Cross-entropy alone is content with faint probabilities there; a Dice
ratio for each image is undefined on clean ones and jumps from image to image. So the Dice ratio is taken
over the whole batch, smoothed, beside the cross-entropy. Pixels marked as ignored take part in neither.

References
----------
Milletari et al. 2016, V-Net, 3DV (soft Dice); Sudre et al. 2017, DLMIA (its behaviour on rare classes).
"""

from __future__ import annotations

import torch
from torch.nn.functional import binary_cross_entropy_with_logits


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
    if ignored is not None:
        logits, truth = logits[~ignored], truth[~ignored]
        if not truth.numel():
            return logits.sum()
    entropy = binary_cross_entropy_with_logits(logits, truth)
    probability = logits.sigmoid()
    overlap = (2 * (probability * truth).sum() + smoothing) / (probability.sum() + truth.sum() + smoothing)
    return entropy + dice_weight * (1 - overlap)
