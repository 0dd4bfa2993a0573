"""Windows of films without labels beside whatever a run learns: they add to each step, and score nothing.

What would make them unfit to teach is told before a run's folder is begun, for a run that fails at once would
leave one behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import cast

from napari_weld_fcn.dataset.films import FilmSplit, LabelledFilm
from napari_weld_fcn.dataset.pair import BACKGROUND
from napari_weld_fcn.dataset.places import Split
from napari_weld_fcn.events import ALONE, JobControl, Validated
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.radiograph.simulation.settings import InsertionSettings
from napari_weld_fcn.training.clean import held_bytes, teachers_of
from napari_weld_fcn.training.clean_films import (
    CleanFilms,
    check_apart,
    check_names_apart,
    check_start,
    whole,
)
from napari_weld_fcn.training.crop_material import Crops
from napari_weld_fcn.training.film_material import Films, Unlabelled
from napari_weld_fcn.training.material import Lesson, Material
from napari_weld_fcn.training.patches import Batch
from napari_weld_fcn.training.settings import RunSettings
from napari_weld_fcn.training.sources import places_of
from napari_weld_fcn.training.taught_patches import TeacherSource, joined
from napari_weld_fcn.training.teachers import check_taught

#: Windows without labels that are mixed in, for each window with labels.
MIXED_SHARE = 1 / 4


def check_clean(
    material: Material, split: Split | FilmSplit, clean: CleanFilms | None, *, from_model: bool
) -> None:
    """Refuse films without labels that could not teach.

    Parameters
    ----------
    material, split
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
    if isinstance(material, Unlabelled):
        assert isinstance(split, FilmSplit)
        check_start(material.clean.kind, alone=True, from_model=from_model)
        for part in (*split.training, *split.validation):
            _check_taught(part.of(material.films))
    if clean is None:
        return
    check_start(clean.kind, alone=False, from_model=from_model)
    for film in clean.films:
        _check_taught(film)
    if isinstance(material, Films):
        assert isinstance(split, FilmSplit)
        check_apart(material.films, split, clean)
    elif isinstance(material, Crops):
        places = places_of(material.pairs)
        check_names_apart({places[position].film for position in cast(Split, split).validation}, clean)


def _check_taught(film: LabelledFilm) -> None:
    check_taught(film.radiograph, film.mask == BACKGROUND)


class WithClean:
    """A lesson into which windows of films without labels are mixed."""

    def __init__(
        self,
        lesson: Lesson,
        films: CleanFilms,
        about: RunSettings,
        start: Model | None,
        job: JobControl = ALONE,
    ) -> None:
        self.lesson = lesson
        self._held_bytes = held_bytes(films)
        insertion = InsertionSettings()
        parts = [whole(films.films, position) for position in range(len(films.films))]
        taught = teachers_of(films, parts, start, insertion.margin, job)

        @cache
        def source(size: tuple[int, int]) -> TeacherSource:
            count = max(1, round(MIXED_SHARE * about.train.batch))
            return TeacherSource(
                taught, insertion, batch=count, size=size, simulated_share=0, seed=about.train.seed
            )

        self._source = source

    @property
    def steps_per_epoch(self) -> int:
        """Those of the lesson."""
        return self.lesson.steps_per_epoch

    @property
    def flaws_are_rare(self) -> bool:
        """As in the lesson."""
        return self.lesson.flaws_are_rare

    @property
    def before(self) -> Validated | None:
        """As in the lesson."""
        return self.lesson.before

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of what a step shows."""
        return self.lesson.size

    @property
    def held_bytes(self) -> int:
        """Memory of the lesson, and of the films that are mixed in."""
        return self.lesson.held_bytes + self._held_bytes

    def batches(self, start: int, stop: int, rank: int = 0, ranks: int = 1) -> Iterator[Batch]:
        """Yield one rank's shares of the lesson's batches, larger by some windows without labels."""
        for step, batch in enumerate(self.lesson.batches(start, stop, rank, ranks), start):
            rows, columns = batch.pixels.shape[2:]
            more = self._source((rows, columns)).batch(step)
            yield joined([batch, more.part(slice(rank, None, ranks))])

    def validate(self, model: Model, step: int, job: JobControl) -> Validated:
        """Score a model as the lesson does."""
        return self.lesson.validate(model, step, job)
