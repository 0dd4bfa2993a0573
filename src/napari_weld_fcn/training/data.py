"""Opening what a run learns from: crops of a dataset, whole films with their masks, or films without labels.

What came from memory is copied into the run's folder, as a dataset folder, so that the run can be resumed
when the window in which it was labelled is long closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from napari_weld_fcn.dataset.films import LabelledFilm
from napari_weld_fcn.dataset.pair import Pair, mask_of
from napari_weld_fcn.dataset.store import Dataset, holds_films, labelled_films, open_truth, read_dataset
from napari_weld_fcn.errors import DatasetError, RadiographError
from napari_weld_fcn.events import ALONE, JobControl, Message
from napari_weld_fcn.radiograph.gdxray.series import GDXraySeries
from napari_weld_fcn.training.clean_films import CleanFilms, CleanKind
from napari_weld_fcn.training.crop_material import Crops
from napari_weld_fcn.training.film_material import Films, Unlabelled
from napari_weld_fcn.training.material import Kind, Material
from napari_weld_fcn.training.sources import pairs_of

#: Whatever a run can learn from: a dataset folder or a GDXray series, pairs, labelled films, or clean ones.
Data = str | Path | Sequence[Pair] | Sequence[LabelledFilm] | CleanFilms


def material_of(data: Data, job: JobControl = ALONE) -> Material:
    """Open what is to be learned from.

    Raises
    ------
    DatasetError
        If there is nothing, or a folder is neither a dataset nor a GDXray series with masks.
    """
    if isinstance(data, CleanFilms):
        return Unlabelled(data.films, kind=data.kind)
    if isinstance(data, str | Path):
        path = Path(data)
        return _of_path(path, job)
    if len(data) and isinstance(data[0], LabelledFilm):
        return Films(tuple(cast(Sequence[LabelledFilm], data)))
    return Crops(pairs_of(cast(Sequence[Pair], data)))


def saved_material(folder: Path, kind: Kind) -> Material:
    """Open what `Material.save` wrote."""
    pairs = read_dataset(folder)
    if kind == "crops":
        return Crops(pairs, by_pixels=True)
    films = tuple(labelled_films(pairs))
    return Films(films) if kind == "films" else Unlabelled(films, kind=kind)


def clean_films(folder: Path, kind: CleanKind) -> CleanFilms:
    """Open films without labels that `Material.save` wrote."""
    return CleanFilms(tuple(labelled_films(read_dataset(folder))), kind)


def _of_path(path: Path, job: JobControl) -> Material:
    """The crops or films of a dataset folder, or the films of a GDXray series."""
    try:
        truth = open_truth(path)
        if not isinstance(truth, Dataset):
            return _series(path, truth, job)
    except RadiographError as fault:
        raise DatasetError(str(fault)) from fault
    for caution in truth.cautions():
        job.tell(Message(caution))
    if holds_films(truth):
        return Films(tuple(labelled_films(truth)), str(path.absolute()))
    return Crops(pairs_of(truth))


def _series(path: Path, series: GDXraySeries, job: JobControl) -> Films:
    """The films of a GDXray series that have masks."""
    if series.is_mask:
        raise DatasetError(f"{path}: holds masks only; give the series of their films.")
    for problem in series.problems:
        job.tell(Message(problem))
    without = [film.name for film in series if not film.has_mask]
    if without:
        job.tell(Message(f"{len(without)} films have no mask and are left out, {without[0]} the first."))
    found = []
    for film in series:
        mask = film.mask()
        if mask is not None:
            found.append(LabelledFilm(film.radiograph(), mask_of(mask)))
    if not found:
        raise DatasetError(f"{path}: none of its films has a mask.")
    return Films(tuple(found), str(path.absolute()))
