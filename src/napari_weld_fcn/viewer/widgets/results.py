"""The predicted films of one viewer: marking anew, stepping, table and files.

The form's threshold and minimum size speak of the film that is chosen in it; what is not changed there stays
as that film is marked, whatever another model would take. While the slider moves the
labels follow ten times a second at most; the table follows once it rests. Whatever would use the table before
that, or leaves the film, first settles what is pending.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari import Viewer
from napari.layers import Image, Layer
from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QFileDialog, QMainWindow, QVBoxLayout, QWidget
from superqt.utils import QSignalDebouncer, QSignalThrottler

from napari_weld_fcn.errors import WeldFcnError
from napari_weld_fcn.events import OnEvent, ShouldStop
from napari_weld_fcn.viewer.layers import show_color_bar
from napari_weld_fcn.viewer.saving import save
from napari_weld_fcn.viewer.session import Predicted, Session
from napari_weld_fcn.viewer.stepping import centre, neighbour, row
from napari_weld_fcn.viewer.widgets.inputs import PredictInputs
from napari_weld_fcn.viewer.widgets.result_panel import ResultPanel
from napari_weld_fcn.viewer.worker import Job, Outcome, sentence

#: Milliseconds between two relabellings of a moving slider, and of rest before the table follows.
RELABEL_INTERVAL = 100
TABLE_DELAY = 350

#: A minimum size means nothing without its unit, so both change together.
SIZE = ("min_size", "min_size_unit")

PAINTED = "{}: marked anew; what was painted on it is gone. Save, or duplicate the layer, first."

#: Pixels of the table below the canvas.
TABLE_HEIGHT = 220


class Results(QWidget):
    """What was found in the films of `viewer`, of which the one chosen in `inputs` is shown."""

    def __init__(self, viewer: Viewer, inputs: PredictInputs) -> None:
        super().__init__()
        self.viewer = viewer
        self.inputs = inputs
        self.sessions: dict[Layer, Session] = {}
        self.saving: Job | None = None
        self._pending: Session | None = None
        self._changed: set[str] = set()
        self._fault = ""
        self.panel = ResultPanel(self.step, self.open_table, self.ask_and_save)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.panel)
        self._relabel_soon = QSignalThrottler(parent=self)
        self._relabel_soon.setTimeout(RELABEL_INTERVAL)
        self._relabel_soon.triggered.connect(self.relabel)
        self._measure_soon = QSignalDebouncer(parent=self)
        self._measure_soon.setTimeout(TABLE_DELAY)
        self._measure_soon.triggered.connect(self.measure)
        inputs.threshold.changed.connect(lambda _: self._mark_anew("threshold"))
        for name in SIZE:
            inputs.form.widgets[name].changed.connect(lambda _: self._mark_anew(*SIZE))
        inputs.image.changed.connect(self.show_chosen)

    @property
    def chosen(self) -> Session | None:
        """The prediction of the film chosen in the form, if there is one."""
        film = self.inputs.image.value
        return self.sessions.get(film) if film is not None else None

    def add(self, film: Image, predicted: Predicted, colormap: str) -> Session:
        """Take up a prediction: make or update its layers."""
        session = Session(self.viewer, film, predicted, colormap)
        session.indications.events.selected_label.connect(self._follow)
        self.viewer.layers.selection.active = session.indications
        self.sessions[film] = session
        return session

    def forget(self, layer: Layer) -> None:
        """A layer was removed: its film's prediction is no longer shown by the form."""
        gone = [film for film, session in self.sessions.items() if session.needs(layer)]
        for film in gone:
            del self.sessions[film]
        if gone:
            self.show_chosen()

    def show_chosen(self, _: Any = None) -> None:
        """Show the prediction of the chosen film, with the threshold and the minimum size it has."""
        self.settle()
        self._changed, self._fault = set(), ""
        session = self.chosen
        self._show_warnings()
        if session is None:
            self.panel.show_nothing()
            return
        if session.heatmap in self.viewer.layers:
            show_color_bar(self.viewer, session.heatmap)
        self.inputs.show_marked(session.settings)
        self.panel.show_summary(session.summary(), session.count)

    def relabel(self) -> None:
        """Mark the film whose slider was moved anew with what was changed; a refusal stays to read."""
        session, self._pending = self._pending, None
        if session is None or session not in self.sessions.values():
            return
        painted = session.painted
        try:
            asked = self.inputs.settings()
            changed = {name: getattr(asked, name) for name in self._changed}
            session.relabel(session.settings.model_copy(update=changed))
        except WeldFcnError as error:
            self._fault = str(error)
            self._show_warnings()
            return
        if painted:
            show_warning(PAINTED.format(session.film.name))
        self._changed = set()
        if self._fault:
            self._fault = ""
            self._show_warnings()
        if session is self.chosen:
            self.panel.show_summary(session.summary(), session.count)
        self._measure_soon.throttle()

    def measure(self) -> None:
        """Bring every table up to date whose labels are newer."""
        stale = [session for session in self.sessions.values() if session.stale]
        for session in stale:
            session.measure()
        if self.chosen in stale:
            self._show_warnings()

    def settle(self) -> None:
        """Do now what waits for the slider to rest."""
        self.relabel()
        self.measure()

    def step(self, by: int) -> None:
        """Go to the next (1) or the previous (-1) indication."""
        session = self.chosen
        self.settle()
        if session is None or not session.count:
            return
        self.viewer.layers.selection.active = session.indications
        number = neighbour(session.at, by, session.count)
        if session.indications.selected_label == number:
            self._look_at(session, number)  # selected already, so no event tells of it
        session.indications.selected_label = number

    def open_table(self) -> None:
        """Open napari's table of features below the canvas, on the indications."""
        if self.chosen is None:
            return
        self.viewer.layers.selection.active = self.chosen.indications
        dock, _ = self.viewer.window.add_plugin_dock_widget("napari", "Features table widget")
        window = self.window()
        if isinstance(window, QMainWindow) and isinstance(dock, QDockWidget):
            window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
            window.resizeDocks([dock], [TABLE_HEIGHT], Qt.Orientation.Vertical)

    def ask_and_save(self) -> None:
        """Ask for a folder and save the chosen film's outputs there."""
        folder = QFileDialog.getExistingDirectory(self, "Folder for heatmap, labels and table")
        if folder:
            self.save(folder)

    def save(self, folder: str) -> None:
        """Save the chosen film's heatmap, labels as painted, table, overlay and record to `folder`."""
        session = self.chosen
        if session is None or self.saving is not None:
            return
        self.settle()
        self._take_corrections(session)
        radiograph, prediction = session.radiograph, session.prediction

        def work(_on_event: OnEvent, _should_stop: ShouldStop) -> list[Path]:
            return save(folder, radiograph, prediction)

        self.panel.save.setEnabled(False)
        self.saving = Job(work, self, f"Save {session.film.name}", lambda _: None, self._on_saved)
        self.saving.start()

    def _take_corrections(self, session: Session) -> None:
        before = session.prediction
        session.correct()
        if session.prediction is not before:
            self.panel.show_summary(session.summary(), session.count)
            self._show_warnings()

    def _on_saved(self, outcome: Outcome) -> None:
        self.saving = None
        self.panel.save.setEnabled(self.chosen is not None)
        if outcome.error is not None:
            show_error(f"Nothing more was saved. {sentence(outcome.error)}")
        elif not outcome.stopped:
            first = outcome.value[0]
            show_info(f"Saved {len(outcome.value)} files to {first.parent}, beginning with {first.name}.")

    def _show_warnings(self) -> None:
        warnings = self.chosen.warnings if self.chosen else []
        self.panel.show_warnings([self._fault, *warnings] if self._fault else warnings)

    def _mark_anew(self, *changed: str) -> None:
        self._pending = self.chosen
        self._changed.update(changed)
        self._relabel_soon.throttle()

    def _follow(self, event: Any) -> None:
        """A label was selected, by whatever means."""
        for session in self.sessions.values():
            if session.indications == event.source:  # not `is`: napari hands out proxies
                self._look_at(session, session.indications.selected_label)

    def _look_at(self, session: Session, number: int) -> None:
        if not centre(self.viewer, session.indications, number):
            return
        session.at = number
        if session is self.chosen:
            self.panel.show_indication(number, session.count, row(session.indications, number))
