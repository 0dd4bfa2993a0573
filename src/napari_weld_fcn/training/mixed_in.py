"""Windows of films without labels beside whatever a run learns: they add to each step, and score nothing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import torch

from napari_weld_fcn.events import OnEvent, ShouldStop, Validated
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.radiograph.simulation.settings import InsertionSettings
from napari_weld_fcn.training.clean import CleanFilms, held_bytes, whole
from napari_weld_fcn.training.data import Lesson
from napari_weld_fcn.training.patches import Batch
from napari_weld_fcn.training.settings import RunSettings
from napari_weld_fcn.training.taught_patches import TeacherSource, joined

#: Windows without labels that are mixed in, for each window with labels.
MIXED_SHARE = 1 / 4


class WithClean:
    """A lesson into which windows of films without labels are mixed."""

    def __init__(self, lesson: Lesson, films: CleanFilms, about: RunSettings, start: Model | None) -> None:
        self.lesson = lesson
        self._held_bytes = held_bytes(films)
        insertion = InsertionSettings()
        taught = films.teachers(
            [whole(films.films, i) for i in range(len(films.films))], start, insertion.margin
        )

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

    def validate(
        self,
        model: Model,
        device: torch.device,
        step: int,
        on_event: OnEvent,
        should_show: ShouldStop,
        should_stop: ShouldStop,
    ) -> Validated:
        """Score a model as the lesson does."""
        return self.lesson.validate(model, device, step, on_event, should_show, should_stop)
