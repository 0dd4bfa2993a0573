"""Films that teach without a label, and the patches that are cut from them.

A window is cut from a film, flaws are put into it, and it is shown as the network would see it in use,
normalised as its whole film is. On a film that is known to be free of flaws whatever a model marks is a
mistake, and worth being shown more often than chance would. On any other film what the model marks already
may be a flaw, so it is ignored, and no flaw is put on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.dataset.rois import Band, find_bead
from napari_weld_fcn.events import ALONE, JobControl, ignore
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.predict import probability
from napari_weld_fcn.radiograph.area.film_area import film_area
from napari_weld_fcn.radiograph.gdxray.folders import WELD_PIXEL_SIZE_MM
from napari_weld_fcn.radiograph.normalisation import Normalisation, measure, white_of
from napari_weld_fcn.radiograph.polarity import flaws_are
from napari_weld_fcn.radiograph.radiograph import Radiograph
from napari_weld_fcn.radiograph.simulation.ground import Ground, ground_of
from napari_weld_fcn.radiograph.simulation.insertion import insert
from napari_weld_fcn.radiograph.simulation.settings import InsertionSettings
from napari_weld_fcn.training.data.sampling import (
    SEEDS,
    WHOLE,
    Batch,
    Patch,
    Share,
    jitter,
    made_ahead,
    origin_around,
)
from napari_weld_fcn.training.settings import PatchSettings
from napari_weld_fcn.training.simulated.clean_films import check_size
from napari_weld_fcn.training.simulated.patches import WINDOWS
from napari_weld_fcn.training.simulated.patches import patch as simulated_patch

#: Whatever the model finds more likely than this share of its threshold may be a flaw, or is nearly called.
DOUBTFUL = 0.5
#: By what factor flaws are larger or smaller than the film's pixel size makes them.
SIZES = 1.5
#: Places that are kept to draw from.
_PLACES = 1 << 16


@dataclass(frozen=True)
class CleanFilm:
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


def clean_film_of(
    film: Radiograph,
    model: Model | None,
    *,
    clean: bool,
    known: NDArray[np.bool_] | None = None,
    margin: int = 0,
    job: JobControl = ALONE,
) -> CleanFilm:
    """Prepare a film.

    Parameters
    ----------
    film
        One plane; where its flaws are bright, its negative teaches.
    model
        Says what may be a flaw already, or is called by mistake; None where there is none.
    clean
        Whether the film is known to be free of flaws.
    known
        ``(rows, columns)`` bool: the part that was looked at; elsewhere no flaw is put and nothing is told.
    margin
        By how much the places where no flaw may be put are grown, pixels.
    job
        Asked while the model predicts.

    Raises
    ------
    Stopped
        If `job` said so.
    DatasetError
        If the part that is known is too small.
    RadiographError
        If the film cannot be read, or `known` is not of its shape.
    """
    pixels = np.asarray(film.pixels)
    if pixels.dtype.kind == "b":
        pixels = pixels.astype(np.uint8)
    exposed = film_area(pixels)
    white = white_of(pixels, measure(pixels, exposed))
    doubtful = _doubtful(film, model, job)
    if flaws_are(pixels) == "bright":
        pixels = (white - pixels).astype(pixels.dtype if pixels.dtype.kind == "u" else np.float32)
    normalisation = measure(pixels, exposed)
    band, size = find_bead(pixels), film.pixel_size_mm
    planes = _Planes(
        pixels,
        area=np.ones(pixels.shape, bool) if band is None else _area(band, pixels.shape),
        unknown=exposed.outside_of(pixels.shape) | (False if known is None else ~known),
        doubtful=doubtful,
    )
    if band is not None and band.vertical:
        planes = planes.map(np.transpose)
    planes = planes.known_part(film.name)
    ground = ground_of(
        planes.pixels,
        area=None if band is None else planes.area,
        forbidden=planes.unknown if clean else planes.unknown | planes.doubtful,
        margin=margin,
        white=white,
    )
    nothing = np.zeros((0, 2), np.intp)
    return CleanFilm(
        ground,
        normalisation,
        calls=_places(planes.doubtful & ~planes.unknown) if clean else nothing,
        bead=nothing if band is None else _places(planes.area),
        magnification=size and WELD_PIXEL_SIZE_MM / size,
    )


def _doubtful(film: Radiograph, model: Model | None, job: JobControl) -> NDArray[np.bool_]:
    """Where a model marks, or nearly does."""
    job.check()
    if model is None:
        return np.zeros(film.pixels.shape, bool)
    return np.asarray(probability(film, model, job=job.heard_by(ignore)) > DOUBTFUL * model.card.threshold)


@dataclass(frozen=True)
class _Planes:
    """A film and what is known of its pixels, all ``(rows, columns)``; all but the pixels are bool."""

    pixels: NDArray[Any]
    area: NDArray[np.bool_]
    unknown: NDArray[np.bool_]
    doubtful: NDArray[np.bool_]

    def map(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> _Planes:
        return _Planes(*(change(each) for each in (self.pixels, self.area, self.unknown, self.doubtful)))

    def known_part(self, name: str) -> _Planes:
        """The smallest rectangle around what is known; DatasetError, which names the film, if it is small."""
        rows, columns = check_size(name, ~self.unknown)
        return self.map(lambda each: np.ascontiguousarray(each[rows, columns]))


def _area(band: Band, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    across = np.arange(shape[1] if band.vertical else shape[0])[:, None]
    area = np.asarray((across >= band.upper) & (across < band.lower))
    return area.T if band.vertical else area


def _places(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return some of the pixels of a mask, evenly."""
    found = np.argwhere(mask)
    return found[:: max(1, len(found) // _PLACES)]


#: Share of the windows on a clean film that are centred on what the model calls there by mistake.
CALLS_SHARE = 0.6
#: Share of the other windows that are centred on the bead, where one is found.
BEAD_SHARE = 0.75
#: Steps between two validations.
STEPS = 8
#: How a film's normalisation is varied: other films of the same kind have others.
SEEN_AS = PatchSettings(spread_min=0.8, spread_max=1.25, shift=0.2)


def teaching_patch(
    film: CleanFilm,
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
    window = _window(rng, film, size)
    made = insert(film.ground, film.flaws(insertion), int(rng.integers(2**62)), window)
    factor, shift = jitter(rng, seen_as)
    pixels = film.normalisation.apply(made.pixels) * factor + shift
    parts = _filled([pixels, made.mask, made.ignored], size)
    turned = _turned(rng, parts)
    return Patch(*(np.ascontiguousarray(part) for part in turned))


def _window(rng: np.random.Generator, film: CleanFilm, size: tuple[int, int]) -> tuple[slice, slice]:
    """Where to cut: around a call by mistake, around a place on the bead, or anywhere."""
    shape = film.ground.shape
    chance = rng.random()
    if len(film.calls) and chance < CALLS_SHARE:
        at = film.calls[int(rng.integers(len(film.calls)))] + rng.integers(-32, 33, 2)
    elif len(film.bead) and rng.random() < BEAD_SHARE:
        at = film.bead[int(rng.integers(len(film.bead)))]
    else:
        at = np.array([rng.integers(edge) for edge in shape])
    first = [
        origin_around(int(centre), part, 0, whole)
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


class SyntheticFlawSampler:
    """Batches from films without labels, some of their patches simulated as a whole.

    Parameters
    ----------
    films
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
        films: Sequence[CleanFilm],
        insertion: InsertionSettings,
        *,
        batch: int,
        size: tuple[int, int],
        simulated_share: float,
        seed: int,
    ) -> None:
        self.films, self.insertion, self.size, self.seed = films, insertion, size, seed
        self.count, self.simulated = batch, round(batch * simulated_share)
        areas = np.array([np.prod(film.ground.shape) for film in films], float)
        self.shares = areas / areas.sum()
        self.simulation = WINDOWS.model_copy(update={"rows": size[0], "columns": size[1]})

    def patch(self, step: int, number: int) -> Patch:
        """Return patch `number` of a step; the first ones are simulated."""
        if number < self.simulated:
            index = self.seed * SEEDS + step * self.simulated + number
            pixels, truth = simulated_patch(index, self.simulation, PatchSettings())
            return Patch(pixels, truth, np.zeros(truth.shape, bool))
        drawn = np.random.default_rng([self.seed, step, number, 0xF17])
        film = self.films[int(drawn.choice(len(self.films), p=self.shares))]
        return teaching_patch(film, self.size, self.insertion, (self.seed, step, number))

    def batch(self, step: int) -> Batch:
        """Return the batch of one step."""
        return Batch.of([self.patch(step, number) for number in range(self.count)], self.size)

    @property
    def steps_per_epoch(self) -> int:
        """Windows are drawn anew for ever, so an epoch is the time between two validations."""
        return STEPS

    @property
    def flaw_share(self) -> float:
        """As many are put in as the model needs: they need no weight."""
        return 1.0

    def batches(self, start: int, stop: int, share: Share = WHOLE) -> Iterator[Batch]:
        """Yield one process's shares of the batches of steps `start` to `stop`, made ahead in a thread."""
        with ThreadPoolExecutor(1, "patches") as pool:
            for batch in made_ahead(pool, self.batch, start, stop):
                yield batch.part(share.turns)
