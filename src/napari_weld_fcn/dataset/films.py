"""Films with their masks, as a person labels them, and which of them validate.

Films are not cut up: windows are drawn from them while a network is trained, and it is scored on whole ones.
What cannot be trained with (no flaw, no background, a mask of another size) is told here, before anything
begins. A film that alone has flaws is cut in two parts with a gap between them; both stay the whole film, in
whose mask the other part and the gap are ignored, so that it is seen and normalised as in use.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from napari_weld_fcn.dataset.pair import FLAW, IGNORED, Mask, count
from napari_weld_fcn.dataset.places import Place, cut_in_two
from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.dataset.splits import split_places as split_of
from napari_weld_fcn.dataset.writing import other_values
from napari_weld_fcn.errors import DatasetError
from napari_weld_fcn.radiograph.radiograph import Radiograph

#: A film that is alone is cut between tiles; so many lie along its labelled part.
_TILES = 64
#: The gap takes no more of the labelled part than this.
_GAP_SHARE = 1 / 8


@dataclass(frozen=True, eq=False)
class LabelledFilm:
    """A film and its mask.

    Attributes
    ----------
    radiograph
        One plane; its `film` says which films are the same one.
    mask
        ``(rows, columns)`` uint8 with the values of `dataset.pair`; `dataset.labels.mask_of` makes it.

    Raises
    ------
    DatasetError
        If the radiograph is a stack, or the mask has another size or other values.
    """

    radiograph: Radiograph
    mask: Mask

    def __post_init__(self) -> None:
        shape, name = self.radiograph.pixels.shape, self.radiograph.name
        if len(shape) != 2:
            raise DatasetError(f"{name}: is a stack of {shape[0]} planes; give each with its own labels.")
        if self.mask.shape != shape:
            raise DatasetError(
                f"{name}: its labels are {_size(self.mask.shape)} pixels, but it is {_size(shape)}."
            )
        if self.mask.dtype != np.uint8 or other_values(self.mask):
            raise DatasetError(f"{name}: its mask has values other than 0, {IGNORED} and {FLAW}.")

    @property
    def film(self) -> str:
        """Identifies the film; splits are by film."""
        return self.radiograph.film


@dataclass(frozen=True)
class Part:
    """A rectangle of the film at `position` in a list of films."""

    position: int
    row: int
    column: int
    rows: int
    columns: int

    def of(self, films: Sequence[LabelledFilm]) -> LabelledFilm:
        """Return the film, `IGNORED` outside this part."""
        film = films[self.position]
        mask = np.full_like(film.mask, IGNORED)
        inside = (
            slice(self.row, self.row + self.rows),
            slice(self.column, self.column + self.columns),
        )
        mask[inside] = film.mask[inside]
        return replace(film, mask=mask)


@dataclass(frozen=True)
class FilmSplit:
    """Which films, or parts of one, train and which validate; `note` says so in a sentence."""

    training: tuple[Part, ...]
    validation: tuple[Part, ...]
    note: str = ""

    @property
    def cuts_a_film(self) -> bool:
        """Whether parts of one film are on both sides."""
        return bool({part.position for part in self.training} & {part.position for part in self.validation})

    def whole(self, films: Sequence[LabelledFilm]) -> FilmSplit:
        """Return the split whose training has all of the films that this one cuts too."""
        positions = dict.fromkeys(part.position for part in self.training)
        return replace(self, training=tuple(_whole(films, position) for position in positions))

    def to_json(self) -> str:
        """Return the text of `splits.json`."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @staticmethod
    def from_json(text: str, source: str = "splits.json") -> FilmSplit:
        """Read what `to_json` wrote; DatasetError, which names `source`, where it is damaged."""
        try:
            given = json.loads(text)
            training, validation = (
                tuple(Part(**part) for part in given[side]) for side in ("training", "validation")
            )
            return FilmSplit(training, validation, str(given["note"]))
        except (ValueError, TypeError, KeyError, RecursionError) as fault:
            raise DatasetError(f"{source}: is no split of films ({fault}).") from fault


def split_films(films: Sequence[LabelledFilm], settings: SplitSettings = SplitSettings()) -> FilmSplit:
    """Split films into training and validation.

    Parameters
    ----------
    films
        Any number of them.
    settings
        As for `dataset.splits.split`; where it goes by ratio and one film alone has flaws, that film is cut
        in two, and what else there is trains.

    Returns
    -------
    FilmSplit
        Both sides have flaws and background.

    Raises
    ------
    DatasetError
        If there is no film, no flaw or no background, for either side.
    SettingsError
        If a film is named that is not there, or a fold asked for that is not there.
    """
    _check_labels(films)
    places = [_place(film) for film in films]
    flawed = {place.film for place in places if place.flaw_pixels}
    if settings.kind == "ratio" and len(flawed) == 1:
        found = _cut(films, settings)
    else:
        sides = split_of(places, settings)
        training, validation = (
            tuple(_whole(films, position) for position in side) for side in (sides.training, sides.validation)
        )
        found = FilmSplit(training, validation, _note(films, validation))
    _check_side("training", [part.of(films) for part in found.training])
    _check_side("validation", [part.of(films) for part in found.validation])
    return found


def _check_labels(films: Sequence[LabelledFilm]) -> None:
    if not films:
        raise DatasetError("There are no films to train with.")
    counts = [count(film.mask) for film in films]
    if not any(each.flaw for each in counts):
        raise DatasetError("No flaw is labelled: there is nothing to learn from and nothing to score.")
    if not any(each.background for each in counts):
        raise DatasetError(
            "No background is labelled: everything would be learned to be a flaw. In sparse labels 1 is "
            "background."
        )


def _check_side(side: str, films: Sequence[LabelledFilm]) -> None:
    counts = [count(film.mask) for film in films]
    for kind in ("flaw", "background"):
        if not any(getattr(each, kind) for each in counts):
            names = ", ".join(dict.fromkeys(film.film for film in films))
            raise DatasetError(f"The {side} ({names}) would have no {kind}: label some there.")


def _place(film: LabelledFilm) -> Place:
    rows, columns = film.mask.shape
    return Place(film.film, 0, 0, rows, columns, count(film.mask).flaw)


def _whole(films: Sequence[LabelledFilm], position: int) -> Part:
    rows, columns = films[position].mask.shape
    return Part(position, 0, 0, rows, columns)


def _note(films: Sequence[LabelledFilm], validation: Sequence[Part]) -> str:
    names = dict.fromkeys(films[part.position].film for part in validation)
    return f"{', '.join(names)} validate{'s' * (len(names) == 1)}; the score is that of whole films."


def _cut(films: Sequence[LabelledFilm], settings: SplitSettings) -> FilmSplit:
    """Cut the film that has the flaws; what else there is trains."""
    with_flaws = [position for position, film in enumerate(films) if count(film.mask).flaw]
    if len(with_flaws) > 1:
        raise DatasetError(
            f"All flaws are on one film, {films[with_flaws[0]].film}, of which there are {len(with_flaws)} "
            "images; label flaws on another film."
        )
    (position,) = with_flaws
    film = films[position]
    tiles = _tiles(film)
    try:
        sides = cut_in_two(tiles, settings, _GAP_SHARE)
    except DatasetError as fault:
        raise DatasetError(
            f"{film.film} alone has flaws and cannot be cut in two parts that both have some; label more "
            "flaws, or another film."
        ) from fault
    training, validation = (
        _around(position, [tiles[i] for i in side]) for side in (sides.training, sides.validation)
    )
    others = tuple(_whole(films, other) for other in range(len(films)) if other != position)
    along = "columns" if training.row == validation.row else "rows"
    first = validation.column if along == "columns" else validation.row
    last = first + getattr(validation, along) - 1
    gap = _between(training, validation, along)
    note = (
        f"{film.film} alone has flaws and was cut in two: {along} {first} to {last} validate, a gap of {gap} "
        "pixels takes no part, and the score holds for this film only."
    )
    return FilmSplit((training, *others), (validation,), note)


def _between(one: Part, other: Part, along: str) -> int:
    """Pixels that lie between two parts."""
    start = along.removesuffix("s")
    first, second = sorted((one, other), key=lambda part: int(getattr(part, start)))
    return int(getattr(second, start) - getattr(first, start) - getattr(first, along))


def _tiles(film: LabelledFilm) -> list[Place]:
    """Tiles over the labelled part that have labels."""
    labelled = film.mask != IGNORED
    spans = [np.flatnonzero(labelled.any(axis=axis)) for axis in (1, 0)]
    edge = max(1, max(int(span[-1] - span[0]) + 1 for span in spans) // _TILES)
    tiles = []
    for row in range(int(spans[0][0]), int(spans[0][-1]) + 1, edge):
        for column in range(int(spans[1][0]), int(spans[1][-1]) + 1, edge):
            part = film.mask[row : row + edge, column : column + edge]
            counted = count(part)
            if counted.flaw or counted.background:
                tiles.append(Place(film.film, row, column, *_shape(part), counted.flaw))
    return tiles


def _around(position: int, tiles: Sequence[Place]) -> Part:
    row, column = min(tile.row for tile in tiles), min(tile.column for tile in tiles)
    below, right = (
        max(tile.row + tile.rows for tile in tiles),
        max(tile.column + tile.columns for tile in tiles),
    )
    return Part(position, row, column, below - row, right - column)


def _shape(array: np.ndarray[Any, Any]) -> tuple[int, int]:
    rows, columns = array.shape
    return rows, columns


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(str(edge) for edge in reversed(shape))
