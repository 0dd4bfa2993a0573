"""One plane of a radiograph, tile after tile.

Each tile's window is read from the plane (which may be lazy or larger than memory), normalised with the
whole plane's figures, enlarged where the quality asks for it, run through the network, and its inner part
written. What lies beyond the true border is the network's own affair, as on the whole image: padding here
too would be a second rule, and another result. Nothing of the plane's size is made besides the result. A
device that has no memory for a tile gets halves of it.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_weld_fcn.errors import ModelError, Stopped
from napari_weld_fcn.events import Message, OnEvent, ShouldStop, TileDone
from napari_weld_fcn.network.card import Quality
from napari_weld_fcn.prediction.device import lacks_memory
from napari_weld_fcn.prediction.engine import Engine
from napari_weld_fcn.prediction.resampling import enlarged, resampled, shifted, taps
from napari_weld_fcn.prediction.settings import Polarity
from napari_weld_fcn.prediction.tiles import Box, split, surround, tile_shape
from napari_weld_fcn.radiograph.normalisation import Normalisation

#: Memory that the layers' results of one window may take together, bytes. Twice as much was a sixth slower:
#: so much freshly mapped memory costs more than the halo of another cut.
WINDOW_BYTES = 240e6
#: Operations of one window: progress moves about once a second on two cores.
WINDOW_OPERATIONS = 150e9
#: Layers' results alive at one time, in units of the largest.
_ALIVE = 3.0
_VALUE_BYTES = 4  # the finest layers are float32 in every arithmetic
#: A tile under this edge (pixels) is not halved again.
SMALLEST_TILE = 64


@dataclass(frozen=True)
class View:
    """How the network sees a plane.

    Attributes
    ----------
    pixels
        ``(rows, columns)``, any real dtype, perhaps lazy.
    normalisation
        Of the whole plane.
    polarity
        Whether flaws are darker or brighter than their surroundings, or either.
    quality
        Scales, and how they are merged.
    halo, stride
        The network's, in pixels.
    """

    pixels: Any
    normalisation: Normalisation
    polarity: Polarity
    quality: Quality
    halo: int
    stride: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.pixels.shape
        return int(rows), int(columns)

    def enlarged_shape(self, scale: float) -> tuple[int, int]:
        """Rows and columns of the plane enlarged by `scale`."""
        return enlarged(self.shape[0], scale), enlarged(self.shape[1], scale)

    @property
    def readings(self) -> tuple[View, ...]:
        """The views that are predicted and of which the stronger counts: one for each polarity."""
        if self.polarity != "either":
            return (self,)
        return replace(self, polarity="dark"), replace(self, polarity="bright")

    def read(self, box: Box) -> NDArray[np.float32]:
        """Return the normalised pixels of `box`; flaws of its polarity are below their surroundings."""
        values = self.normalisation.apply(np.asarray(self.pixels[box.slices]))
        return np.negative(values, out=values) if self.polarity == "bright" else values

    def window(self, box: Box, scale: float) -> torch.Tensor:
        """Return `box` of the film enlarged by `scale`."""
        rows = taps(np.arange(box.top, box.bottom), self.shape[0], scale)
        columns = taps(np.arange(box.left, box.right), self.shape[1], scale)
        (top, bottom), (left, right) = rows.span, columns.span
        values = torch.from_numpy(self.read(Box(top, left, bottom, right)))
        return resampled(values, shifted(rows, top), shifted(columns, left))


def default_tile(view: View, engine: Engine) -> tuple[int, int]:
    """Return rows and columns of a tile that suits memory and progress."""
    each = engine.cost.values * _VALUE_BYTES * _ALIVE
    pixels = min(WINDOW_BYTES / each, WINDOW_OPERATIONS / max(engine.cost.operations, 1.0))
    largest = max(view.quality.scales)
    return tile_shape(view.shape, view.halo, view.stride, int(pixels / max(largest, 1.0) ** 2))


def sweep(
    view: View,
    engine: Engine,
    tile: tuple[int, int],
    region: Box,
    out: NDArray[np.float32],
    on_event: OnEvent,
    should_stop: ShouldStop,
) -> tuple[int, int]:
    """Write the probability of `region` into `out`; return the tile that was possible in the end.

    Parameters
    ----------
    view
        What the network sees.
    engine
        The network.
    tile
        Rows and columns of a tile's inner part.
    region
        Within the plane; pixels outside are seen but not written.
    out
        ``(rows, columns)`` of the plane.
    on_event, should_stop
        As in `events`.

    Raises
    ------
    Stopped
        If `should_stop` said so.
    ModelError
        If the device has no memory even for a small tile.
    """
    waiting = deque(split(region, tile, view.stride))
    done, area_done, start = 0, 0, time.perf_counter()
    while waiting:
        if should_stop():
            raise Stopped
        box = waiting.popleft()
        try:
            out[box.slices] = _finite(compute(view, engine, box, should_stop))
        except (RuntimeError, MemoryError) as fault:
            tile = _halved(box, tile, view.stride, fault, engine)
            on_event(Message(f"Not enough memory for a tile: going on with {tile[0]} x {tile[1]} pixels."))
            waiting = deque(part for each in [box, *waiting] for part in split(each, tile, view.stride))
            continue
        done, area_done = done + 1, area_done + box.area
        left = (time.perf_counter() - start) / area_done * sum(each.area for each in waiting)
        on_event(TileDone(done, done + len(waiting), left))
    return tile


def compute(view: View, engine: Engine, box: Box, should_stop: ShouldStop) -> NDArray[np.float32]:
    """Return the probability of one tile: float32, the shape of `box`; the stronger of two polarities."""
    with torch.inference_mode():
        first, *others = (_merged(each, engine, box, should_stop) for each in view.readings)
        for found in others:
            first = torch.maximum(first, found)
        return first.cpu().numpy()


def _merged(view: View, engine: Engine, box: Box, should_stop: ShouldStop) -> torch.Tensor:
    """Predict one tile at each scale of the quality."""
    first, *others = view.quality.scales
    merged = _at_scale(view, engine, box, first, should_stop)
    for scale in others:
        found = _at_scale(view, engine, box, scale, should_stop)
        merged = torch.maximum(merged, found) if view.quality.merge == "max" else merged + found
    if others and view.quality.merge == "mean":
        merged = merged / len(view.quality.scales)
    return merged


def _finite(probability: NDArray[np.float32]) -> NDArray[np.float32]:
    if not np.isfinite(probability.sum()):
        raise ModelError("The network gives numbers that are not finite (NaN); its weights cannot be used.")
    return probability


def _at_scale(view: View, engine: Engine, box: Box, scale: float, should_stop: ShouldStop) -> torch.Tensor:
    """Predict one tile on the film enlarged by `scale`, and bring it back to the film's own pixels."""
    size = view.enlarged_shape(scale)
    rows = taps(np.arange(box.top, box.bottom), size[0], 1 / scale)
    columns = taps(np.arange(box.left, box.right), size[1], 1 / scale)
    (top, bottom), (left, right) = rows.span, columns.span
    needed = Box(top, left, bottom, right)
    outer = surround(needed, size, view.halo, view.stride)
    probability = engine.probability(view.window(outer, scale), should_stop)
    inner = probability[needed.relative_to(outer).slices]
    if scale == 1.0:
        return inner
    return resampled(inner, shifted(rows, top), shifted(columns, left)).clamp_(0.0, 1.0)


def _halved(
    box: Box, tile: tuple[int, int], stride: int, fault: RuntimeError | MemoryError, engine: Engine
) -> tuple[int, int]:
    """Return half the larger edge of the tile that failed, or raise what is to be raised."""
    if not lacks_memory(fault):
        raise fault
    rows, columns = (min(edge, part) for edge, part in zip(tile, box.shape, strict=True))
    smaller = (rows // 2, columns) if rows > columns else (rows, columns // 2)
    if max(rows, columns) <= max(SMALLEST_TILE, stride):
        raise ModelError(
            f"Device {engine.device} has no memory for a tile of {rows} x {columns} pixels; "
            "close other programs that use it, or choose device cpu."
        ) from fault
    return max(smaller[0], 1), max(smaller[1], 1)
