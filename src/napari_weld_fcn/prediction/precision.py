"""Which arithmetic is used, and how far bfloat16 strayed from float32.

How much bfloat16 moves a probability depends on weights and film, and no trial on a part of a film bounds
the whole: windows passed on films of which a probability elsewhere moved by 0.03. So `auto` is float32, and
bfloat16 is the user's own choice. After it, the window where the network was least certain,
which is where rounding shows most, is computed in float32 too, and the difference is told.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from napari_weld_fcn.events import JobControl
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.engine import BFLOAT16, FLOAT32, Arithmetic, engine_for
from napari_weld_fcn.prediction.sweep import View, compute
from napari_weld_fcn.prediction.tiles import Box, split

#: Edge of the window that is computed in float32 too, pixels.
WINDOW_EDGE = 192


def arithmetic_for(precision: str) -> Arithmetic:
    """Return what a setting names: bfloat16 where it is asked for by name, otherwise float32."""
    return BFLOAT16 if precision == "bfloat16" else FLOAT32


def difference_from_float32(
    view: View,
    model: Model,
    device: torch.device,
    region: Box,
    probability: NDArray[np.float32],
    job: JobControl,
) -> float:
    """Return the largest difference from float32 in the least certain window; elsewhere it may be larger.

    Parameters
    ----------
    view, model, device
        What was applied to what, and where.
    region
        The part of the plane that was predicted.
    probability
        ``(rows, columns)`` of the plane, as it was found.
    job
        Can be stopped before each layer.

    Raises
    ------
    Stopped
        If the job was stopped.
    """
    window = least_certain(probability, region)
    exact = compute(view, engine_for(model, device, FLOAT32), window, job)
    return float(np.abs(exact - probability[window.slices]).max())


def least_certain(probability: NDArray[np.float32], region: Box) -> Box:
    """Return the window of `region`, `WINDOW_EDGE` wide or what is there, with most of p (1 - p)."""

    def doubt(window: Box) -> float:
        values = probability[window.slices]
        return float((values * (1 - values)).sum())

    return max(split(region, (WINDOW_EDGE, WINDOW_EDGE), 1), key=doubt)
