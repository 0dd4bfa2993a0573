"""What the user should know before trusting a result, as sentences."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.prediction.survey import clipped_share
from napari_weld_fcn.radiograph.radiograph import Radiograph

#: Share of clipped pixels that is worth a warning.
CLIPPED = 0.05
#: So many indications at least say something of the film's scale.
ENOUGH = 3
#: How near to a limit of the model's sizes counts as at it, as a factor.
_NEAR = 1.25


def clipping(radiograph: Radiograph) -> list[str]:
    """Warn where much of the film lies at the ends of its scale."""
    share = clipped_share(radiograph.pixels)
    if share <= CLIPPED:
        return []
    return [
        f"{radiograph.name}: {share:.0%} of the film is at the black or white end of its scale; "
        "flaws cannot be seen there, so digitise it again with a wider window."
    ]


def scale(lengths: NDArray[np.float64], flaw_size_px: tuple[float, float] | None, name: str) -> list[str]:
    """Warn where all indications are as small, or as large, as the model knows flaws.

    Parameters
    ----------
    lengths
        ``(indications,)`` maximum Feret lengths, pixels.
    flaw_size_px
        Smallest and largest flaw that the model saw, pixels.
    name
        The radiograph's.
    """
    if flaw_size_px is None or lengths.size < ENOUGH:
        return []
    smallest, largest = flaw_size_px
    at_limit = (lengths <= smallest * _NEAR) | (lengths >= largest / _NEAR)
    if not at_limit.all():
        return []
    return [
        f"{name}: all {lengths.size} indications are at the limits of the sizes that the model knows "
        f"({smallest:g} to {largest:g} pixels); the film is probably far from the model's scale: "
        "enlarge or shrink it."
    ]
