"""What the Evaluate widget does, as a job: films of the viewer against their truth, one by one.

What belongs to Qt's thread is read when an `Entry` is made. Films of a series and planes of a stack are
scored each for itself, as the command scores the films of a folder, and under the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.evaluation.cases import (
    Case,
    FlawClass,
    Marks,
    Source,
    classes_of,
    numbered,
    read_classes,
)
from napari_weld_fcn.evaluation.matches import agreement
from napari_weld_fcn.evaluation.settings import EvaluationSettings
from napari_weld_fcn.events import JobControl
from napari_weld_fcn.radiograph.radiograph import plane_name
from napari_weld_fcn.viewer.belonging import SERIES_KEY
from napari_weld_fcn.viewer.films import Part, plane_of, plane_shape, source_of
from napari_weld_fcn.viewer.marks import marked_with

#: Columns of a truth's features that say what its flaws are, as the sample has them.
CLASS_COLUMNS = ("iso6520", "kind")


@dataclass(frozen=True)
class Entry:
    """A film of the viewer that is to be scored.

    Attributes
    ----------
    shape
        Of its planes, and their number first where it is a stack.
    sources
        One for each plane.
    """

    shape: tuple[int, ...]
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class Evaluated:
    """What a job returns.

    Attributes
    ----------
    evaluation
        The `Evaluation`.
    pictures
        The agreement on each entry, of its shape; None where nothing of it could be scored.
    places
        Entry and plane of each image, by name.
    examples
        Crops around what was missed, called falsely and found, film by film.
    """

    evaluation: Any
    pictures: list[np.ndarray | None]
    places: dict[str, tuple[int, int]]
    examples: list[Any]


@dataclass(frozen=True)
class _Around:
    """What surrounds one film's pixels: truth is read with them, marks and classes come from here."""

    paths: tuple[str, ...]
    classes: Mapping[int, FlawClass] = field(default_factory=dict)
    marks: Any = None
    marked: Mapping[str, float] = field(default_factory=dict)

    def case(self, part: Part, place: int, stacked: bool) -> Case | None:
        """The case of one film; None where it has no truth."""
        if part.truth is None:
            return None
        instances = numbered(np.asarray(part.truth))
        shape = part.radiograph.pixels.shape
        values = plane_of(self.marks, place, shape) if stacked else self.marks
        marks = None if values is None else Marks(np.asarray(values), **self.marked)
        return Case(part.radiograph, instances, classes=self._classes(part, place, instances), marks=marks)

    def _classes(self, part: Part, place: int, instances: np.ndarray) -> Mapping[int, FlawClass]:
        if self.classes or place >= len(self.paths):
            return self.classes
        known = read_classes(Path(self.paths[place])).get(part.radiograph.name, [])
        return classes_of(instances, known) if known else {}


def _copied(marks: Layer | None) -> Any:
    """What is marked, as it is now: labels may be painted on while they are scored."""
    if marks is None:
        return None
    painted = isinstance(marks, Labels) and isinstance(marks.data, np.ndarray)
    return marks.data.copy() if painted else marks.data


def entry_of(
    film: Image, truth: Labels | None, marks: Layer | None = None, preferred_mm: float | None = None
) -> Entry:
    """Take what a job needs from a film's layer, its truth and, if a model is not to make them, its marks.

    `preferred_mm` is the pixel size of a film that has none of its own.
    """
    read = source_of(film, truth, None, preferred_mm=preferred_mm)
    source = film.source.path
    around = _Around(
        tuple(film.metadata.get(SERIES_KEY, (source,) if source else ())),
        _classes_in(truth),
        _copied(marks),
        {} if marks is None else marked_with(marks),
    )
    shape = plane_shape(film)
    if len(read.reads) > 1 or len(shape) == 2:
        stacked = len(shape) > 2
        sources = [
            Source(_name(film, around, place, stacked), partial(_read, each, around, place, stacked))
            for place, each in enumerate(read.reads)
        ]
    else:
        whole = cache(read.reads[0])
        sources = [
            Source(plane_name(read.name, place), partial(_read_plane, whole, around, place))
            for place in range(shape[0])
        ]
    return Entry(shape, tuple(sources))


def evaluate_all(
    entries: Sequence[Entry], model: str | None, settings: EvaluationSettings, job: JobControl
) -> Evaluated:
    """Score all films together.

    Parameters
    ----------
    entries
        The films.
    model
        The name of the model that marks them; None where they bring their marks.
    settings
        As for `evaluate`.

    Raises
    ------
    SettingsError
        If two films have one name: they would be taken for crops of one film.
    WeldFcnError, Stopped
        As `evaluate` and `compare`.
    """
    from napari_weld_fcn.evaluation.compare import compare  # both bring PyTorch
    from napari_weld_fcn.evaluation.evaluate import evaluate

    pictures = _Pictures(entries)
    sources = [pictures.noted(source) for entry in entries for source in entry.sources]
    run: Callable[..., Any] = compare if model is None else partial(evaluate, model)
    found = run(sources, settings, job=job, on_marks=pictures.add)
    return Evaluated(found, pictures.made, pictures.places, pictures.examples)


class _Pictures:
    """The agreement on each entry, drawn film by film, and crops worth a look."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self._of_source = {
            id(source): (index, plane)
            for index, entry in enumerate(entries)
            for plane, source in enumerate(entry.sources)
        }
        self.made: list[np.ndarray | None] = [None] * len(entries)
        self.places: dict[str, tuple[int, int]] = {}
        self.examples: list[Any] = []

    def noted(self, source: Source) -> Source:
        """The same source, whose name is known once it has been read."""
        place = self._of_source[id(source)]

        def read() -> Case | None:
            case = source.read()
            if case is not None:
                self._note(case.radiograph.name, place)
            return case

        return Source(source.name, read)

    def add(self, marked: Any) -> None:
        """Draw one film, a `MarkedFilm`."""
        from napari_weld_fcn.evaluation.examples import examples

        self.examples += examples(marked)
        index, plane = self.places[marked.case.radiograph.name]
        shape = self._entries[index].shape
        made = self.made[index]
        if made is None:
            made = self.made[index] = np.zeros(shape, np.uint8)
        picture = agreement(marked.labels, marked.case.instances)
        rows, columns = picture.shape
        (made if len(shape) == 2 else made[plane])[:rows, :columns] = picture

    def _note(self, name: str, place: tuple[int, int]) -> None:
        if name in self.places:
            raise SettingsError(f"{name}: two films have this name; rename one of their layers.")
        self.places[name] = place


def _read(read: Callable[[], Part], around: _Around, place: int, stacked: bool) -> Case | None:
    return around.case(read(), place, stacked)


def _read_plane(read: Callable[[], Part], around: _Around, place: int) -> Case | None:
    part = read()
    name = plane_name(part.radiograph.name, place)
    plane = replace(part.radiograph, pixels=part.radiograph.plane(place), name=name, film=name)
    truth = plane_of(part.truth, place, plane.pixels.shape)
    return around.case(replace(part, radiograph=plane, truth=truth), place, stacked=True)


def _name(film: Image, around: _Around, place: int, stacked: bool) -> str:
    return Path(around.paths[place]).stem if stacked and place < len(around.paths) else film.name


def _classes_in(truth: Labels | None) -> dict[int, FlawClass]:
    """What a truth's features say of its flaws: row k is flaw k."""
    if truth is None or any(name not in truth.features for name in CLASS_COLUMNS):
        return {}
    columns = (truth.features[name].tolist() for name in CLASS_COLUMNS)
    known = enumerate(zip(*columns, strict=True))
    return {number: FlawClass(int(iso), str(kind)) for number, (iso, kind) in known if iso == iso and kind}
