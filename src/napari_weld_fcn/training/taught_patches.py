"""Patches of films without labels, some simulated as a whole, each a function of its step.

A window is cut from a film, flaws are put into it, and it is shown as the network would see it in use,
normalised as its whole film is. What a patch is follows from seed, step and place in the batch alone, so a
run that was killed sees what it would have seen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.radiograph.simulation.insertion import insert
from napari_weld_fcn.radiograph.simulation.settings import InsertionSettings
from napari_weld_fcn.training.patches import AHEAD, WINDOWS, Batch
from napari_weld_fcn.training.patches import patch as simulated_patch
from napari_weld_fcn.training.settings import PatchSettings
from napari_weld_fcn.training.teachers import Teacher

#: Share of the windows on a clean film that are centred on what the model calls there by mistake.
CALLS_SHARE = 0.6
#: Share of the other windows that are centred on the bead, where one is found.
BEAD_SHARE = 0.75
#: How a film's normalisation is varied: other films of the same kind have others.
SEEN_AS = PatchSettings(spread_min=0.8, spread_max=1.25, shift=0.2)
#: Fits of different seeds see simulated patches so far apart.
SEEDS = 100_000_000


@dataclass(frozen=True)
class Patch:
    """One patch as the network sees it: pixels float32, truth and ignored bool, all ``(rows, columns)``."""

    pixels: NDArray[np.float32]
    truth: NDArray[np.bool_]
    ignored: NDArray[np.bool_]


def teaching_patch(
    teacher: Teacher,
    size: tuple[int, int],
    insertion: InsertionSettings,
    seed: Sequence[int],
    seen_as: PatchSettings = SEEN_AS,
) -> Patch:
    """Cut a window from a film, put flaws into it, turn it, and show it as the network sees it.

    Parameters
    ----------
    size
        Rows and columns; where the film is smaller it is reflected, and ignored there.
    seed
        Numbers >= 0; the same give the same patch.
    """
    rng = np.random.default_rng([*seed, 0x7EAC4])
    window = _window(rng, teacher, size)
    made = insert(teacher.ground, teacher.flaws(insertion), int(rng.integers(2**62)), window)
    factor = float(np.exp(rng.uniform(np.log(seen_as.spread_min), np.log(seen_as.spread_max))))
    shift = float(rng.uniform(-seen_as.shift, seen_as.shift))
    pixels = teacher.normalisation.apply(made.pixels) * np.float32(factor) + np.float32(shift)
    parts = _filled([pixels, made.mask, made.ignored], size)
    turned = _turned(rng, parts)
    return Patch(*(np.ascontiguousarray(part) for part in turned))


def _window(rng: np.random.Generator, teacher: Teacher, size: tuple[int, int]) -> tuple[slice, slice]:
    """Where to cut: around a call by mistake, around a place on the bead, or anywhere."""
    shape = teacher.ground.shape
    chance = rng.random()
    if len(teacher.calls) and chance < CALLS_SHARE:
        at = teacher.calls[int(rng.integers(len(teacher.calls)))] + rng.integers(-32, 33, 2)
    elif len(teacher.bead) and rng.random() < BEAD_SHARE:
        at = teacher.bead[int(rng.integers(len(teacher.bead)))]
    else:
        at = np.array([rng.integers(edge) for edge in shape])
    first = [
        int(np.clip(centre - part // 2, 0, max(whole - part, 0)))
        for centre, part, whole in zip(at, size, shape, strict=True)
    ]
    row, column = (
        slice(start, min(start + part, whole)) for start, part, whole in zip(first, size, shape, strict=True)
    )
    return row, column


def _filled(parts: Sequence[NDArray[Any]], size: tuple[int, int]) -> list[NDArray[Any]]:
    missing = [(0, whole - part) for whole, part in zip(size, parts[0].shape, strict=True)]
    if not any(more for _, more in missing):
        return list(parts)
    pixels, truth, ignored = parts
    return [
        np.pad(pixels, missing, mode="symmetric"),
        np.pad(truth, missing),
        np.pad(ignored, missing, constant_values=True),
    ]


def _turned(rng: np.random.Generator, parts: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """Mirror, and in a quarter of the patches exchange rows and columns, as simulated windows are turned."""
    if rng.random() < 0.5:
        parts = [part[:, ::-1] for part in parts]
    if rng.random() < 0.5:
        parts = [part[::-1] for part in parts]
    if parts[0].shape[0] == parts[0].shape[1] and rng.random() < 0.25:
        parts = [part.T for part in parts]
    return parts


class TeacherSource:
    """Batches from films without labels, some of their patches simulated as a whole.

    Parameters
    ----------
    teachers
        At least one; larger films are shown more often.
    insertion
        The flaws that are put in.
    batch
        Patches in a step.
    size
        Rows and columns of a patch, pixels.
    simulated_share
        Share of patches that are simulated as a whole, which keeps what the model knows of other films.
    seed
        Of the windows and of all that is drawn.
    """

    def __init__(
        self,
        teachers: Sequence[Teacher],
        insertion: InsertionSettings,
        *,
        batch: int,
        size: tuple[int, int],
        simulated_share: float,
        seed: int,
    ) -> None:
        self.teachers, self.insertion, self.size, self.seed = teachers, insertion, size, seed
        self.count, self.simulated = batch, round(batch * simulated_share)
        areas = np.array([np.prod(teacher.ground.shape) for teacher in teachers], float)
        self.shares = areas / areas.sum()
        self.simulation = WINDOWS.model_copy(update={"rows": size[0], "columns": size[1]})

    def patch(self, step: int, number: int) -> Patch:
        """Return patch `number` of a step; the first ones are simulated."""
        if number < self.simulated:
            index = self.seed * SEEDS + step * self.simulated + number
            pixels, truth = simulated_patch(index, self.simulation, PatchSettings())
            return Patch(pixels, truth, np.zeros(truth.shape, bool))
        drawn = np.random.default_rng([self.seed, step, number, 0xF17])
        teacher = self.teachers[int(drawn.choice(len(self.teachers), p=self.shares))]
        return teaching_patch(teacher, self.size, self.insertion, (self.seed, step, number))

    def batch(self, step: int) -> Batch:
        """Return the batch of one step."""
        return batch_of_patches([self.patch(step, number) for number in range(self.count)], self.size)

    def batches(self, start: int, stop: int) -> Iterator[Batch]:
        """Yield the batches of steps `start` to `stop`, made ahead in a thread."""
        return ahead(self.batch, start, stop)


def batch_of_patches(patches: Sequence[Patch], size: tuple[int, int]) -> Batch:
    """Lay patches of one size together; there may be none."""
    empty = np.zeros((0, *size))
    pixels, truth, ignored = (
        np.stack([getattr(patch, name) for patch in patches]) if patches else empty
        for name in ("pixels", "truth", "ignored")
    )
    return Batch(
        pixels[:, None].astype(np.float32), truth[:, None].astype(np.float32), ignored[:, None].astype(bool)
    )


def joined(batches: Sequence[Batch]) -> Batch:
    """Lay batches of patches of one size together."""
    ignored = [
        np.zeros(batch.pixels.shape, bool) if batch.ignored is None else batch.ignored for batch in batches
    ]
    return Batch(
        np.concatenate([batch.pixels for batch in batches]),
        np.concatenate([batch.truth for batch in batches]),
        np.concatenate(ignored),
    )


def ahead(make: Callable[[int], Batch], start: int, stop: int) -> Iterator[Batch]:
    """Yield ``make(step)`` for steps `start` to `stop` in their order, some made ahead in a thread."""
    steps = iter(range(start, stop))
    with ThreadPoolExecutor(1, "patches") as pool:
        waiting: deque[Future[Batch]] = deque(pool.submit(make, step) for step in islice(steps, AHEAD))
        try:
            while waiting:
                batch = waiting.popleft().result()
                waiting.extend(pool.submit(make, step) for step in islice(steps, 1))
                yield batch
        finally:
            for future in waiting:
                future.cancel()
