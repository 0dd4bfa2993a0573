"""Simulated patches as they are needed, none shown twice.

Patch number n of a seed is a function of n: a fit that is resumed at step k asks for the same patches that
it would have seen unbroken, and nothing has to be stored. Worker processes simulate ahead of the fit.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from itertools import islice
from typing import Any

import numpy as np

from napari_weld_fcn.radiograph.area.film_area import FilmArea
from napari_weld_fcn.radiograph.normalisation import Normalisation, measure
from napari_weld_fcn.radiograph.simulation.film import simulate
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.training.settings import PatchSettings

#: Windows from shrunk films to patches magnified six times, a quarter of them as GDXray digitised its welds,
#: three tenths without a flaw.
WINDOWS = SimulationSettings(
    rows=192,
    columns=192,
    framing="window",
    magnification_min=0.4,
    magnification_max=6.0,
    native_share=0.25,
    flawless_share=0.3,
    harsh_share=0.35,
    jpeg_share=0.35,
)

#: Patches are drawn far above the seeds that validation films use.
FIRST_PATCH = 10_000_000
#: Batches simulated ahead of the fit.
AHEAD = 6


@dataclass(frozen=True)
class Batch:
    """Patches as the network sees them.

    Attributes
    ----------
    pixels, truth
        ``(N, 1, rows, columns)`` float32; the truth is 0 or 1.
    ignored
        Bool of the same shape: pixels that take no part; None where all do.
    known
        ``(M, 1, rows, columns)`` float32: patches on which the network is to say what it said before
        (`training.distillation`); None where there are none.
    """

    pixels: np.ndarray
    truth: np.ndarray
    ignored: np.ndarray | None = None
    known: np.ndarray | None = None

    def part(self, patches: slice) -> Batch:
        """Return some of its patches; what is `known` goes with each part."""
        names = (field.name for field in fields(self) if field.name != "known")
        arrays: dict[str, Any] = {name: getattr(self, name) for name in names}
        return replace(self, **{name: array[patches] for name, array in arrays.items() if array is not None})


#: Gives the batches of steps `start` to `stop`; of each batch this rank's share.
Source = Callable[[int, int], Iterator[Batch]]


def patch(
    number: int, simulation: SimulationSettings, settings: PatchSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels ``(rows, columns)`` float32 and truth bool of patch `number`, as the network sees them."""
    film = simulate(simulation, FIRST_PATCH + number)
    return as_seen(film.radiograph.pixels, number, settings), film.mask


def as_seen(
    pixels: np.ndarray,
    number: int,
    settings: PatchSettings | None = None,
    normalisation: Normalisation | None = None,
) -> np.ndarray:
    """Pixels as if they were a part of some film: normalised, ``(rows, columns)`` float32.

    In use a radiograph is normalised as a whole, a patch only knows itself, and even a simulated weld has
    less beside its bead than a film has, so its spread is smaller and its flaws stand out more. A random
    factor and shift, those of `number`, stand in for the films that it could have come from. `normalisation`
    is the patch's own where none is given.
    """
    settings = settings or PatchSettings()
    rng = np.random.default_rng([number, 0xF11A])
    normalised = (normalisation or measure(pixels, FilmArea.whole(pixels.shape))).apply(pixels)
    factor = np.exp(rng.uniform(np.log(settings.spread_min), np.log(settings.spread_max)))
    shift = rng.uniform(-settings.shift, settings.shift)
    return (normalised * np.float32(factor) + np.float32(shift)).astype(np.float32)


def batch_of(numbers: range, simulation: SimulationSettings, settings: PatchSettings) -> Batch:
    """Simulate patches `numbers` as one batch."""
    made = [patch(number, simulation, settings) for number in numbers]
    pixels = np.stack([pixels for pixels, _ in made])[:, None]
    truth = np.stack([mask for _, mask in made])[:, None].astype(np.float32)
    return Batch(pixels, truth)


def _end_with_parent() -> None:
    """End this worker when the process that it works for ends, even if that was killed."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def batches(
    start: int,
    stop: int,
    size: int,
    *,
    seed: int = 0,
    simulation: SimulationSettings = WINDOWS,
    settings: PatchSettings | None = None,
    make: Callable[[range, SimulationSettings, PatchSettings], Batch] = batch_of,
) -> Iterator[Batch]:
    """Yield the batches of steps `start` to `stop`, simulated ahead in worker processes.

    Parameters
    ----------
    start, stop
        Steps of the fit.
    size
        Patches in a batch.
    seed
        Fits of different seeds see different patches.
    make
        What makes a batch of patches of these numbers; sent to the workers.
    """
    settings = settings or PatchSettings()
    first = seed * 100_000_000
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(settings.workers, context, initializer=_end_with_parent) as pool:
        steps = iter(range(start, stop))

        def submit(step: int) -> Future[Batch]:
            numbers = range(first + step * size, first + (step + 1) * size)
            return pool.submit(make, numbers, simulation, settings)

        waiting = deque(submit(step) for step in islice(steps, AHEAD))
        try:
            while waiting:
                batch = waiting.popleft().result()
                waiting.extend(submit(step) for step in islice(steps, 1))
                yield batch
        finally:
            for future in waiting:
                future.cancel()
