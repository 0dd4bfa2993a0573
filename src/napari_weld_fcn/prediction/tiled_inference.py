"""One plane of a radiograph, tile after tile.

The film inside the plane is predicted as if it were the whole picture. Each tile's window is read from it (it
may be lazy or larger than memory), normalised with the whole film's figures, run through the network, and its
inner part written. What lies beyond the true border is the network's own affair, as on the whole image:
padding here too would be a second rule, and another result. Nothing of the plane's size is made besides the
result. A device that has no memory for a tile gets halves of it.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from napari_weld_fcn.errors import ModelError
from napari_weld_fcn.events import JobControl, Message, TileDone
from napari_weld_fcn.prediction.engine import Engine, lacks_memory
from napari_weld_fcn.prediction.tiles import split, tile_shape, with_halo
from napari_weld_fcn.radiograph.area.film_area import FilmArea
from napari_weld_fcn.radiograph.normalisation import Normalisation
from napari_weld_fcn.radiograph.polarity import seen
from napari_weld_fcn.radiograph.radiograph import Box

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
class NetworkInput:
    """How the network sees a plane; its boxes are counted from the first pixel of the film.

    Attributes
    ----------
    pixels
        ``(rows, columns)``, any real dtype, perhaps lazy.
    normalisation
        Of the whole film.
    polarity
        Whether flaws are darker or brighter than their surroundings, or either; of the whole plane.
    halo, stride
        The network's, in pixels.
    area
        Where the film is; None takes the whole plane for film.
    """

    pixels: Any
    normalisation: Normalisation
    polarity: Literal["dark", "bright", "either"]
    halo: int
    stride: int
    area: FilmArea | None = None

    @property
    def film(self) -> FilmArea:
        """Where the film is."""
        return FilmArea.whole(self.pixels.shape) if self.area is None else self.area

    @property
    def box(self) -> Box:
        """The film's rectangle in the plane."""
        return Box(*self.film.box)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the film."""
        return self.film.shape

    def inside(self, region: Box) -> Box | None:
        """Return what of a region of the plane is film, counted from there; None where nothing is."""
        own = self.box
        top, left = max(region.top, own.top), max(region.left, own.left)
        bottom, right = min(region.bottom, own.bottom), min(region.right, own.right)
        return Box(top, left, bottom, right).relative_to(own) if top < bottom and left < right else None

    def placed(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return values of the film's pixels as values of the plane's, 0 beside the film."""
        if values.shape == self.pixels.shape:
            return values
        placed = np.zeros(self.pixels.shape, values.dtype)
        placed[self.box.slices] = values
        return placed

    @property
    def readings(self) -> tuple[NetworkInput, ...]:
        """The views that are predicted and of which the stronger counts: one for each polarity."""
        if self.polarity != "either":
            return (self,)
        return replace(self, polarity="dark"), replace(self, polarity="bright")

    def read(self, box: Box) -> NDArray[np.float32]:
        """Return the normalised pixels of `box`; flaws of its polarity are below their surroundings."""
        return seen(self.film.read(self.pixels, *box.slices), self.normalisation, self.polarity)


def default_tile(view: NetworkInput, engine: Engine) -> tuple[int, int]:
    """Return rows and columns of a tile that suits memory and progress."""
    each = engine.cost.values * _VALUE_BYTES * _ALIVE
    pixels = min(WINDOW_BYTES / each, WINDOW_OPERATIONS / max(engine.cost.operations, 1.0))
    return tile_shape(view.shape, view.halo, view.stride, int(pixels))


def tiled_inference(
    view: NetworkInput,
    engine: Engine,
    tile: tuple[int, int],
    region: Box,
    out: NDArray[np.float32],
    job: JobControl,
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
        Within the plane; pixels outside are seen but not written, nor is what lies beside the film.
    out
        ``(rows, columns)`` of the plane.
    job
        As in `events`.

    Raises
    ------
    Stopped
        If the job was stopped.
    ModelError
        If the device has no memory even for a small tile.
    """
    inside, film = view.inside(region), out[view.box.slices]
    waiting = deque(split(inside, tile, view.stride) if inside else ())
    done, area_done, start = 0, 0, time.perf_counter()
    while waiting:
        job.check()
        box = waiting.popleft()
        try:
            film[box.slices] = _finite(compute(view, engine, box, job))
        except (RuntimeError, MemoryError) as fault:
            tile = _halved(box, tile, view.stride, fault, engine)
            job.tell(Message(f"Not enough memory for a tile: going on with {tile[0]} x {tile[1]} pixels."))
            waiting = deque(part for each in [box, *waiting] for part in split(each, tile, view.stride))
            continue
        done, area_done = done + 1, area_done + box.area
        left = (time.perf_counter() - start) / area_done * sum(each.area for each in waiting)
        job.tell(TileDone(done, done + len(waiting), left))
    return tile


def compute(view: NetworkInput, engine: Engine, box: Box, job: JobControl) -> NDArray[np.float32]:
    """Return the probability of one tile: float32, the shape of `box`; the stronger of two polarities.

    It is 0 on what is no film, and along it.
    """
    with torch.inference_mode():
        first, *others = (_read_as(each, engine, box, job) for each in view.readings)
        for other in others:
            first = torch.maximum(first, other)
        found: NDArray[np.float32] = first.cpu().numpy()
    silent = view.film.silent(*box.slices)
    return found if silent is None else np.where(silent, np.float32(0), found)


def _read_as(view: NetworkInput, engine: Engine, box: Box, job: JobControl) -> torch.Tensor:
    """Predict one tile in one polarity."""
    outer = with_halo(box, view.shape, view.halo, view.stride)
    probability = engine.probability(torch.from_numpy(view.read(outer)), job)
    return probability[box.relative_to(outer).slices]


def _finite(probability: NDArray[np.float32]) -> NDArray[np.float32]:
    if not np.isfinite(probability.sum()):
        raise ModelError("The network gives numbers that are not finite (NaN); its weights cannot be used.")
    return probability


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
