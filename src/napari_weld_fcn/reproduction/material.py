"""From films to crops to pairs: what an experiment trains and tests on, as dataset folders.

`--simulated` makes ten films in GDXray's layout, `--gdxray` takes the real ones; from there on both are the
same. Nothing is taken of a film whose mask is missing: it could be neither trained nor tested on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_weld_fcn.dataset.augmentation import augment
from napari_weld_fcn.dataset.crops import crop
from napari_weld_fcn.dataset.pair import Pair
from napari_weld_fcn.dataset.places import Place
from napari_weld_fcn.dataset.settings import CropSettings, SplitSettings
from napari_weld_fcn.dataset.store import Dataset, read_dataset, write_dataset
from napari_weld_fcn.dataset.table import Row
from napari_weld_fcn.errors import RadiographError, SettingsError
from napari_weld_fcn.events import Event, JobControl, Message
from napari_weld_fcn.radiograph.gdxray.film import GDXrayFilm
from napari_weld_fcn.radiograph.gdxray.folders import list_series
from napari_weld_fcn.radiograph.gdxray.series import open_series
from napari_weld_fcn.radiograph.simulation.film import simulate_series, write_simulated
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.reproduction.plan import BY_FILM, Division, Training, divisions, films_at
from napari_weld_fcn.reproduction.settings import ReproductionSettings
from napari_weld_fcn.training.settings import PRESETS

#: The series of the welds that have masks.
WELDS = "W0001"
#: Training, validation and test need films of their own.
FEWEST_FILMS = 3
#: Seed of the simulated films and of the variants.
SEED = 0
#: What the sides of random crops are called in place of their films, which are on both.
_TRAINING, _VALIDATION = "training crops", "validation crops"


def make_films(folder: Path, simulation: SimulationSettings, films: int, job: JobControl) -> dict[str, Any]:
    """Write the simulated films."""
    made = simulate_series(simulation, films, SEED)
    written = write_simulated(made, folder, total=films, job=job)
    return {"films": len(written), "rows": simulation.rows, "columns": simulation.columns, "seed": SEED}


def weld_films(root: Path) -> list[GDXrayFilm]:
    """Return the films of W0001 that have a mask, without reading their pixels.

    Parameters
    ----------
    root
        The GDXray, its group of welds, or the series itself.

    Raises
    ------
    RadiographError
        If there is no such folder, no W0001 in it, or no film of it can be opened.
    SettingsError
        If fewer than three films have masks.
    """
    series = next((folder for folder in list_series(root) if folder.name == WELDS), None)
    if series is None:
        raise RadiographError(f"{root}: holds no series {WELDS}; give the folder of GDXray or of its welds.")
    films = [film for film in open_series(series) if film.has_mask]
    if len(films) < FEWEST_FILMS:
        raise SettingsError(
            f"{series.path}: {len(films)} of its films have masks, but {FEWEST_FILMS} are needed at least; "
            "the masks are the series W0002, beside it."
        )
    return films


def cut_crops(root: Path, folder: Path, settings: CropSettings, job: JobControl) -> dict[str, Any]:
    """Cut the paper's crops out of all films and write them."""
    films = weld_films(root)

    def crops() -> Iterator[Pair]:
        for film in films:
            yield from crop(film.radiograph(), film.mask(), settings, job=_named(film.name, job))

    total = len(films) * (settings.crops_per_film or 0)
    written = write_dataset(crops(), folder, total=total, job=job)
    places = read_dataset(folder).places()
    flaw = sum(place.flaw_pixels for place in places)
    return {
        "films": len(films),
        "crops": written,
        "with_flaw": sum(place.flaw_pixels > 0 for place in places),
        "flaw_share": flaw / sum(place.rows * place.columns for place in places),
        "size": settings.size,
    }


def make_pairs(crops: Path, folder: Path, settings: ReproductionSettings, job: JobControl) -> dict[str, Any]:
    """Vary the crops by the paper's four transforms and write all pairs."""
    dataset = read_dataset(crops)
    total = settings.pairs(len(dataset))
    varied = augment(dataset, PRESETS["paper"].augmentation, total=total, seed=SEED)
    written = write_dataset(varied, folder, total=total, job=job)
    return {"pairs": written, "seed": SEED}


def _named(film: str, job: JobControl) -> JobControl:
    def listen(event: Event) -> None:
        job.tell(Message(f"{film}: {event.text}") if isinstance(event, Message) else event)

    return job.heard_by(listen)


@dataclass(frozen=True)
class Material:
    """The crops of the films and their pairs.

    Attributes
    ----------
    crops
        The dataset of crops.
    pairs
        The dataset of crops and variants, made of them.
    places
        Of the crops.
    """

    crops: Dataset
    pairs: Dataset
    places: tuple[Place, ...]

    @classmethod
    def read(cls, crops: Path, pairs: Path) -> Material:
        """Open the two dataset folders."""
        dataset = read_dataset(crops)
        return cls(dataset, read_dataset(pairs), tuple(dataset.places()))

    def division(self, training: Training) -> Division:
        """Which crops a training trains on, validates on and is tested on."""
        return divisions(training.protocol, self.places, training.seed)[0]

    def learned(self, training: Training) -> tuple[Dataset, SplitSettings]:
        """The pairs that are trained and validated on, and the split of these.

        Variants of what validates are left out, and so is all that is tested on. `train` divides by film and
        by nothing else; at random, the two sides stand in the place of films.
        """
        division = self.division(training)
        trained, validating = (self._keys(side) for side in (division.training, division.validation))
        rows = [
            row
            for row in self.pairs.rows
            if _key(row) in trained or (_key(row) in validating and not row.variant)
        ]
        if training.protocol == BY_FILM:
            held = tuple(sorted(films_at(self.places, division.validation)))
        else:
            held = (_VALIDATION,)
            rows = [replace(row, film=_TRAINING if _key(row) in trained else _VALIDATION) for row in rows]
        return Dataset(self.pairs.folder, tuple(rows)), SplitSettings(kind="films", films=held)

    def tested(self, positions: Sequence[int]) -> Dataset:
        """The crops at some positions."""
        return Dataset(self.crops.folder, tuple(self.crops.rows[i] for i in positions))

    def _keys(self, positions: Sequence[int]) -> set[tuple[str, int, int]]:
        return {_key(self.crops.rows[i]) for i in positions}


def _key(row: Row) -> tuple[str, int, int]:
    return row.film, row.row, row.column
