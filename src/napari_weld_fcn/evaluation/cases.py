"""What is scored, brought to one form: a radiograph, its truth, and what is known of each flaw.

A crop is seen by its film's normalisation, as it would be within its film; what lies beyond its edge the
network cannot see, so crops score a little lower near their edges than films do. Where a mask is *ignored*,
nothing is marked and nothing is missed. Flaws are told apart by their numbers where the truth has numbers,
else each connected part (edges or corners touch) is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.dataset.pair import FLAW, IGNORED, Pair
from napari_weld_fcn.dataset.store import Dataset
from napari_weld_fcn.errors import DatasetError, RadiographError
from napari_weld_fcn.evaluation.flaw_classes import FlawClass, classes_of, read_classes
from napari_weld_fcn.prediction.indications import label
from napari_weld_fcn.radiograph.gdxray import GDXrayFilm, GDXraySeries
from napari_weld_fcn.radiograph.normalisation import Normalisation
from napari_weld_fcn.radiograph.radiograph import Radiograph
from napari_weld_fcn.radiograph.simulation.film import SimulatedFilm


@dataclass(frozen=True)
class Marks:
    """What was marked on a film already.

    Attributes
    ----------
    values
        ``(rows, columns)``: probabilities in [0, 1] if they are floating, else integers, 0 background and n
        the indication of that number; of a mask of one value each connected part is an indication.
    threshold, min_size_px
        With which it was marked; they hold where the settings leave them open.
    """

    values: NDArray[Any]
    threshold: float = 0.5
    min_size_px: float = 0.0

    @property
    def probable(self) -> bool:
        """Whether these are probabilities."""
        return bool(np.issubdtype(self.values.dtype, np.floating))


@dataclass(frozen=True)
class Case:
    """One radiograph, or one crop, beside its truth.

    Attributes
    ----------
    radiograph
        One plane.
    instances
        ``(rows, columns)`` integers: 0 background, n the flaw of that number.
    ignored
        ``(rows, columns)`` bool, what takes no part; None where all does.
    normalisation
        Of the film that a crop was cut from; None measures the radiograph.
    classes
        What is known of the flaws, by number.
    marks
        For `compare`; a model makes its own.
    """

    radiograph: Radiograph
    instances: NDArray[Any]
    ignored: NDArray[np.bool_] | None = None
    normalisation: Normalisation | None = None
    classes: Mapping[int, FlawClass] = field(default_factory=dict)
    marks: Marks | None = None

    def __post_init__(self) -> None:
        shape = self.radiograph.pixels.shape
        if len(shape) != 2:
            raise RadiographError(
                f"{self.radiograph.name}: is a stack of {shape[0]} planes; give each with its own mask."
            )
        if self.instances.shape != shape:
            raise RadiographError(
                f"{self.radiograph.name}: its mask has shape {self.instances.shape}, but it has {shape}."
            )
        if self.marks is not None and self.marks.values.shape != shape:
            raise RadiographError(
                f"{self.radiograph.name}: its marks have shape {self.marks.values.shape}, but it has {shape}."
            )

    @property
    def whole_film(self) -> bool:
        """Whether it is no crop."""
        return self.normalisation is None


@dataclass(frozen=True)
class Source:
    """A case that is read when it is asked for; `read` gives None, or a case, or raises a WeldFcnError."""

    name: str
    read: Callable[[], Case | None]


#: One radiograph with its truth, in any of the forms that `evaluate` takes.
Film = tuple[Radiograph | NDArray[Any], NDArray[Any]] | Pair | GDXrayFilm | SimulatedFilm | Source


def sources(films: Iterable[Film] | Dataset | GDXraySeries) -> Iterator[Source]:
    """Name the cases of `films` one by one; nothing is read before it is asked for.

    Films without a mask, crops whose mask is ignored throughout and variants of crops, which would show the
    same flaws again, read as None.
    """
    if isinstance(films, Dataset):
        for index, row in enumerate(films.rows):
            yield Source(row.name, partial(_of_row, films, index))
        return
    for position, film in enumerate(films):
        yield (
            film if isinstance(film, Source) else Source(_name(film, position), partial(_of, film, position))
        )


def numbered(mask: NDArray[Any]) -> NDArray[Any]:
    """Return flaws by number: as they are, or the connected parts of a mask that has but one value."""
    if mask.dtype != np.bool_ and np.any((mask != 0) & (mask != mask.max(initial=0))):
        return mask
    return label((mask != 0).astype(np.float32), 0.5)


def _name(film: Film, position: int) -> str:
    if isinstance(film, (Pair, GDXrayFilm)):
        return film.name
    if isinstance(film, Source):
        return film.name
    if not isinstance(film, SimulatedFilm) and not (isinstance(film, tuple) and len(film) == 2):
        raise DatasetError("Give films one by one, each as a pair of its pixels and its mask.")
    radiograph = film.radiograph if isinstance(film, SimulatedFilm) else film[0]
    return radiograph.name if isinstance(radiograph, Radiograph) else f"film {position + 1}"


def _of_row(dataset: Dataset, index: int) -> Case | None:
    return None if dataset.rows[index].variant else _of_pair(dataset[index])


def _of(film: Film, position: int) -> Case | None:
    if isinstance(film, Source):
        return film.read()
    if isinstance(film, Pair):
        return _of_pair(film)
    if isinstance(film, GDXrayFilm):
        return _of_gdxray(film)
    if isinstance(film, SimulatedFilm):
        known = {flaw.number: FlawClass(flaw.iso6520, flaw.name) for flaw in film.flaws if flaw.number}
        return Case(film.radiograph, film.instances, classes=known)
    radiograph, mask = film
    if not isinstance(radiograph, Radiograph):
        radiograph = Radiograph(radiograph, name=_name(film, position))
    return Case(radiograph, numbered(_checked(np.asarray(mask), radiograph.name)))


def _checked(mask: NDArray[Any], name: str) -> NDArray[Any]:
    """Return a mask as it is if it holds flaw numbers, from 0 on."""
    whole = mask.dtype.kind in "bu" or (
        mask.dtype.kind in "if" and bool(np.all((mask >= 0) & (mask == np.floor(mask))))
    )
    if not whole:
        raise RadiographError(f"{name}: its mask has other values than whole numbers from 0 on.")
    return mask if mask.dtype.kind in "bui" else mask.astype(np.int64)


def _of_pair(pair: Pair) -> Case | None:
    ignored = pair.mask == IGNORED
    if pair.variant or ignored.all():
        return None
    size = pair.pixel_size_mm
    return Case(
        radiograph=Radiograph(
            pair.pixels,
            name=pair.name,
            film=pair.film,
            pixel_size_mm=size,
            pixel_size_source="file" if size else "none",
        ),
        instances=numbered(pair.mask == FLAW),
        ignored=ignored if ignored.any() else None,
        normalisation=pair.normalisation,
    )


def _of_gdxray(film: GDXrayFilm) -> Case | None:
    if not film.has_mask:
        return None
    instances, mask = film.instances(), film.mask()
    if mask is None:
        return None
    flaws = numbered(mask) if instances is None else instances
    known = read_classes(film.path).get(film.name, [])
    radiograph = replace(film.radiograph(), film=film.name)
    return Case(radiograph, flaws, classes=classes_of(flaws, known) if known else {})
