"""Films without labels as a value: what is known of them, and which of them are held out.

Known is where a film was looked at; nothing there is a flaw, or nobody says what is. A film that is shown as
clean and scored as well would praise the network for what it was shown, so the two are held apart here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.dataset.films import FilmSplit, LabelledFilm, Part
from napari_weld_fcn.dataset.pair import BACKGROUND, FLAW, IGNORED, Pair
from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.errors import DatasetError, SettingsError
from napari_weld_fcn.radiograph.radiograph import Radiograph

#: The smallest film that teaches, pixels across.
SMALLEST = 48

CleanKind = Literal["clean", "unlabelled"]


@dataclass(frozen=True)
class CleanFilms:
    """Films that teach without labels.

    Attributes
    ----------
    films
        Their masks are `BACKGROUND` where a film was looked at, and `IGNORED` elsewhere.
    kind
        Whether they are known to be free of flaws there (``clean``), or not (``unlabelled``): then what the
        model marks already is ignored.
    """

    films: tuple[LabelledFilm, ...]
    kind: CleanKind = "clean"

    @classmethod
    def of(
        cls,
        films: Sequence[Radiograph],
        kind: CleanKind = "clean",
        known: Sequence[NDArray[np.bool_] | None] | None = None,
    ) -> CleanFilms:
        """Take films, each plane of a stack for itself.

        Parameters
        ----------
        films
            Any number of them, at least one.
        kind
            As above.
        known
            For each film, the ``(rows, columns)`` bool part of it that was looked at; None for all of it.

        Raises
        ------
        DatasetError
            If there is no film, or a part is not of its film's size.
        """
        parts = known or [None] * len(films)
        taken = []
        for film, part in zip(films, parts, strict=True):
            for plane in film.each_plane():
                pixels = np.asarray(plane.pixels)
                mask = np.full(pixels.shape, BACKGROUND, np.uint8)
                if part is not None:
                    mask = np.where(part, np.uint8(BACKGROUND), np.uint8(IGNORED))
                taken.append(LabelledFilm(replace(plane, pixels=pixels), mask))
        if not taken:
            raise DatasetError("There is no film to teach with.")
        return cls(tuple(taken), kind)

    def split(self, settings: SplitSettings) -> FilmSplit:
        """Hold out some films, those that are named, or a part of a film that is alone.

        Raises
        ------
        DatasetError
            If what is known of a film is too small, or that of a film that is alone to be cut in two; if a
            film is named that is not there, or none would be left to teach.
        """
        for film in self.films:
            check_size(film.film, film.mask == BACKGROUND)
        names = list(dict.fromkeys(film.film for film in self.films))
        if len(names) == 1:
            if settings.kind == "films":
                raise DatasetError(
                    f"{names[0]} is the only film without labels, so none can validate whole; name no film, "
                    "and it is cut in two, or give more films."
                )
            return self._cut(settings)
        held_out = set(settings.films) if settings.kind == "films" else self._drawn(names, settings)
        if missing := sorted(held_out - set(names)):
            raise DatasetError(f"There is no film {missing[0]}; there are {', '.join(names)}.")
        sides: dict[bool, list[Part]] = {False: [], True: []}
        for position, film in enumerate(self.films):
            sides[film.film in held_out].append(whole(self.films, position))
        if not all(sides.values()):
            raise DatasetError(f"Of the films {', '.join(names)} some must teach and some validate.")
        note = f"{', '.join(sorted(held_out))} validate{'s' * (len(held_out) == 1)}, with flaws put in."
        return FilmSplit(tuple(sides[False]), tuple(sides[True]), note)

    def _drawn(self, names: Sequence[str], settings: SplitSettings) -> set[str]:
        count = min(max(1, round(settings.validation_share * len(names))), len(names) - 1)
        order = np.random.default_rng([settings.seed, 0xC1EA]).permutation(len(names))
        return {names[int(index)] for index in order[:count]}

    def _cut(self, settings: SplitSettings) -> FilmSplit:
        """Cut every image of the film that is alone; the end of each validates."""
        pairs = [_cut_in_two(film, position, settings) for position, film in enumerate(self.films)]
        training, validation = (tuple(pair[side] for pair in pairs) for side in (0, 1))
        note = f"{self.films[0].film} is alone and was cut in two: its end validates, with flaws put in."
        return FilmSplit(training, validation, note)


@dataclass(frozen=True)
class MixedData:
    """What a run learns from, with films without labels beside it.

    Attributes
    ----------
    labelled
        A dataset folder or a GDXray series, pairs, or labelled films.
    clean
        Their windows, with flaws put in, are mixed into each step.
    """

    labelled: str | Path | Sequence[Pair] | Sequence[LabelledFilm]
    clean: CleanFilms


def whole(films: Sequence[LabelledFilm], position: int) -> Part:
    """Return all of one film."""
    rows, columns = films[position].mask.shape
    return Part(position, 0, 0, rows, columns)


def _cut_in_two(film: LabelledFilm, position: int, settings: SplitSettings) -> tuple[Part, Part]:
    """Cut what is known of a film along its longer edge, with a gap: what teaches, and what validates."""
    known = film.mask == BACKGROUND
    seen = [np.flatnonzero(known.any(axis=axis)) for axis in (1, 0)]
    corner = [int(each[0]) for each in seen]
    edges = [int(each[-1]) - start + 1 for each, start in zip(seen, corner, strict=True)]
    axis = int(np.argmax(edges))
    length, gap = edges[axis], min(settings.gap, edges[axis] // 8)
    validates = max(round(settings.validation_share * length), SMALLEST)
    if length - gap - validates < SMALLEST:
        raise DatasetError(
            f"{film.film}: is alone, and its {length} pixels are too few to be cut in two; give more films."
        )

    def part(start: int, size: int) -> Part:
        places, sizes = list(corner), list(edges)
        places[axis], sizes[axis] = corner[axis] + start, size
        return Part(position, *places, *sizes)

    return part(0, length - gap - validates), part(length - validates, validates)


def check_start(kind: CleanKind, *, alone: bool, from_model: bool) -> None:
    """Refuse what films without labels cannot do without a model.

    Parameters
    ----------
    kind
        Of the films.
    alone
        Whether nothing else is learned from.
    from_model
        Whether a model is trained further.

    Raises
    ------
    SettingsError
        If a model is needed and there is none.
    """
    if from_model:
        return
    if alone:
        raise SettingsError(
            "Films without labels tune a model and make none: say which one it starts from, such as default."
        )
    if kind == "unlabelled":
        raise SettingsError(
            "Unlabelled films need a model that says where flaws may be: say which one it starts from, such "
            "as default."
        )


def check_apart(films: Sequence[LabelledFilm], split: FilmSplit, clean: CleanFilms) -> None:
    """Refuse films without labels that contradict the labels, or that validate.

    Parameters
    ----------
    films, split
        Labelled films, and which parts of them validate.
    clean
        What is mixed in beside them.

    Raises
    ------
    DatasetError
        If a flaw is labelled on what is said to be free of flaws, or a part that validates would teach.
    """
    known = {film.film: film.mask == BACKGROUND for film in clean.films}
    for film in films if clean.kind == "clean" else ():
        flaws = film.mask == FLAW
        if _meet(known.get(film.film), flaws):
            raise DatasetError(
                f"{film.film}: flaws are labelled on what is said to be free of flaws; draw rectangles "
                "around what is free of them, or leave it out there."
            )
    for part in split.validation:
        name = films[part.position].film
        if _meet(known.get(name), _inside(part, films[part.position])):
            raise DatasetError(
                f"{name}: validates, so it cannot teach without labels as well; leave it out there, or have "
                "another film validate."
            )


def check_names_apart(validating: Collection[str], clean: CleanFilms) -> None:
    """The same for films of which only the names are known; DatasetError."""
    for film in clean.films:
        if film.film in validating:
            raise DatasetError(f"{film.film}: validates, so it cannot teach without labels as well.")


def check_size(name: str, known: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return the smallest rectangle around what is known of a film, ``(rows, columns)`` bool.

    Raises
    ------
    DatasetError
        Which names the film, if it is smaller than `SMALLEST`.
    """
    spans = [np.flatnonzero(known.any(axis=axis)) for axis in (1, 0)]
    edges = [int(span[-1]) + 1 - int(span[0]) if span.size else 0 for span in spans]
    if min(edges) < SMALLEST:
        raise DatasetError(
            f"{name}: shows {edges[0]} x {edges[1]} pixels to the network, but a film that teaches needs "
            f"{SMALLEST} at least."
        )
    rows, columns = (slice(int(span[0]), int(span[-1]) + 1) for span in spans)
    return rows, columns


def _meet(known: NDArray[np.bool_] | None, other: NDArray[np.bool_]) -> bool:
    """Whether two parts of a film have a pixel in common; of other sizes, it is taken to be so."""
    if known is None or not other.any():
        return False
    return known.shape != other.shape or bool((known & other).any())


def _inside(part: Part, film: LabelledFilm) -> NDArray[np.bool_]:
    inside = np.zeros(film.mask.shape, bool)
    inside[part.row : part.row + part.rows, part.column : part.column + part.columns] = True
    return inside
