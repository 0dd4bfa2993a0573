"""Simulated patches as they are needed, none shown twice.

Patch number n of a seed is a function of n: a fit that is resumed at step k asks for the same patches that
it would have seen unbroken, and nothing has to be stored. Worker processes simulate ahead of the fit.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

from napari_weld_fcn.radiograph.area.film_area import FilmArea
from napari_weld_fcn.radiograph.normalisation import Normalisation, measure
from napari_weld_fcn.radiograph.simulation.film import simulate
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.training.data.sampling import SEEDS, Batch, jitter, made_ahead
from napari_weld_fcn.training.processes.child import end_after
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


#: Makes a batch of patches of these numbers.
Make = Callable[[range, SimulationSettings, PatchSettings], Batch]


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
    factor, shift = jitter(rng, settings)
    return (normalised * factor + shift).astype(np.float32)


def batch_of(numbers: range, simulation: SimulationSettings, settings: PatchSettings) -> Batch:
    """Simulate patches `numbers` as one batch."""
    made = [patch(number, simulation, settings) for number in numbers]
    pixels = np.stack([pixels for pixels, _ in made])[:, None]
    truth = np.stack([mask for _, mask in made])[:, None].astype(np.float32)
    return Batch(pixels, truth)


def _end_with_parent() -> None:
    """End this worker when the process that it works for ends, even if that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        end_after(parent.join, 1)


def batches(
    start: int,
    stop: int,
    size: int,
    *,
    seed: int = 0,
    simulation: SimulationSettings = WINDOWS,
    settings: PatchSettings | None = None,
    make: Make = batch_of,
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
    context = multiprocessing.get_context("spawn")
    settings = settings or PatchSettings()
    made = partial(_made, make, seed * SEEDS, size, simulation, settings)
    with ProcessPoolExecutor(settings.workers, context, initializer=_end_with_parent) as pool:
        yield from made_ahead(pool, made, start, stop)


def _made(
    make: Make, first: int, size: int, simulation: SimulationSettings, settings: PatchSettings, step: int
) -> Batch:
    return make(range(first + step * size, first + (step + 1) * size), simulation, settings)
