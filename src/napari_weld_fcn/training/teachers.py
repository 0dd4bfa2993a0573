"""Films that teach without a label: simulated flaws put into a user's own films.

On a film that is known to be free of flaws everything but what was put in is background, so that what a model
calls there by mistake is unlearned; windows show such places more often than chance would. On any other film
what the model marks already may be a flaw, so it is ignored, and no flaw is put on it.

A patch is what the network would see of that film in use: normalised as its whole film is, and shrunk where
the film is shrunk for prediction. It follows from seed, step and place in the batch alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_weld_fcn.dataset.bead import find_bead
from napari_weld_fcn.errors import DatasetError
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.oversampling import oversampling
from napari_weld_fcn.prediction.predict import probability
from napari_weld_fcn.prediction.resampling import enlarged, resampled, taps
from napari_weld_fcn.radiograph.normalisation import Normalisation, full_scale, measure
from napari_weld_fcn.radiograph.radiograph import Radiograph
from napari_weld_fcn.radiograph.simulation.ground import Ground, ground_of
from napari_weld_fcn.radiograph.simulation.insertion import insert
from napari_weld_fcn.radiograph.simulation.settings import InsertionSettings
from napari_weld_fcn.training.patches import AHEAD, WINDOWS, Batch, batch_of
from napari_weld_fcn.training.settings import PatchSettings

#: Share of the windows on a clean film that are centred on what the model calls there by mistake.
CALLS_SHARE = 1 / 3
#: Share of the other windows that are centred on the bead, where one is found.
BEAD_SHARE = 0.75
#: Whatever the model finds more likely than this share of its threshold may be a flaw, or is nearly called.
DOUBTFUL = 0.5
#: How a film's normalisation is varied: other films of the same kind have others.
SEEN_AS = PatchSettings(spread_min=0.8, spread_max=1.25, shift=0.2)
#: The smallest film that teaches, pixels across.
SMALLEST = 48
#: Places that are kept to draw from.
_PLACES = 1 << 16


@dataclass(frozen=True)
class Teacher:
    """A film, or a part of one, as patches are cut from it.

    Attributes
    ----------
    name
        Of its film.
    ground
        Its pixels as they are predicted, the bead along the columns, and where flaws may be put.
    normalisation
        Of the whole film.
    calls, bead
        ``(n, 2)`` rows and columns to centre windows on: calls by mistake, and the bead; may be empty.
    """

    name: str
    ground: Ground
    normalisation: Normalisation
    calls: NDArray[np.intp]
    bead: NDArray[np.intp]

    def part(self, columns: slice) -> Teacher:
        """Return the part of it that lies in these columns."""
        cut = {
            name: None if mask is None else mask[:, columns]
            for name, mask in (("area", self.ground.area), ("forbidden", self.ground.forbidden))
        }
        ground = ground_of(self.ground.pixels[:, columns], **cut, white=self.ground.unit * 255)
        inside = (_within(places, columns) for places in (self.calls, self.bead))
        return Teacher(self.name, ground, self.normalisation, *inside)


def teachers_of(
    film: Radiograph,
    model: Model,
    *,
    clean: bool,
    margin: int,
    known: NDArray[np.bool_] | None = None,
    device: str = "auto",
) -> list[Teacher]:
    """Prepare a film, each plane of a stack for itself.

    Parameters
    ----------
    film
        Dark flaws; bright ones are negated before.
    model
        Says what may be a flaw already, or is called by mistake.
    clean
        Whether the film is known to be free of flaws.
    margin
        By how much what the model marks is grown, pixels.
    known
        ``(rows, columns)`` bool: the part that was looked at; elsewhere no flaw is put and nothing is told.

    Raises
    ------
    DatasetError
        If the film is too small.
    RadiographError
        If it cannot be read, or `known` is not of its shape.
    """
    planes = []
    for index in range(film.planes):
        plane = np.asarray(film.plane(index))
        if plane.dtype.kind == "b":
            plane = plane.astype(np.uint8)
        planes.append(_teacher(Radiograph(plane, name=film.name), model, clean, margin, known))
    return planes


def _teacher(
    film: Radiograph, model: Model, clean: bool, margin: int, known: NDArray[np.bool_] | None
) -> Teacher:
    pixels, normalisation = film.pixels, measure(film.pixels)
    doubtful = probability(film, model) > DOUBTFUL * model.card.threshold
    forbidden = np.zeros(pixels.shape, bool) if known is None else ~known
    calls = doubtful & ~forbidden if clean else np.zeros(pixels.shape, bool)
    if not clean:
        forbidden = forbidden | doubtful
    band = find_bead(pixels)
    area = None
    if band is not None:
        across = np.arange(len(pixels) if not band.vertical else pixels.shape[1])[:, None]
        area = (across >= band.upper) & (across < band.lower)
        area = area.T if band.vertical else area
    white = full_scale(pixels.dtype, float(pixels.max()))
    if oversampling(pixels) > 1:
        pixels = _shrunk(pixels)
        area, forbidden, calls = (
            None if mask is None else _shrunk(mask.astype(np.uint8)) > least
            for mask, least in ((area, 0.5), (forbidden, 0), (calls, 0))
        )
    if band is not None and band.vertical:
        pixels, area, forbidden, calls = pixels.T, area.T, forbidden.T, calls.T
    if min(pixels.shape) < SMALLEST:
        raise DatasetError(
            f"{film.name}: shows {pixels.shape[0]} x {pixels.shape[1]} pixels to the network, but a film that "
            f"teaches needs {SMALLEST} at least."
        )
    pixels = np.ascontiguousarray(pixels)
    ground = ground_of(pixels, area=area, forbidden=forbidden, margin=margin, white=white)
    return Teacher(film.name, ground, normalisation, _places(calls), _places(area))


def _shrunk(plane: NDArray[Any]) -> NDArray[np.float32]:
    rows, columns = (taps(np.arange(enlarged(size, 0.5)), size, 0.5) for size in plane.shape)
    return np.asarray(resampled(torch.from_numpy(plane.astype(np.float32)), rows, columns).numpy())


def _places(mask: NDArray[np.bool_] | None) -> NDArray[np.intp]:
    """Return some of the pixels of a mask, evenly."""
    found = np.zeros((0, 2), np.intp) if mask is None else np.argwhere(mask)
    return found[:: max(1, len(found) // _PLACES)]


def _within(places: NDArray[np.intp], columns: slice) -> NDArray[np.intp]:
    inside = places[(places[:, 1] >= columns.start) & (places[:, 1] < columns.stop)]
    return inside - np.array([0, columns.start], np.intp)


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
    made = insert(teacher.ground, insertion, int(rng.integers(2**62)), window)
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
        slice(start, min(start + part, whole))
        for start, part, whole in zip(first, size, shape, strict=True)
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
    """Batches from films without labels, some of their patches simulated; ``batches`` is a `fit.Source`.

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
        self.simulated = round(batch * simulated_share)
        self.taught = batch - self.simulated
        areas = np.array([np.prod(teacher.ground.shape) for teacher in teachers], float)
        self.shares = areas / areas.sum()
        self.simulation = WINDOWS.model_copy(update={"rows": size[0], "columns": size[1]})

    def batch(self, step: int) -> Batch:
        """Return the batch of one step."""
        rng = np.random.default_rng([self.seed, step, 0xF17])
        chosen = rng.choice(len(self.teachers), self.taught, p=self.shares)
        made = [
            teaching_patch(self.teachers[which], self.size, self.insertion, (self.seed, step, place))
            for place, which in enumerate(chosen)
        ]
        taught = Batch(
            np.stack([patch.pixels for patch in made])[:, None],
            np.stack([patch.truth for patch in made])[:, None].astype(np.float32),
            np.stack([patch.ignored for patch in made])[:, None],
        ) if made else None
        if not self.simulated:
            assert taught is not None
            return taught
        first = self.seed * 100_000_000 + step * self.simulated
        simulated = batch_of(range(first, first + self.simulated), self.simulation, PatchSettings())
        return simulated if taught is None else joined([taught, simulated])

    def batches(self, start: int, stop: int) -> Iterator[Batch]:
        """Yield the batches of steps `start` to `stop`, made ahead in a thread."""
        return ahead(self.batch, start, stop)


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
