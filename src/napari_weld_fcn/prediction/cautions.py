"""What the user should know before trusting a result, as sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.prediction.settings import Polarity
from napari_weld_fcn.prediction.survey import clipped_share
from napari_weld_fcn.radiograph.radiograph import Radiograph

#: Share of clipped pixels that is worth a warning.
CLIPPED = 0.05
#: So many indications at least say something of the film's scale.
ENOUGH = 3
#: How near to a limit of the model's sizes counts as at it, as a factor.
_NEAR = 1.25


def clipping(radiograph: Radiograph) -> list[str]:
    """Warn where much of a plane lies at the ends of its scale; of a stack, name the worst plane."""
    shares = [clipped_share(radiograph.plane(index)) for index in range(radiograph.planes)]
    share, clipped = max(shares), sum(each > CLIPPED for each in shares)
    if not clipped:
        return []
    what = "the film" if len(shares) == 1 else f"plane {shares.index(share)}"
    more = f" ({clipped} of {len(shares)} planes are over {CLIPPED:.0%})" if len(shares) > 1 else ""
    return [
        f"{radiograph.name}: {share:.0%} of {what} is at the black or white end of its scale{more}; "
        "flaws cannot be seen there, so digitise it again with a wider window."
    ]


def both_polarities(polarity: Polarity, name: str) -> list[str]:
    """Say what else counts where dark and bright were both looked for."""
    if polarity != "either":
        return []
    return [
        f"{name}: dark and bright were both looked for and the stronger was kept, so bright wires, "
        "letters and inclusions count as indications too."
    ]


def rounding(differences: Sequence[float], name: str) -> list[str]:
    """Say how far bfloat16 was found from float32.

    Parameters
    ----------
    differences
        The largest of each plane, of a probability; 0 where float32 was used.
    name
        The radiograph's.
    """
    largest = max(differences)
    if not largest:
        return []
    return [
        f"{name}: bfloat16 moved a probability by {largest:.2g} where the network is least certain, and "
        "elsewhere perhaps by more; precision float32 is exact."
    ]


def oversampled(scales: Sequence[tuple[float, ...]], asked: tuple[float, ...], name: str) -> list[str]:
    """Say where planes were predicted at half their pixels.

    Parameters
    ----------
    scales
        Those that each plane was predicted at.
    asked
        Those of the quality.
    name
        The radiograph's.
    """
    shrunk = sum(each != asked for each in scales)
    if not shrunk:
        return []
    what = "its grain is" if len(scales) == 1 else f"the grain of {shrunk} of {len(scales)} planes is"
    return [
        f"{name}: {what} several pixels wide, so it was predicted at half its pixels; the setting "
        "oversampled (More settings, or --oversampled) at keep predicts all of them."
    ]


def scale(
    lengths: NDArray[np.float64],
    flaw_size_px: tuple[float, float] | None,
    min_size_px: float,
    name: str,
) -> list[str]:
    """Warn where all indications are as small, or as large, as the model knows flaws.

    The smallest that can be found is the larger of what the model knows and of what is kept at all.

    Parameters
    ----------
    lengths
        ``(indications,)`` maximum Feret lengths, pixels.
    flaw_size_px
        Smallest and largest flaw that the model saw, pixels.
    min_size_px
        Smallest indication that is kept, pixels.
    name
        The radiograph's.
    """
    if flaw_size_px is None or lengths.size < ENOUGH:
        return []
    smallest, largest = max(flaw_size_px[0], min_size_px), flaw_size_px[1]
    at_limit = (lengths <= smallest * _NEAR) | (lengths >= largest / _NEAR)
    if not at_limit.all():
        return []
    return [
        f"{name}: all {lengths.size} indications are at the limits of the sizes that can be found "
        f"({smallest:g} to {largest:g} pixels); the film is probably far from the model's scale: "
        "enlarge or shrink it."
    ]
