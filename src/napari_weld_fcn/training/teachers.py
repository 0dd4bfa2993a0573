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
from napari_weld_fcn.dataset.rois import Band
from napari_weld_fcn.errors import DatasetError
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.oversampling import oversampling
from napari_weld_fcn.prediction.predict import probability
from napari_weld_fcn.prediction.resampling import enlarged, resampled, taps
from napari_weld_fcn.radiograph.gdxray import WELD_PIXEL_SIZE_MM
from napari_weld_fcn.radiograph.normalisation import Normalisation, full_scale, measure
from napari_weld_fcn.radiograph.radiograph import Radiograph
from napari_weld_fcn.radiograph.simulation.ground import Ground, ground_of
from napari_weld_fcn.radiograph.simulation.insertion import insert
from napari_weld_fcn.radiograph.simulation.settings import InsertionSettings
from napari_weld_fcn.training.patches import AHEAD, WINDOWS, Batch
from napari_weld_fcn.training.patches import patch as simulated_patch
from napari_weld_fcn.training.settings import PatchSettings

#: Share of the windows on a clean film that are centred on what the model calls there by mistake.
CALLS_SHARE = 0.6
#: Share of the other windows that are centred on the bead, where one is found.
BEAD_SHARE = 0.75
#: Whatever the model finds more likely than this share of its threshold may be a flaw, or is nearly called.
DOUBTFUL = 0.5
#: How a film's normalisation is varied: other films of the same kind have others.
SEEN_AS = PatchSettings(spread_min=0.8, spread_max=1.25, shift=0.2)
#: By what factor flaws are larger or smaller than the film's pixel size makes them.
SIZES = 1.5
#: The smallest film that teaches, pixels across.
SMALLEST = 48
#: Fits of different seeds see simulated patches so far apart.
SEEDS = 100_000_000
#: Places that are kept to draw from.
_PLACES = 1 << 16


@dataclass(frozen=True)
class Teacher:
    """A film, or the known part of one, as patches are cut from it.

    Attributes
    ----------
    ground
        Its pixels as they are predicted, the bead along the columns, and where flaws may be put.
    normalisation
        Of the whole film.
    calls, bead
        ``(n, 2)`` rows and columns to centre windows on: calls by mistake, and the bead; may be empty.
    magnification
        Over the pixel of a GDXray weld; None where the pixel size is not known.
    """

    ground: Ground
    normalisation: Normalisation
    calls: NDArray[np.intp]
    bead: NDArray[np.intp]
    magnification: float | None = None

    def flaws(self, insertion: InsertionSettings) -> InsertionSettings:
        """Return what is put in, as large as it is on this film where its pixel size is known."""
        if self.magnification is None:
            return insertion
        low, high = (float(np.clip(self.magnification * factor, 0.1, 10)) for factor in (1 / SIZES, SIZES))
        return insertion.model_copy(update={"magnification_min": low, "magnification_max": high})


def teacher_of(
    film: Radiograph,
    model: Model | None,
    *,
    clean: bool,
    known: NDArray[np.bool_] | None = None,
    margin: int = 0,
) -> Teacher:
    """Prepare a film.

    Parameters
    ----------
    film
        One plane whose flaws are dark.
    model
        Says what may be a flaw already, or is called by mistake; None where there is none.
    clean
        Whether the film is known to be free of flaws.
    known
        ``(rows, columns)`` bool: the part that was looked at; elsewhere no flaw is put and nothing is told.
    margin
        By how much the places where no flaw may be put are grown, pixels.

    Raises
    ------
    DatasetError
        If the part that is known is too small.
    RadiographError
        If the film cannot be read, or `known` is not of its shape.
    """
    pixels = np.asarray(film.pixels)
    if pixels.dtype.kind == "b":
        pixels = pixels.astype(np.uint8)
    unknown = np.zeros(pixels.shape, bool) if known is None else ~known
    doubtful = np.zeros(pixels.shape, bool)
    if model is not None:
        doubtful = (probability(film, model) > DOUBTFUL * model.card.threshold) & ~unknown
    band = find_bead(pixels)
    planes = _Planes(
        pixels=pixels,
        area=np.ones(pixels.shape, bool) if band is None else _area(band, pixels.shape),
        unknown=unknown,
        doubtful=doubtful,
    )
    size = film.pixel_size_mm
    if oversampling(pixels) > 1:
        planes, size = planes.shrunk(), size and 2 * size
    if band is not None and band.vertical:
        planes = planes.map(np.transpose)
    planes = planes.known_part()
    rows, columns = planes.pixels.shape
    if min(rows, columns) < SMALLEST:
        raise DatasetError(
            f"{film.name}: shows {rows} x {columns} pixels to the network, but a film that teaches needs "
            f"{SMALLEST} at least."
        )
    ground = ground_of(
        planes.pixels,
        area=None if band is None else planes.area,
        forbidden=planes.unknown if clean else planes.unknown | planes.doubtful,
        margin=margin,
        white=full_scale(pixels.dtype, float(pixels.max())),
    )
    nothing = np.zeros((0, 2), np.intp)
    return Teacher(
        ground,
        measure(pixels),
        calls=_places(planes.doubtful) if clean else nothing,
        bead=nothing if band is None else _places(planes.area),
        magnification=size and WELD_PIXEL_SIZE_MM / size,
    )


@dataclass(frozen=True)
class _Planes:
    """A film and what is known of its pixels, all ``(rows, columns)``; all but the pixels are bool."""

    pixels: NDArray[Any]
    area: NDArray[np.bool_]
    unknown: NDArray[np.bool_]
    doubtful: NDArray[np.bool_]

    def map(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> _Planes:
        return _Planes(*(change(each) for each in (self.pixels, self.area, self.unknown, self.doubtful)))

    def shrunk(self) -> _Planes:
        """Half the pixels; what is unknown or doubtful in a part is so."""
        return _Planes(
            _shrunk(self.pixels),
            _shrunk(self.area) >= 0.5,
            _shrunk(self.unknown) > 0,
            _shrunk(self.doubtful) > 0,
        )

    def known_part(self) -> _Planes:
        """The smallest rectangle around what is known."""
        known = ~self.unknown
        spans = [np.flatnonzero(known.any(axis=axis)) for axis in (1, 0)]
        rows, columns = (
            slice(int(span[0]), int(span[-1]) + 1) if span.size else slice(0, 0) for span in spans
        )
        return self.map(lambda each: np.ascontiguousarray(each[rows, columns]))


def _area(band: Band, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    across = np.arange(shape[1] if band.vertical else shape[0])[:, None]
    area = np.asarray((across >= band.upper) & (across < band.lower))
    return area.T if band.vertical else area


def _shrunk(plane: NDArray[Any]) -> NDArray[np.float32]:
    rows, columns = (taps(np.arange(enlarged(size, 0.5)), size, 0.5) for size in plane.shape)
    return np.asarray(resampled(torch.from_numpy(plane.astype(np.float32)), rows, columns).numpy())


def _places(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return some of the pixels of a mask, evenly."""
    found = np.argwhere(mask)
    return found[:: max(1, len(found) // _PLACES)]


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
