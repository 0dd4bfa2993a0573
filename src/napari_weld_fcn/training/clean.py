"""Films without labels as what a run learns from: known to be clean, or what the model marks left out.

Nothing on a clean film is a flaw but what is put in. Flaws are put into held-out films as well, or into a
held-out part of a film that is alone, so that tuning is scored without a label too; a run keeps the model
that it began with where no step is better (`clean_validation`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from napari_weld_fcn.dataset.films import FilmSplit, LabelledFilm, Part
from napari_weld_fcn.dataset.pair import BACKGROUND, IGNORED
from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.errors import DatasetError
from napari_weld_fcn.events import OnEvent, ShouldStop, Validated
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.radiograph.radiograph import Radiograph
from napari_weld_fcn.radiograph.simulation.settings import InsertionSettings
from napari_weld_fcn.training.clean_validation import CleanValidation
from napari_weld_fcn.training.patches import Batch
from napari_weld_fcn.training.settings import RunSettings
from napari_weld_fcn.training.taught_patches import TeacherSource
from napari_weld_fcn.training.teachers import SMALLEST, Teacher, teacher_of

#: Share of the patches that are simulated as a whole.
SIMULATED_SHARE = 1 / 4
#: Steps between two validations.
STEPS = 8
#: Edges of a patch are multiples of this, pixels.
_MULTIPLE = 8

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
            for index in range(film.planes):
                pixels = np.asarray(film.plane(index))
                mask = np.full(pixels.shape, BACKGROUND, np.uint8)
                if part is not None:
                    mask = np.where(part, np.uint8(BACKGROUND), np.uint8(IGNORED))
                suffix = f"_p{index:03d}" if film.planes > 1 else ""
                plane = Radiograph(
                    pixels,
                    name=film.name + suffix,
                    film=film.film + suffix,
                    source=film.source,
                    pixel_size_mm=film.pixel_size_mm,
                    pixel_size_source=film.pixel_size_source,
                )
                taken.append(LabelledFilm(plane, mask))
        if not taken:
            raise DatasetError("There is no film to teach with.")
        return cls(tuple(taken), kind)

    def split(self, settings: SplitSettings) -> FilmSplit:
        """Hold out some films, those that are named, or a part of a film that is alone.

        Raises
        ------
        DatasetError
            If the film that is alone is too small to be cut in two, a film is named that is not there, or
            none would be left to teach.
        """
        names = list(dict.fromkeys(film.film for film in self.films))
        if len(names) == 1:
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

    def teachers(self, parts: Sequence[Part], model: Model | None, margin: int) -> list[Teacher]:
        """Prepare parts of the films."""
        return [
            teacher_of(
                self.films[part.position].radiograph,
                model,
                clean=self.kind == "clean",
                known=part.of(self.films).mask == BACKGROUND,
                margin=margin,
            )
            for part in parts
        ]


class CleanLesson:
    """Windows of films with flaws put in; held-out films are scored with flaws put in."""

    def __init__(self, films: CleanFilms, about: RunSettings, split: FilmSplit, start: Model) -> None:
        insertion = InsertionSettings()
        self._held_bytes = held_bytes(films)
        taught, held_out = (
            films.teachers(parts, start, insertion.margin) for parts in (split.training, split.validation)
        )
        size = patch_size([*taught, *held_out], about.train.window)
        self.source = TeacherSource(
            taught,
            insertion,
            batch=about.train.batch,
            size=size,
            simulated_share=SIMULATED_SHARE,
            seed=about.train.seed,
        )
        self.validation = CleanValidation(held_out, insertion, start, size=size, seed=about.train.seed)

    @property
    def steps_per_epoch(self) -> int:
        """Windows are drawn anew for ever, so an epoch is the time between two validations."""
        return STEPS

    @property
    def before(self) -> Validated:
        """The score of the model that is tuned."""
        return self.validation.told(self.validation.start, 0)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of what a step shows."""
        return self.source.size

    @property
    def held_bytes(self) -> int:
        """Memory that films and what was prepared of them take."""
        return self._held_bytes

    def batches(self, start: int, stop: int, rank: int = 0, ranks: int = 1) -> Iterator[Batch]:
        """Yield one rank's shares of the batches of steps `start` to `stop`."""
        return (batch.part(slice(rank, None, ranks)) for batch in self.source.batches(start, stop))

    def validate(
        self,
        model: Model,
        device: torch.device,
        step: int,
        on_event: OnEvent,
        should_show: ShouldStop,
        should_stop: ShouldStop,
    ) -> Validated:
        """Score a model on the films that are held out, and on simulated ones."""
        return self.validation.validate(model.network, step, should_stop)


def held_bytes(films: CleanFilms) -> int:
    """Memory that films and the two float32 planes that are made of each take."""
    return sum(film.radiograph.pixels.nbytes + 8 * film.mask.size for film in films.films)


def _cut_in_two(film: LabelledFilm, position: int, settings: SplitSettings) -> tuple[Part, Part]:
    """Cut what is known of a film along its longer edge, with a gap: what teaches, and what validates."""
    known = film.mask == BACKGROUND
    seen = [np.flatnonzero(known.any(axis=axis)) for axis in (1, 0)]
    if not all(each.size for each in seen):
        raise DatasetError(f"{film.film}: no part of it is said to be known.")
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


def patch_size(teachers: Sequence[Teacher], window: int) -> tuple[int, int]:
    """Edges of the patches: what every film has, and `window` at most, pixels."""
    edge = min(window, *(min(teacher.ground.shape) for teacher in teachers)) // _MULTIPLE * _MULTIPLE
    return edge, edge


def whole(films: Sequence[LabelledFilm], position: int) -> Part:
    """Return all of one film."""
    rows, columns = films[position].mask.shape
    return Part(position, 0, 0, rows, columns)
