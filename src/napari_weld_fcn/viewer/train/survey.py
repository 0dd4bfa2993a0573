"""What is labelled in each film, and what hinders a training with them, said before it starts.

It follows the form and the brush, so it looks at masks alone; what a training refuses for its films, it
refuses by the training's own check.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_weld_fcn.dataset.films import FilmSplit, LabelledFilm, split_films
from napari_weld_fcn.dataset.pair import BACKGROUND, count
from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.dataset.splits import split_places
from napari_weld_fcn.dataset.store import holds_films, is_dataset, labelled_films, read_dataset
from napari_weld_fcn.errors import DatasetError, RadiographError, WeldFcnError
from napari_weld_fcn.events import ALONE, JobControl
from napari_weld_fcn.radiograph.gdxray.series import open_series
from napari_weld_fcn.training.refit import first_share, refits_on_all
from napari_weld_fcn.training.refit import told as two_learnings
from napari_weld_fcn.training.settings import TrainSettings
from napari_weld_fcn.training.simulated.clean_films import (
    CleanFilms,
    CleanKind,
    check_apart,
    check_size,
    check_start,
)
from napari_weld_fcn.viewer.train.labelled import Group, LabelledLayer, Taken, together, until_stopped

NO_FILM = "There is no film to train with: open an image, label it, and choose both in a row."
NO_KNOWN = "There is no film without labels: open an image and add it, or add files."


@dataclass(frozen=True)
class Known:
    """What the form says of films without labels.

    Attributes
    ----------
    kind
        Whether they are free of flaws.
    rows
        A film's layer, or why it could not be taken.
    files
        Image files, which are read when it starts.
    from_model
        Whether a model is trained further.
    """

    kind: CleanKind = "clean"
    rows: Sequence[LabelledLayer | str] = ()
    files: Sequence[Path] = ()
    from_model: bool = False

    def __bool__(self) -> bool:
        return bool(self.rows or self.files)


@dataclass(frozen=True)
class Surveyed:
    """What was found before a start.

    Attributes
    ----------
    rows
        A sentence for each row, and whether it hinders.
    fault
        What hinders the start; empty where nothing does.
    notes
        What will be done that a user ought to know.
    known
        As `rows`, of films without labels.
    """

    rows: tuple[tuple[str, bool], ...] = ()
    fault: str = ""
    notes: tuple[str, ...] = ()
    known: tuple[tuple[str, bool], ...] = ()


def survey(
    rows: Sequence[LabelledLayer | str],
    known: Known = Known(),
    job: JobControl = ALONE,
    settings: TrainSettings | None = None,
) -> Surveyed:
    """Say what is labelled in each row, and what hinders a start; pixels are not looked at.

    Parameters
    ----------
    rows
        A film's layers, or why they could not be taken.
    known
        What is mixed in without labels.
    settings
        Of the training; where they are given it is said how its time is shared.

    Raises
    ------
    Stopped
        If the job was stopped.
    """
    found, beside = _Looked.at(rows, job), _Looked.at(known.rows, job)

    def told() -> tuple[str, ...]:
        taken = found.taken(NO_FILM)
        divided = split_films(taken.films, taken.split)
        shared = ""
        if settings is not None and refits_on_all(settings, divided):
            share = first_share(from_model=known.from_model)
            shared = two_learnings(settings, share, from_model=known.from_model)
        return divided.note, shared, *_beside(known, beside, taken.films, divided)

    return _surveyed(found, beside, known.kind, told)


def survey_known(known: Known, job: JobControl = ALONE) -> Surveyed:
    """The same where films without labels are all that there is."""
    beside = _Looked.at(known.rows, job)

    def told() -> tuple[str, ...]:
        taken = beside.taken("" if known.files else NO_KNOWN)
        check_start(known.kind, alone=True, from_model=known.from_model)
        if known.files:
            return (_files(known),)
        return (CleanFilms(tuple(taken.films), known.kind).split(taken.split).note,)

    return _surveyed(_Looked(), beside, known.kind, told)


def _surveyed(
    found: _Looked, beside: _Looked, kind: CleanKind, told: Callable[[], tuple[str, ...]]
) -> Surveyed:
    fault = ""
    notes: tuple[str, ...] = ()
    try:
        notes = told()
    except WeldFcnError as error:
        fault = str(error)
    return Surveyed(
        found.said(labels_in_words), fault, tuple(filter(None, notes)), beside.said(_words_of(kind))
    )


def _beside(
    known: Known, beside: _Looked, films: Sequence[LabelledFilm], divided: FilmSplit | None
) -> tuple[str, ...]:
    """What is said of films that are mixed in."""
    if not known:
        return ()
    taken = beside.taken("")
    check_start(known.kind, alone=False, from_model=known.from_model)
    for film in taken.films:
        check_size(film.film, film.mask == BACKGROUND)
    if divided is not None:
        check_apart(films, divided, CleanFilms(tuple(taken.films), known.kind))
    number = len(taken.films)
    text = f"{number} film{'s' * (number != 1)} without labels {'is' if number == 1 else 'are'} mixed in."
    return (*((text,) if number else ()), *((_files(known),) if known.files else ()))


def _files(known: Known) -> str:
    number = len(known.files)
    return f"{number} file{'s' * (number != 1)} without labels, read when it starts."


@dataclass(frozen=True)
class _Looked:
    """What each row holds, or why it cannot be trained with."""

    rows: Sequence[Group | str] = ()

    @classmethod
    def at(cls, rows: Sequence[LabelledLayer | str], job: JobControl) -> _Looked:
        return cls([_looked_at(row, job) for row in rows])

    def said(self, words: Callable[[Group], str]) -> tuple[tuple[str, bool], ...]:
        return tuple((row, True) if isinstance(row, str) else (words(row), False) for row in self.rows)

    def taken(self, nothing: str) -> Taken:
        """All films; DatasetError with what hinders, or `nothing` where there is none and one is needed."""
        faults = [row for row in self.rows if isinstance(row, str)]
        if faults or (nothing and not self.rows):
            raise DatasetError(faults[0] if faults else nothing)
        return together([row for row in self.rows if isinstance(row, Group)])


def survey_folder(path: Path, known: Known = Known(), job: JobControl = ALONE) -> Surveyed:
    """Say what a dataset folder, or a GDXray series, would give, as far as it is listed.

    Parameters
    ----------
    path
        Of the folder.
    known
        What is mixed in without labels.

    Raises
    ------
    Stopped
        If the job was stopped.
    """
    beside = _Looked.at(known.rows, job)

    def told() -> tuple[str, ...]:
        return (*_folder_in_words(path), *_beside(known, beside, (), None))

    return _surveyed(_Looked(), beside, known.kind, told)


def _folder_in_words(path: Path) -> tuple[str, ...]:
    if not is_dataset(path):
        return (_series_in_words(path),)
    dataset = read_dataset(path)
    cautions = dataset.cautions()
    if holds_films(dataset):
        films = list(labelled_films(dataset))
        flaw = sum(count(film.mask).flaw for film in films)
        said = f"{len(films)} film{'s' * (len(films) != 1)}, {_many(flaw)} px of flaw."
        return (said, split_films(films, SplitSettings()).note, *cautions)
    places = dataset.places()
    note = split_places(places, SplitSettings()).note
    flaw = sum(place.flaw_pixels for place in places)
    names = len({place.film for place in places})
    said = f"{len(places)} crops of {names} film{'s' * (names != 1)}, {_many(flaw)} px of flaw."
    return (said, note, *cautions)


def _series_in_words(path: Path) -> str:
    try:
        series = open_series(path)
    except RadiographError as fault:
        raise DatasetError(f"{path}: is neither a dataset nor a GDXray series ({fault})") from fault
    with_mask = sum(film.has_mask for film in series)
    if series.is_mask or not with_mask:
        raise DatasetError(f"{path}: is no series of films with masks.")
    return f"{with_mask} films with masks; the program chooses which of them validate."


def labels_in_words(group: Group) -> str:
    """Say in a sentence what is labelled in the films of one layer."""
    counts = [count(film.mask) for _, film in group.films]
    flaw, background = (sum(getattr(each, kind) for each in counts) for kind in ("flaw", "background"))
    text = f"{_many(flaw)} px of flaw, {_many(background)} px of background"
    if len(counts) > 1:
        text = f"{len(counts)} films: {text}"
    clean = sum(not each.flaw for each in counts)
    if clean and flaw and group.layer.convention == "dense":
        text += f"; {clean} of them without a flaw, taken as free of flaws"
    return f"{text}."


def _words_of(kind: CleanKind) -> Callable[[Group], str]:
    """What is said of the films of one layer without labels."""

    def words(group: Group) -> str:
        pixels = sum(count(film.mask).background for _, film in group.films)
        text = f"{_many(pixels)} px {'free of flaws' if kind == 'clean' else 'without labels'}."
        return f"{len(group.films)} films: {text}" if len(group.films) > 1 else text

    return words


def _looked_at(row: LabelledLayer | str, job: JobControl) -> Group | str:
    """What a row holds, or why it cannot be trained with."""
    if isinstance(row, str):
        return row
    try:
        return Group(row, until_stopped(row.sketches(), job))
    except WeldFcnError as fault:
        return str(fault)


def _many(pixels: int) -> str:
    return f"{pixels:,}".replace(",", "\u202f")
