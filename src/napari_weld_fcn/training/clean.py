"""A run on films without labels: known to be clean, or what the model marks left out.

Nothing on a clean film is a flaw but what is put in. Flaws are put into held-out films as well, or into a
held-out part of a film that is alone, so that tuning is scored without a label too; a run keeps the model
that it began with where no step is better (`clean_validation`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from napari_weld_fcn.dataset.films import FilmSplit, Part
from napari_weld_fcn.dataset.pair import BACKGROUND
from napari_weld_fcn.events import ALONE, JobControl, TileDone, Validated
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.radiograph.simulation.settings import InsertionSettings
from napari_weld_fcn.training.clean_films import CleanFilms
from napari_weld_fcn.training.clean_validation import CleanValidation
from napari_weld_fcn.training.patches import Batch
from napari_weld_fcn.training.settings import RunSettings
from napari_weld_fcn.training.taught_patches import TeacherSource
from napari_weld_fcn.training.teachers import Teacher, teacher_of

#: Share of the patches that are simulated as a whole.
SIMULATED_SHARE = 1 / 4
#: Steps between two validations.
STEPS = 8
#: Edges of a patch are multiples of this, pixels.
_MULTIPLE = 8


class CleanLesson:
    """Windows of films with flaws put in; held-out films are scored with flaws put in."""

    def __init__(
        self,
        films: CleanFilms,
        about: RunSettings,
        split: FilmSplit,
        start: Model,
        job: JobControl = ALONE,
    ) -> None:
        insertion = InsertionSettings()
        self._held_bytes = held_bytes(films)
        parts = (*split.training, *split.validation)
        teachers = teachers_of(films, parts, start, insertion.margin, job)
        taught, held_out = teachers[: len(split.training)], teachers[len(split.training) :]
        size = patch_size([*taught, *held_out], about.train.window)
        self.source = TeacherSource(
            taught,
            insertion,
            batch=about.train.batch,
            size=size,
            simulated_share=SIMULATED_SHARE,
            seed=about.train.seed,
        )
        self.validation = CleanValidation(
            held_out, insertion, start, size=size, seed=about.train.seed, job=job
        )

    @property
    def steps_per_epoch(self) -> int:
        """Windows are drawn anew for ever, so an epoch is the time between two validations."""
        return STEPS

    @property
    def flaws_are_rare(self) -> bool:
        """As many are put in as the model needs."""
        return False

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

    def validate(self, model: Model, step: int, job: JobControl) -> Validated:
        """Score a model on the films that are held out, and on simulated ones."""
        return self.validation.validate(model.network, step, job)


def teachers_of(
    films: CleanFilms,
    parts: Sequence[Part],
    model: Model | None,
    margin: int,
    job: JobControl = ALONE,
) -> list[Teacher]:
    """Prepare parts of films, as `teachers.teacher_of`; `job` is told of each."""
    teachers: list[Teacher] = []
    for part in parts:
        taught = teacher_of(
            films.films[part.position].radiograph,
            model,
            clean=films.kind == "clean",
            known=part.of(films.films).mask == BACKGROUND,
            margin=margin,
            job=job,
        )
        teachers.append(taught)
        job.tell(TileDone(len(teachers), len(parts)))
    return teachers


def held_bytes(films: CleanFilms) -> int:
    """Memory that films and the two float32 planes that are made of each take."""
    return sum(film.radiograph.pixels.nbytes + 8 * film.mask.size for film in films.films)


def patch_size(teachers: Sequence[Teacher], window: int) -> tuple[int, int]:
    """Edges of the patches: what every film has, and `window` at most, pixels."""
    edge = min(window, *(min(teacher.ground.shape) for teacher in teachers)) // _MULTIPLE * _MULTIPLE
    return edge, edge
