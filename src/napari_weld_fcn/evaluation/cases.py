"""What is scored, brought to one form: a radiograph, its truth, and what is known of each flaw.

A crop is seen by its film's normalisation, as it would be within its film; what lies beyond its edge the
network cannot see, so crops score a little lower near their edges than films do. Where a mask is *ignored*,
nothing is marked and nothing is missed. Flaws are told apart by their numbers where the truth has numbers,
else each connected part (edges or corners touch) of one value is one: touching flaws of two classes are two.

Which kind each flaw of a simulated series is, from the `flaws.csv` beside its films.

The masks of a series tell flaw from background and no more. The table has each flaw's centre and length, so a
connected part is of the kind of the flaw whose centre lies on it, else of the nearest flaw within half its
length (a bent flaw's centre lies beside it, and a broken one has parts). Other parts stay without a class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.dataset.pair import FLAW, IGNORED, Pair
from napari_weld_fcn.dataset.spreadsheet import TABLE_FAULTS, read_sheet
from napari_weld_fcn.dataset.store import WINDOW, Dataset
from napari_weld_fcn.errors import DatasetError, RadiographError
from napari_weld_fcn.prediction.indications import ALL_PEAKS, label, measure_indications
from napari_weld_fcn.radiograph.gdxray.film import GDXrayFilm
from napari_weld_fcn.radiograph.gdxray.series import GDXraySeries
from napari_weld_fcn.radiograph.labels import whole_numbers
from napari_weld_fcn.radiograph.normalisation import Normalisation
from napari_weld_fcn.radiograph.polarity import FlawsAre
from napari_weld_fcn.radiograph.radiograph import Radiograph
from napari_weld_fcn.radiograph.simulation.film import SimulatedFilm

#: A map of classes has no more of them; more numbers are those of single flaws.
MOST_CLASSES = 16


@dataclass(frozen=True)
class Marks:
    """What was marked on a film already.

    Attributes
    ----------
    values
        ``(rows, columns)``: probabilities in [0, 1] if they are floating, else integers, 0 background and n
        the indication of that number; of a mask of one value each connected part is an indication.
    threshold, min_size_px, peak_odds
        With which it was marked; they hold where the settings leave them open.
    """

    values: NDArray[Any]
    threshold: float = 0.5
    min_size_px: float = 0.0
    peak_odds: float = ALL_PEAKS

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
    polarity
        Of the flaws of the film that a crop was cut from; None decides it on the radiograph.
    classes
        What is known of the flaws, by number.
    marks
        For `compare`; a model makes its own.
    """

    radiograph: Radiograph
    instances: NDArray[Any]
    ignored: NDArray[np.bool_] | None = None
    normalisation: Normalisation | None = None
    polarity: FlawsAre | None = None
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
    """Return flaws by number.

    Parameters
    ----------
    mask
        ``(rows, columns)`` bool or integers, 0 background.

    Returns
    -------
    ndarray
        The connected parts of a mask that has but one value, and of each value of a map of classes: a few
        values of which one at least has several parts. Else `mask`, whose numbers are those of its flaws.
    """
    values = np.unique(mask[mask != 0]) if mask.dtype != np.bool_ else np.ones(1)
    if len(values) > MOST_CLASSES:
        return mask
    parts = [label((mask == value).astype(np.float32), 0.5) for value in values]
    if len(values) > 1 and all(part.max(initial=0) == 1 for part in parts):
        return mask
    flaws, count = np.zeros(mask.shape, np.int32), 0
    for part in parts:
        flaws[part > 0] = part[part > 0] + count
        count += int(part.max(initial=0))
    return flaws


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
    """A pair of a folder; without a table it is a film of its own, and its mask tells the flaws apart."""
    row = dataset.rows[index]
    case = None if row.variant else _of_pair(dataset[index])
    if case is None or row.normalisation is not None:
        return case
    whole = max(case.instances.shape) > WINDOW
    return replace(
        case,
        instances=numbered(dataset.labels(index)),
        normalisation=None if whole else case.normalisation,
    )


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
    return Case(radiograph, numbered(whole_numbers(np.asarray(mask), f"{radiograph.name}: its mask")))


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
        polarity=pair.polarity,
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


TABLE = "flaws.csv"
_COLUMNS = ("image", "name", "visible", "iso6520", "row", "column", "length_px")
#: Centres this near are one however short the flaw is, pixels; the table rounds to four digits.
_NEAR_PX = 2.0


@dataclass(frozen=True)
class FlawClass:
    """Number after ISO 6520-1 and its name; 0 where it is not known."""

    iso6520: int = 0
    name: str = "not classified"


UNKNOWN = FlawClass()


@dataclass(frozen=True)
class KnownFlaw:
    """A visible flaw of the table: its class, its centre (pixels from 0) and its length (pixels)."""

    kind: FlawClass
    row: float
    column: float
    length_px: float


def read_classes(film: Path) -> dict[str, list[KnownFlaw]]:
    """Read the visible flaws by film, from the table beside `film`; empty where there is none.

    Raises
    ------
    RadiographError
        If the table is not as `simulate` writes it.
    """
    path = film.with_name(TABLE)
    if not path.is_file():
        return {}
    found: dict[str, list[KnownFlaw]] = {}
    try:
        for _, row in read_sheet(path, _COLUMNS, texts=("image", "name")).lines:
            image, name, visible, iso6520, *figures = (str(row[column]) for column in _COLUMNS)
            if visible.title() == "True":
                flaw = KnownFlaw(FlawClass(int(iso6520), name), *map(float, figures))
                found.setdefault(image, []).append(flaw)
    except (KeyError, ValueError, *TABLE_FAULTS) as fault:
        raise RadiographError(f"{path}: is no table of flaws as simulate writes it ({fault}).") from fault
    return found


def classes_of(instances: NDArray[Any], flaws: Sequence[KnownFlaw]) -> dict[int, FlawClass]:
    """Give the regions of `instances`, ``(rows, columns)``, the classes of the flaws they show, by number."""
    if not flaws:
        return {}
    rows, columns = instances.shape
    found: dict[int, FlawClass] = {}
    for flaw in flaws:
        row, column = min(max(round(flaw.row), 0), rows - 1), min(max(round(flaw.column), 0), columns - 1)
        if number := int(instances[row, column]):
            found.setdefault(number, flaw.kind)
    centres = np.array([(flaw.row, flaw.column) for flaw in flaws])
    reach = np.array([max(flaw.length_px / 2, _NEAR_PX) for flaw in flaws])
    table = measure_indications(instances, np.zeros(instances.shape, np.float32))
    for number, row, column in zip(table["label"].tolist(), table["row"], table["column"], strict=True):
        distances = np.hypot(row - centres[:, 0], column - centres[:, 1])
        nearest = int(np.argmin(np.where(distances <= reach, distances, np.inf)))
        if distances[nearest] <= reach[nearest]:
            found.setdefault(number, flaws[nearest].kind)
    return found
