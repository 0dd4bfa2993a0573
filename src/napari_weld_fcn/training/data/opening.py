"""Opening what a run learns from: crops of a dataset, whole films with their masks, or films without labels.

What came from memory is copied into the run's folder, as a dataset folder, so that the run can be resumed
when the window in which it was labelled is long closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from napari_weld_fcn.dataset.films import FilmSplit, LabelledFilm
from napari_weld_fcn.dataset.pair import BACKGROUND, Pair, mask_of
from napari_weld_fcn.dataset.places import Split
from napari_weld_fcn.dataset.store import Dataset, holds_films, labelled_films, open_truth, read_dataset
from napari_weld_fcn.errors import DatasetError, RadiographError
from napari_weld_fcn.events import ALONE, JobControl, Message
from napari_weld_fcn.radiograph.gdxray.series import GDXraySeries
from napari_weld_fcn.training.data.crops import Crops, pairs_of, places_of
from napari_weld_fcn.training.data.films import Films, Unlabelled
from napari_weld_fcn.training.data.sampling import Kind, TrainingData
from napari_weld_fcn.training.simulated.clean_films import (
    CleanFilms,
    CleanKind,
    check_apart,
    check_names_apart,
    check_size,
    check_start,
)

#: Whatever a run can learn from: a dataset folder or a GDXray series, pairs, labelled films, or clean ones.
Data = str | Path | Sequence[Pair] | Sequence[LabelledFilm] | CleanFilms


def open_data(data: Data, job: JobControl = ALONE) -> TrainingData:
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


def saved_data(folder: Path, kind: Kind) -> TrainingData:
    """Open what `TrainingData.save` wrote."""
    pairs = read_dataset(folder)
    if kind == "crops":
        return Crops(pairs, by_pixels=True)
    films = tuple(labelled_films(pairs))
    return Films(films) if kind == "films" else Unlabelled(films, kind=kind)


def saved_clean_films(folder: Path, kind: CleanKind) -> CleanFilms:
    """Open films without labels that `TrainingData.save` wrote."""
    return CleanFilms(tuple(labelled_films(read_dataset(folder))), kind)


def _of_path(path: Path, job: JobControl) -> TrainingData:
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


def check_clean(
    data: TrainingData, split: Split | FilmSplit, clean: CleanFilms | None, *, from_model: bool
) -> None:
    """Refuse films without labels that could not teach.

    Parameters
    ----------
    data, split
        What is learned from, and what of it validates; perhaps films without labels themselves.
    clean
        Those that are mixed in.
    from_model
        Whether a model is trained further.

    Raises
    ------
    SettingsError
        If they need a model.
    DatasetError
        If one is too small, has flaws labelled where it is said to have none, or validates.
    """
    if isinstance(data, Unlabelled):
        assert isinstance(split, FilmSplit)
        check_start(data.clean.kind, alone=True, from_model=from_model)
        for part in (*split.training, *split.validation):
            _check_size(part.of(data.films))
    if clean is None:
        return
    check_start(clean.kind, alone=False, from_model=from_model)
    for film in clean.films:
        _check_size(film)
    if isinstance(data, Films):
        assert isinstance(split, FilmSplit)
        check_apart(data.films, split, clean)
    elif isinstance(data, Crops):
        places = places_of(data.pairs)
        check_names_apart({places[position].film for position in cast(Split, split).validation}, clean)


def _check_size(film: LabelledFilm) -> None:
    check_size(film.radiograph.name, film.mask == BACKGROUND)
