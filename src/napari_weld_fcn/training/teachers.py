"""Films that teach without a label, made ready for patches to be cut from them.

On a film that is known to be free of flaws whatever a model marks is a mistake, and worth being shown more
often than chance would. On any other film what the model marks already may be a flaw, so it is ignored, and
no flaw is put on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.dataset.rois import Band, find_bead
from napari_weld_fcn.events import ALONE, JobControl
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.predict import probability
from napari_weld_fcn.radiograph.area.film_area import film_area
from napari_weld_fcn.radiograph.gdxray.folders import WELD_PIXEL_SIZE_MM
from napari_weld_fcn.radiograph.normalisation import Normalisation, measure, white_of
from napari_weld_fcn.radiograph.polarity import flaws_are
from napari_weld_fcn.radiograph.radiograph import Radiograph
from napari_weld_fcn.radiograph.simulation.ground import Ground, ground_of
from napari_weld_fcn.radiograph.simulation.settings import InsertionSettings
from napari_weld_fcn.training.clean_films import check_size

#: Whatever the model finds more likely than this share of its threshold may be a flaw, or is nearly called.
DOUBTFUL = 0.5
#: By what factor flaws are larger or smaller than the film's pixel size makes them.
SIZES = 1.5
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
    job: JobControl = ALONE,
) -> Teacher:
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
    return Teacher(
        ground,
        normalisation,
        calls=_places(planes.doubtful & ~planes.unknown) if clean else nothing,
        bead=nothing if band is None else _places(planes.area),
        magnification=size and WELD_PIXEL_SIZE_MM / size,
    )


def check_taught(film: Radiograph, known: NDArray[np.bool_]) -> None:
    """Refuse what `teacher_of` would find too small, before anything is prepared.

    Parameters
    ----------
    film
        One plane.
    known
        ``(rows, columns)`` bool.

    Raises
    ------
    DatasetError
        Which names the film.
    """
    check_size(film.name, known)


def _doubtful(film: Radiograph, model: Model | None, job: JobControl) -> NDArray[np.bool_]:
    """Where a model marks, or nearly does."""
    job.check()
    if model is None:
        return np.zeros(film.pixels.shape, bool)
    return np.asarray(probability(film, model, job=job) > DOUBTFUL * model.card.threshold)


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
