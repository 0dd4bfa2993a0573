"""Films with their labels, taken off the layers of a viewer to be trained with.

What is taken belongs to whoever takes it: labels are copied at once, on Qt's thread, so that a stroke of the
brush a second later, or a layer that is deleted, changes no run. Radiographs are read where there is time, in
the job. A stack gives one film for each of its planes; where rectangles say what was looked at, planes
without one were not looked at and take no part.

Films without labels, off the layers of a viewer or out of files, that teach by flaws that are put in.

They are taken as labelled films are: what belongs to the layers at once, pixels in the job. What lies outside
the rectangles that say what is known takes no part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from napari.layers import Image, Labels, Shapes

from napari_weld_fcn.dataset.films import LabelledFilm
from napari_weld_fcn.dataset.pair import Convention, mask_of
from napari_weld_fcn.dataset.plan import of_plane
from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.errors import DatasetError, SettingsError
from napari_weld_fcn.events import ALONE, JobControl
from napari_weld_fcn.radiograph.files import read as read_file
from napari_weld_fcn.radiograph.image_paths import image_paths
from napari_weld_fcn.training.simulated.clean_films import CleanFilms, CleanKind
from napari_weld_fcn.viewer.films import Part, Source, plane_shape, source_of

#: A film, and which plane of its layer it is.
Placed = tuple[int, LabelledFilm]

#: Farthest that labels may lie from their film, in its pixels.
TOLERANCE = 0.5


@dataclass(frozen=True)
class Row:
    """What the form says of one film: its layers, and whether it validates."""

    film: Image
    labels: Labels | None
    looked_at: Shapes | None = None
    validates: bool = False


@dataclass(frozen=True)
class LabelledLayer:
    """A film's layers as they were when they were taken; whatever becomes of them, it stays.

    Attributes
    ----------
    convention
        What the numbers of the labels mean; None for a film without labels, all of which is background where
        it was looked at.
    """

    name: str
    source: Source
    convention: Convention | None
    validates: bool

    def sketches(self) -> Iterator[Placed]:
        """Give each labelled film with the plane of the layer that it is; the pixels are still the layer's.

        Raises
        ------
        WeldFcnError
            If a film cannot be read, or none has labels.
        """
        found = 0
        for place, part in enumerate(read() for read in self.source.reads):
            for plane, film in _films(part, self.convention):
                found += 1
                yield place + plane, film
        if not found:
            lacking = "has no labels" if self.convention else "the rectangles lie on no plane of it"
            raise DatasetError(f"{self.name}: {lacking}.")

    def films(self) -> Iterator[Placed]:
        """As `sketches`, but with pixels that are copied."""
        for plane, film in self.sketches():
            pixels = np.array(film.radiograph.pixels)
            yield plane, replace(film, radiograph=replace(film.radiograph, pixels=pixels))


@dataclass(frozen=True)
class Group:
    """The films of one layer, each with its plane."""

    layer: LabelledLayer
    films: tuple[Placed, ...]


@dataclass(frozen=True)
class Taken:
    """Films, which of them validate, and for each the row and the plane that it comes from."""

    films: list[LabelledFilm]
    split: SplitSettings
    places: list[tuple[int, int]]


def take(row: Row, convention: Convention | None, *, copied: bool = True) -> LabelledLayer:
    """Take a film's layers as they are now; to be called in Qt's thread.

    Parameters
    ----------
    row
        What the form says of the film.
    convention
        None takes it without labels.
    copied
        Whether what is painted later changes nothing; whoever only counts needs no copy.

    Raises
    ------
    SettingsError
        If there are no labels, no rectangles where some are asked for, or the labels do not lie on the film.
    """
    labels = row.labels if convention else None
    if convention and labels is None:
        raise SettingsError(f"{row.film.name}: has no labels; choose its labels layer, or press New labels.")
    if row.looked_at is not None and not len(row.looked_at.data):
        raise SettingsError(
            f"{row.looked_at.name}: there is no rectangle in this layer; draw what you looked at."
        )
    if labels is not None:
        check_place(row.film, labels)
    source = source_of(row.film, labels, row.looked_at, copied=copied)
    return LabelledLayer(row.film.name, source, convention, row.validates)


def check_place(film: Image, labels: Labels) -> None:
    """Refuse labels that do not lie on the film pixel by pixel.

    Raises
    ------
    SettingsError
        If their sizes differ, or their scales, places or units.
    """
    shape, own = plane_shape(film), plane_shape(labels)
    if own != shape:
        raise SettingsError(
            f"{labels.name}: is {_size(own)} pixels, but {film.name} is {_size(shape)}; choose the labels of "
            "this film."
        )
    corners = np.array([np.zeros(len(shape)), np.array(shape) - 1])
    apart = max(
        float(np.abs(np.asarray(film.world_to_data(labels.data_to_world(corner))) - corner).max())
        for corner in corners
    )
    if apart > TOLERANCE or tuple(film.units) != tuple(labels.units):
        raise SettingsError(
            f"{labels.name}: lies elsewhere than {film.name}; give both the same scale, place and units."
        )


def read_labelled(layers: Sequence[LabelledLayer], job: JobControl = ALONE) -> Taken:
    """Read all films, in any thread.

    Raises
    ------
    DatasetError
        If two have the same name.
    WeldFcnError
        If one cannot be read.
    Stopped
        If the job was stopped.
    """
    return together([Group(layer, until_stopped(layer.films(), job)) for layer in layers])


def together(groups: Sequence[Group]) -> Taken:
    """Join the films of all rows; where no row is said to validate, the program chooses.

    Raises
    ------
    DatasetError
        If two have the same name.
    """
    films = [film for group in groups for _, film in group.films]
    check_twins([film.film for film in films])
    validating = tuple(film.film for group in groups if group.layer.validates for _, film in group.films)
    split = SplitSettings(kind="films", films=validating) if validating else SplitSettings()
    places = [(row, plane) for row, group in enumerate(groups) for plane, _ in group.films]
    return Taken(films, split, places)


def check_twins(names: Sequence[str]) -> None:
    """Refuse films of one name; DatasetError."""
    twins = [name for name, count in Counter(names).items() if count > 1]
    if twins:
        raise DatasetError(f"{twins[0]}: is there twice; give a film one row.")


def until_stopped(films: Iterator[Placed], job: JobControl) -> tuple[Placed, ...]:
    """Read film by film; Stopped, if the job was."""
    found = []
    for each in films:
        job.check()
        found.append(each)
    return tuple(found)


def _films(part: Part, convention: Convention | None) -> Iterator[Placed]:
    """The film of a part, or each plane of a stack that was looked at."""
    radiograph, truth = part.radiograph, part.truth
    shape = radiograph.pixels.shape
    stack = len(shape) == 3
    for plane, own in enumerate(radiograph.each_plane() if truth is not None or convention is None else ()):
        rectangles = of_plane(part.rectangles, plane)
        if rectangles is not None and not len(rectangles):
            continue
        labels = truth[plane] if stack and truth is not None else truth
        if convention is None:
            labels = np.zeros(shape[-2:], np.uint8)
        mask = mask_of(labels, convention or "dense", () if rectangles is None else rectangles)
        yield plane, LabelledFilm(own, mask)


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


@dataclass(frozen=True)
class WithoutLabels:
    """What the form names, as it was when it was taken.

    Attributes
    ----------
    kind
        Whether they are known to be free of flaws.
    layers
        Taken without a convention of labels.
    files
        Image files, of which all is known.
    """

    kind: CleanKind
    layers: Sequence[LabelledLayer] = ()
    files: tuple[Path, ...] = ()

    def read(self, job: JobControl = ALONE) -> tuple[CleanFilms, SplitSettings]:
        """Read all films, in any thread, and say which of them are to validate if they are alone.

        Raises
        ------
        DatasetError
            If two have the same name.
        WeldFcnError
            If one cannot be read.
        Stopped
            If the job was stopped.
        """
        taken = read_labelled(self.layers, job)
        films = (*taken.films, *_of_files(self.files, job))
        check_twins([film.film for film in films])
        return CleanFilms(films, self.kind), taken.split


def _of_files(paths: Sequence[Path], job: JobControl) -> Iterator[LabelledFilm]:
    for path in image_paths(paths):
        job.check()
        yield from CleanFilms.of([read_file(path)]).films
