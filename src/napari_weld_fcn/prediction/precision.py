"""Which arithmetic is near enough to float32, tried on the radiograph itself.

How much bfloat16 moves a probability depends on the weights and on the film, so no fixed answer is right. A
small window where the film is busiest, at each scale that will be predicted, is computed in float32 and in
mixtures; the fastest whose largest difference stays under `PROBE_LIMIT` is taken, otherwise float32. The
limit lies under the promise (`PROMISE`) because a window sees less than the film. The most careful mixture
is tried first: where even that is too far, as with most trained networks, the others need not be tried.

The choice is made anew for each plane. Remembering it would save little, and let the same film give other
numbers after another one than in a fresh process.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from napari_weld_fcn.events import ShouldStop
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.device import has_bfloat16
from napari_weld_fcn.prediction.engine import FLOAT32, Arithmetic, engine_for
from napari_weld_fcn.prediction.tiles import Box

#: Largest difference from float32 that a probability may have.
PROMISE = 5e-3
#: Largest difference in the window that is tried.
PROBE_LIMIT = PROMISE / 2
#: Edge of that window, pixels.
PROBE_EDGE = 192
#: On planes of fewer pixels the trial costs more than it can save: 20 windows.
SMALLEST_PLANE = 20 * PROBE_EDGE**2
#: Mixtures, the fastest first.
MIXTURES = (Arithmetic(1, 1), Arithmetic(1, 3), Arithmetic(2, 4))
_SAMPLE_STEP = 8


def choose_arithmetic(
    model: Model,
    device: torch.device,
    wanted: str,
    plane_pixels: int,
    windows: Callable[[], list[torch.Tensor]],
    should_stop: ShouldStop,
) -> Arithmetic:
    """Return the fastest arithmetic that is near enough.

    Parameters
    ----------
    model, device
        What is to be applied, and where.
    wanted
        ``float32``; ``bfloat16``, which takes the most careful mixture where none is near enough; ``auto``,
        which takes float32 then, where the device has no bfloat16, and for a small plane.
    plane_pixels
        How many pixels the plane has.
    windows
        Reads the ``(rows, columns)`` normalised pixels to try it on, one window for each scale.
    should_stop
        Asked before each layer.
    """
    if wanted == "float32":
        return FLOAT32
    if wanted == "auto" and (plane_pixels < SMALLEST_PLANE or not has_bfloat16(device)):
        return FLOAT32
    tried = windows()
    exact = [engine_for(model, device, FLOAT32).probability(window, should_stop) for window in tried]

    def near(mixture: Arithmetic) -> bool:
        rounded = (engine_for(model, device, mixture).probability(window, should_stop) for window in tried)
        return all(
            float((one - other).abs().max()) <= PROBE_LIMIT for one, other in zip(rounded, exact, strict=True)
        )

    *faster, careful = MIXTURES
    if not near(careful):
        return FLOAT32 if wanted == "auto" else careful
    return next((mixture for mixture in faster if near(mixture)), careful)


def busiest(plane: NDArray[np.generic], edge: int, stride: int) -> Box:
    """Return the window of a plane whose grey levels differ most from place to place.

    Parameters
    ----------
    plane
        ``(rows, columns)``; only every eighth pixel is looked at.
    edge
        Largest edge of the window, pixels.
    stride
        The network's: the window's size and place are multiples of it where the plane is large enough.
    """
    rows, columns = plane.shape
    edge = max(edge // stride, 1) * stride
    sample = plane[::_SAMPLE_STEP, ::_SAMPLE_STEP].astype(np.float64)
    tops, lefts = (range(0, max(size - edge, 0) + 1, edge) for size in plane.shape)
    cells = [(top, left) for top in tops for left in lefts]
    spreads = [_roughness(sample[_sampled(top, edge), _sampled(left, edge)]) for top, left in cells]
    top, left = cells[int(np.argmax(spreads))]
    return Box(top, left, min(top + edge, rows), min(left + edge, columns))


def _sampled(start: int, edge: int) -> slice:
    return slice(-(-start // _SAMPLE_STEP), -(-(start + edge) // _SAMPLE_STEP))


def _roughness(sample: NDArray[np.float64]) -> float:
    return float(sample.std()) if sample.size else 0.0
