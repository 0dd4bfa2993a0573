"""Windows of films without labels beside whatever a run learns: they add to each step, and score nothing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import torch

from napari_weld_fcn.events import OnEvent, ShouldStop, Validated
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.radiograph.simulation.settings import InsertionSettings
from napari_weld_fcn.training.clean import CleanFilms, whole
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

    def batches(self, start: int, stop: int) -> Iterator[Batch]:
        """Yield the lesson's batches, larger by some windows without labels."""
        for step, batch in enumerate(self.lesson.batches(start, stop), start):
            rows, columns = batch.pixels.shape[2:]
            yield joined([batch, self._source((rows, columns)).batch(step)])

    def validate(
        self, model: Model, device: torch.device, step: int, on_event: OnEvent, should_show: ShouldStop
    ) -> Validated:
        """Score a model as the lesson does."""
        return self.lesson.validate(model, device, step, on_event, should_show)
