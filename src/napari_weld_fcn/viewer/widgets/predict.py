"""The Predict widget: mark the indications of the film that is open.

A form and its connections. One job at a time runs in a thread (`viewer.worker`); "Run all layers" is a row
of such jobs, so that one film that fails does not keep the others from being done. Whatever goes wrong ends
in a notification and in a form that works again.
"""

from __future__ import annotations

import logging
from typing import Any

from napari import Viewer
from napari.layers import Image
from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from napari_weld_fcn.errors import ModelError, WeldFcnError
from napari_weld_fcn.events import Event, Message, OnEvent, ShouldStop, TileDone
from napari_weld_fcn.viewer.card import show_card
from napari_weld_fcn.viewer.film import radiograph_of, region_of
from napari_weld_fcn.viewer.layers import films, is_output
from napari_weld_fcn.viewer.preferences import preferences
from napari_weld_fcn.viewer.session import Predicted
from napari_weld_fcn.viewer.widgets.inputs import PredictInputs
from napari_weld_fcn.viewer.widgets.job_panel import JobPanel
from napari_weld_fcn.viewer.widgets.results import Results
from napari_weld_fcn.viewer.worker import Job, Outcome, Started, Work, sentence

logger = logging.getLogger(__name__)

NO_FILM = "There is no radiograph to predict: open an image first, or choose File > Open Sample."
NO_MODEL = "There is no model to predict with: import one with `weld-fcn models import FILE`."


def predict(*args: Any, **kwargs: Any) -> Any:
    """`prediction.predict.predict`, imported in the thread that calls it, for it brings PyTorch."""
    from napari_weld_fcn.prediction.predict import predict as run

    return run(*args, **kwargs)


class PredictWidget(QWidget):
    """Heatmap, indications and their table for the films of one viewer.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.job: Job | None = None
        self._film: Image | None = None
        self._waiting: list[Image] = []
        self._model_fault = ""
        self.inputs = PredictInputs(napari_viewer, preferences())
        self.jobs = JobPanel({"Run": self.run, "Run all layers": self.run_all}, self.stop)
        self.results = Results(napari_viewer, self.inputs)
        self._lay_out()
        self.inputs.card.clicked.connect(self.show_card)
        self.inputs.model.changed.connect(self.show_model_state)
        napari_viewer.layers.events.inserted.connect(self._on_inserted)
        napari_viewer.layers.events.removed.connect(self._on_removed)
        self.show_model_state()

    def reset_choices(self, _: Any = None) -> None:
        """Offer the layers and models that there are now; napari calls it when layers change."""
        self.inputs.refresh()
        self.show_model_state()

    def show_model_state(self, _: Any = None) -> None:
        """Say in a sentence if the chosen model cannot be used."""
        entry, before = self.inputs.entry, self._model_fault
        self._model_fault = NO_MODEL if entry is None else entry.error or ""
        self.inputs.card.setEnabled(not self._model_fault)
        if self.job is None and self._model_fault != before:
            self.jobs.show_idle(self._model_fault)

    def show_card(self) -> None:
        """Open the chosen model's card."""
        entry = self.inputs.entry
        if entry is not None and entry.card is not None:
            show_card(self, entry.name, entry.origin, entry.card.model_dump(mode="json"))

    def run(self) -> None:
        """Predict the chosen film."""
        film = self.inputs.image.value
        self._start([film] if film is not None else [])

    def run_all(self) -> None:
        """Predict every film of the viewer, one after the other."""
        self._start(films(self.viewer))

    def stop(self) -> None:
        """Stop the job at its next tile, and do not begin those that wait."""
        self._waiting = []
        if self.job is not None:
            self.job.stop()
            self.jobs.show_busy("Stopping...")

    def event(self, event: QEvent) -> bool:
        """When the dock is closed, which takes the widget out of its window, stop the job and go."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.stop()
            if self.job is None:
                self.deleteLater()
        return bool(super().event(event))

    def _start(self, films: list[Image]) -> None:
        if self.job is not None:
            return
        if not films:
            self._refuse(NO_FILM)
        elif self.inputs.entry is None:
            self._refuse(NO_MODEL)
        else:
            self.inputs.remember()
            self._waiting = films
            self._next()

    def _next(self) -> None:
        """Begin with the next film that is still there."""
        self._waiting = [film for film in self._waiting if film in self.viewer.layers]
        if not self._waiting:
            return
        film = self._waiting.pop(0)
        try:
            work = self._work(film)
        except WeldFcnError as error:
            self._refuse(str(error))
            self._next()
            return
        self._film = film
        self.job = Job(work, self, f"Predict {film.name}", self._on_event, self._on_end)
        self.jobs.show_busy(f"{film.name}: queued, another job is running...")
        self.job.start()

    def _work(self, film: Image) -> Work:
        """Everything that the job needs, read off the form and the layers now."""
        shapes, entry, settings = self.inputs.region.value, self.inputs.entry, self.inputs.settings()
        region = region_of(shapes, film) if shapes is not None else None
        read = radiograph_of(film)
        if entry is None or entry.card is None:
            raise ModelError(entry.error if entry and entry.error else NO_MODEL)
        name, card = entry.name, entry.card

        def work(on_event: OnEvent, should_stop: ShouldStop) -> Predicted:
            radiograph = read()
            prediction = predict(
                radiograph, name, settings, region=region, on_event=on_event, should_stop=should_stop
            )
            return Predicted(radiograph, prediction, settings, card)

        return work

    def _on_event(self, event: Event | Started) -> None:
        name = self._film.name if self._film is not None else ""
        match event:
            case Started() if self.job is not None and not self.job.stopping:
                self.jobs.show_busy(f"{name}: preparing the network...")
            case TileDone() if self.job is not None and not self.job.stopping:
                self.jobs.show_progress(event, f"{name}: tile")
            case Message(text=text):
                self.results.panel.show_warnings([text])

    def _on_end(self, outcome: Outcome) -> None:
        film, self._film, self.job = self._film, None, None
        assert film is not None
        if self.window() is self:  # the dock was closed
            self.deleteLater()
            return
        if outcome.error is not None:
            self._refuse(f"{film.name}: {sentence(outcome.error)}")
        elif film not in self.viewer.layers:
            self._refuse(f"{film.name} was removed from the viewer; nothing was predicted.")
        elif outcome.stopped:
            self.jobs.show_idle(f"{film.name}: stopped.")
        else:
            self._show(film, outcome.value)
        self._next()

    def _show(self, film: Image, predicted: Predicted) -> None:
        try:
            self._add(film, predicted)
        except Exception as error:
            logger.exception("%s: the layers could not be made", film.name)
            self._refuse(f"{film.name}: {sentence(error)}")

    def _add(self, film: Image, predicted: Predicted) -> None:
        self.results.add(film, predicted, preferences().colormap)
        self.inputs.image.value = film
        self.results.show_chosen()
        self.jobs.show_idle(f"{film.name}: done in {predicted.prediction.seconds:.1f} s.")

    def _refuse(self, sentence: str) -> None:
        """Tell it in napari and in the form, and let the form work again."""
        self.jobs.show_idle(sentence)
        show_error(sentence)

    def _on_inserted(self, event: Any) -> None:
        """A film that was just opened is the one that is meant."""
        layer = event.value
        if isinstance(layer, Image) and not is_output(layer):
            self.inputs.refresh()
            if self.job is None:
                self.inputs.image.value = layer

    def _on_removed(self, event: Any) -> None:
        self.results.forget(event.value)
        if event.value == self._film and self.job is not None:
            self.job.stop()

    def _lay_out(self) -> None:
        content = QWidget()
        layout = QVBoxLayout(content)
        for part in (self.inputs, self.jobs, self.results):
            layout.addWidget(part)
        layout.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidget(content)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        self.setMinimumWidth(320)
