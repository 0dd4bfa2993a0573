"""What is labelled in each film, and what hinders a training with them, said before it starts.

It follows the form and the brush, so it looks at masks alone; what a training refuses for its films, it
refuses by the training's own check.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_weld_fcn.dataset.films import check
from napari_weld_fcn.dataset.labels import count
from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.dataset.splits import split
from napari_weld_fcn.dataset.store import is_dataset, read_dataset
from napari_weld_fcn.errors import DatasetError, RadiographError, WeldFcnError
from napari_weld_fcn.events import ShouldStop, never
from napari_weld_fcn.radiograph.gdxray import open_series
from napari_weld_fcn.viewer.labelled import Group, LabelledLayer, together, until_stopped

NO_FILM = "There is no film to train with: open an image, label it, and choose both in a row."


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
    """

    rows: tuple[tuple[str, bool], ...]
    fault: str
    notes: tuple[str, ...]


def survey(rows: Sequence[LabelledLayer | str], should_stop: ShouldStop = never) -> Surveyed:
    """Say what is labelled in each row, and what hinders a start; pixels are not looked at.

    Parameters
    ----------
    rows
        A film's layers, or why they could not be taken.

    Raises
    ------
    Stopped
        If `should_stop` said so.
    """
    looked = [_looked_at(row, should_stop) for row in rows]
    said = tuple(
        (each if isinstance(each, str) else in_words(each), isinstance(each, str)) for each in looked
    )
    faults = [each for each in looked if isinstance(each, str)]
    if faults or not rows:
        return Surveyed(said, faults[0] if faults else NO_FILM, ())
    try:
        taken = together([each for each in looked if isinstance(each, Group)])
        return Surveyed(said, "", tuple(check(taken.films, taken.split)))
    except WeldFcnError as fault:
        return Surveyed(said, str(fault), ())


def survey_folder(path: Path) -> Surveyed:
    """Say what a dataset folder, or a GDXray series, would give, as far as it is listed.

    Raises
    ------
    DatasetError
        If it is neither, or cannot be trained with.
    """
    if not is_dataset(path):
        return Surveyed((), "", (_series_in_words(path),))
    places = read_dataset(path).places()
    note = split(places, SplitSettings()).note
    flaw = sum(place.flaw_pixels for place in places)
    films = len({place.film for place in places})
    said = f"{len(places)} crops of {films} film{'s' * (films != 1)}, {_many(flaw)} px of flaw."
    return Surveyed((), "", tuple(filter(None, (said, note))))


def _series_in_words(path: Path) -> str:
    try:
        series = open_series(path)
    except RadiographError as fault:
        raise DatasetError(f"{path}: is neither a dataset nor a GDXray series ({fault})") from fault
    with_mask = sum(film.has_mask for film in series)
    if series.is_mask or not with_mask:
        raise DatasetError(f"{path}: is no series of films with masks.")
    return f"{with_mask} films with masks; the program chooses which of them validate."


def in_words(group: Group) -> str:
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


def _looked_at(row: LabelledLayer | str, should_stop: ShouldStop) -> Group | str:
    """What a row holds, or why it cannot be trained with."""
    if isinstance(row, str):
        return row
    try:
        return Group(row, until_stopped(row.sketches(), should_stop))
    except WeldFcnError as fault:
        return str(fault)


def _many(pixels: int) -> str:
    return f"{pixels:,}".replace(",", "\u202f")
