"""The Predict widget: mark the indications of the film that is open.

A form and its connections. One job at a time runs in a thread (`viewer.worker`); "Run all layers" is a row
of such jobs, so that one film that fails does not keep the others from being done. Whatever goes wrong ends
in a notification and in a form that works again.
"""

from __future__ import annotations

from typing import Any

from napari import Viewer
from napari.layers import Image

from napari_weld_fcn.errors import ModelError
from napari_weld_fcn.events import Event, JobControl, Message
from napari_weld_fcn.viewer.belonging import films, is_output_layer
from napari_weld_fcn.viewer.films import radiograph_of, region_of
from napari_weld_fcn.viewer.job_widget import JobWidget, Task
from napari_weld_fcn.viewer.predict.card import show_card
from napari_weld_fcn.viewer.predict.inputs import PredictInputs
from napari_weld_fcn.viewer.predict.results import Results
from napari_weld_fcn.viewer.predict.session import Predicted
from napari_weld_fcn.viewer.preferences import preferences
from napari_weld_fcn.viewer.showing import HEATMAP_KEY, HIDDEN, toggle_heatmap

NO_FILM = "There is no radiograph to predict: open an image first, or choose File > Open Sample."
NO_MODEL = "There is no model to predict with: import one with `weld-fcn models import FILE`."


def predict(*args: Any, **kwargs: Any) -> Any:
    """`prediction.predict.predict`, imported in the thread that calls it, for it brings PyTorch."""
    from napari_weld_fcn.prediction.predict import predict as run

    return run(*args, **kwargs)


class PredictWidget(JobWidget):
    """Heatmap, indications and their table for the films of one viewer.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer, {"Run": self.run, "Run all layers": self.run_all})
        self._waiting: list[Image] = []
        self._model_fault = ""
        self.inputs = PredictInputs(napari_viewer, preferences())
        self.results = Results(napari_viewer, self.inputs)
        self.lay_out(self.inputs, self.jobs, self.results, width=320)
        self.inputs.card.clicked.connect(self.show_card)
        napari_viewer.bind_key(
            HEATMAP_KEY, toggle_heatmap, overwrite=True
        )  # napari ignores a manifest's keys
        self.inputs.model.changed.connect(self.show_model_state)
        self.inputs.image.changed.connect(self._show_state)
        napari_viewer.layers.events.inserted.connect(self._on_inserted)
        napari_viewer.layers.events.removed.connect(self._forget)
        self.show_model_state()
        self.results.show_chosen()

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

    def _show_state(self, _: Any = None) -> None:
        """Say nothing of the film that was chosen before."""
        if self.job is None:
            self.jobs.show_idle(self._model_fault)

    def show_card(self) -> None:
        """Open the chosen model's card."""
        entry = self.inputs.entry
        if entry is not None and entry.card is not None:
            show_card(self, entry.name, entry.origin, entry.card.as_shown())

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
        super().stop()

    def go_if_closed(self) -> bool:
        """A form that goes leaves the layers to the one that is opened next."""
        closed = super().go_if_closed()
        if closed:
            self.results.let_go()
        return closed

    def heard(self, event: Event) -> None:
        """Show what the prediction warns of."""
        if isinstance(event, Message):
            self.results.panel.show_warnings([event.text])

    def ended(self) -> None:
        """Go on with the next film."""
        self._next()

    def _start(self, films: list[Image]) -> None:
        if self.job is not None:
            return
        if not films:
            self.refuse(NO_FILM)
        elif self.inputs.entry is None:
            self.refuse(NO_MODEL)
        else:
            self.inputs.remember()
            self._waiting = films
            self._next()

    def _next(self) -> None:
        """Begin with the next film that is still there."""
        self._waiting = [film for film in self._waiting if film in self.viewer.layers]
        if self._waiting:
            film = self._waiting.pop(0)
            if not self.begin(lambda: self._task(film)):
                self._next()

    def _task(self, film: Image) -> Task:
        """Everything that the job needs, read off the form and the layers now."""
        shapes, entry, settings = self.inputs.region.value, self.inputs.entry, self.inputs.settings(film)
        region = region_of(shapes, film) if shapes is not None else None
        read = radiograph_of(film, preferences().pixel_size_mm)
        if entry is None or entry.card is None:
            raise ModelError(entry.error if entry and entry.error else NO_MODEL)
        name, card = entry.name, entry.card

        def work(job: JobControl) -> Predicted:
            radiograph = read()
            prediction = predict(radiograph, name, settings, region=region, job=job)
            return Predicted(radiograph, prediction, settings, card)

        return Task(
            work,
            lambda predicted: self._add(film, predicted),
            f"Predict {film.name}",
            "preparing the network...",
            "tile",
            subject=film.name,
            layers=(film,),
            imports="napari_weld_fcn.prediction.predict",
        )

    def _add(self, film: Image, predicted: Predicted) -> None:
        self.results.add(film, predicted, preferences().colormap)
        self.inputs.image.value = film
        self.results.show_chosen()
        taken = predicted.prediction.record["polarity"]
        told = f"; flaws taken to be {taken}" if predicted.settings.polarity == "auto" else ""
        self.jobs.show_idle(f"{film.name}: done in {predicted.prediction.seconds:.1f} s{told}.")

    def _on_inserted(self, event: Any) -> None:
        """A film that was just opened is the one that is meant."""
        layer = event.value
        if isinstance(layer, Image) and not is_output_layer(layer):
            self.inputs.refresh()
            if self.job is None and HIDDEN not in layer.metadata:  # but for further films of a results folder
                self.inputs.image.value = layer

    def _forget(self, event: Any) -> None:
        self.results.forget(event.value)
        if isinstance(event.value, Image) and not films(self.viewer):
            self._show_state()  # no other film is chosen, which would tell
