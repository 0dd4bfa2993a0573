"""The predicted films of one viewer: marking anew, stepping, table and files.

The form's threshold and minimum size speak of the film that is chosen in it; what is not changed there stays
as that film is marked, whatever another model would take. While the slider moves the
labels follow ten times a second at most; the table follows once it rests. What is painted or erased is taken
over a moment later, by looking at the layer: napari tells of strokes, but not of undo. Whatever would use the
table before that, or leaves the film, first settles what is pending.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from napari import Viewer
from napari.layers import Image, Layer
from napari.utils.notifications import show_error, show_info
from qtpy.compat import isalive
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QFileDialog, QMainWindow, QVBoxLayout, QWidget
from superqt.utils import QSignalDebouncer, QSignalThrottler

from napari_weld_fcn.errors import WeldFcnError
from napari_weld_fcn.events import JobControl
from napari_weld_fcn.prediction.numbering import Marking, marked_anew
from napari_weld_fcn.viewer.belonging import MARKED
from napari_weld_fcn.viewer.files.saving import save
from napari_weld_fcn.viewer.layers import show_color_bar
from napari_weld_fcn.viewer.marks import marking_in_layers
from napari_weld_fcn.viewer.predict.inputs import PEAK_ODDS, PIXEL_SIZE, PredictInputs
from napari_weld_fcn.viewer.predict.panel import IndicationTable, ResultPanel
from napari_weld_fcn.viewer.predict.session import Predicted, Session
from napari_weld_fcn.viewer.predict.taking_up import taken_up
from napari_weld_fcn.viewer.preferences import VIEW, ViewSettings, preferences, remember, remembered
from napari_weld_fcn.viewer.showing import centre, neighbour, row, show_marks_of
from napari_weld_fcn.viewer.worker import Job, Outcome, failure_sentence

#: Milliseconds between two relabellings of a moving slider, of rest before the table follows, and of rest
#: before it follows what is painted.
RELABEL_INTERVAL = 100
TABLE_DELAY = 350
PAINT_DELAY = 250

#: A minimum size means nothing without its unit, so both change together.
SIZE = ("min_size", "min_size_unit")

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
        self._table: IndicationTable | None = None
        self.panel = ResultPanel(self.step, self.open_table, self.ask_and_save)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.panel)
        self._relabel_soon = QSignalThrottler(parent=self)
        self._relabel_soon.setTimeout(RELABEL_INTERVAL)
        self._relabel_soon.triggered.connect(self.relabel)
        self._measure_soon = self._after(TABLE_DELAY, self.measure)
        self._follow_soon = self._after(PAINT_DELAY, self.follow)
        self._keep_view_soon = self._after(TABLE_DELAY, self._keep_view)
        self._take_up_soon = self._after(0, self.take_up)
        inputs.threshold.changed.connect(lambda _: self._mark_anew("threshold"))
        for name in SIZE:
            inputs.form.widgets[name].changed.connect(lambda _: self._mark_anew(*SIZE))
        for name in (PEAK_ODDS, PIXEL_SIZE):
            inputs.form.widgets[name].changed.connect(lambda _, name=name: self._mark_anew(name))
        inputs.image.changed.connect(self.show_chosen)
        viewer.layers.events.inserted.connect(self._on_inserted)

    @property
    def chosen(self) -> Session | None:
        """The prediction of the film chosen in the form, if there is one."""
        film = self.inputs.image.value
        return self.sessions.get(film) if film is not None else None

    def add(self, film: Image, predicted: Predicted, colormap: str) -> Session:
        """Take up a prediction: make or update its layers."""
        before = self.sessions.get(film)
        view = ViewSettings(**remembered(VIEW, ViewSettings))
        found = predicted.prediction.labels
        earlier = self._marking_of(film, found.shape)
        session = Session(film, predicted, earlier and marked_anew(earlier, found))
        session.show(self.viewer, colormap, view)
        session.look_at(before.at if before is not None and before.at in session.numbers else 0)
        self.viewer.layers.selection.active = session.indications
        self._keep(session)
        return session

    def take_up(self) -> None:
        """Go on with marks of the chosen film that are in the viewer's layers alone."""
        film = self.inputs.image.value
        if film is None or film in self.sessions or film not in self.viewer.layers:
            return
        session = taken_up(self.viewer, film, self.inputs.entries, preferences().pixel_size_mm)
        if session is not None:
            self._keep(session)
            self.show_chosen()

    def _keep(self, session: Session) -> None:
        """Follow what is done with the layers of a session."""
        layer = session.indications
        layer.events.selected_label.connect(self._on_selected)
        for changed in (layer.events.paint, layer.events.set_data):
            changed.connect(self._on_painted)
        for changed in (layer.events.contour, layer.events.opacity, session.heatmap.events.visible):
            changed.connect(self._on_view)
        self.sessions[session.film] = session

    def _marking_of(self, film: Image, shape: tuple[int, ...]) -> Marking | None:
        """What is marked on a film so far, with the hand work that another run keeps."""
        session = self.sessions.get(film)
        if session is None:
            return marking_in_layers(self.viewer, film, shape)
        session.follow()
        earlier = session.taken_over()
        return earlier if earlier.labels.shape == shape else None

    def forget(self, layer: Layer) -> None:
        """A layer was removed: its film's prediction is no longer shown by the form."""
        gone = [film for film, session in self.sessions.items() if session.needs(layer)]
        for film in gone:
            del self.sessions[film]
        if gone:
            self.show_chosen()

    def let_go(self) -> None:
        """Follow no film any more; all that is known of them stands in their layers."""
        self.settle()
        self.sessions.clear()

    def show_chosen(self, _: Any = None) -> None:
        """Show the prediction of the chosen film, with the threshold and the minimum size it has."""
        self.settle()
        self._changed, self._fault = set(), ""
        session = self.chosen
        self._show_warnings()
        film = self.inputs.image.value
        if film is not None and film in self.viewer.layers:
            show_marks_of(self.viewer, film)
        if session is None:
            self.panel.show_nothing()
            self._show_table(None)
            self.inputs.show_typed()
            self.take_up()
            return
        if session.heatmap in self.viewer.layers:
            show_color_bar(self.viewer, session.heatmap)
        self.inputs.show_marked(session.settings)
        self._show_summary(session)

    def relabel(self) -> None:
        """Mark the film whose slider was moved anew with what was changed; a refusal stays to read."""
        session, self._pending = self._pending, None
        if session is None or session not in self.sessions.values():
            return
        try:
            asked = self.inputs.settings()
            changed = {name: getattr(asked, name) for name in self._changed}
            session.relabel(session.settings.model_copy(update=changed))
        except WeldFcnError as error:
            self._fault = str(error)
            self._show_warnings()
            return
        self._changed = set()
        if self._fault:
            self._fault = ""
            self._show_warnings()
        if session is self.chosen:
            self._show_summary(session)
        self._measure_soon.throttle()

    def measure(self) -> None:
        """Bring every table up to date whose labels are newer."""
        stale = [session for session in self.sessions.values() if session.stale]
        for session in stale:
            session.measure()
        self._show_changed(stale)

    def follow(self) -> None:
        """Take over what was painted or erased on any film."""
        self._show_changed([session for session in self.sessions.values() if session.follow()])

    def settle(self) -> None:
        """Do now what waits for the slider or the brush to rest."""
        self.relabel()
        self.follow()
        self.measure()

    def step(self, by: int) -> None:
        """Go to the next (1) or the previous (-1) indication."""
        session = self.chosen
        self.settle()
        if session is None or not session.count:
            return
        self.viewer.layers.selection.active = session.indications
        number = neighbour(session.at, by, session.numbers)
        if session.indications.selected_label == number:
            self._look_at(session, number)  # selected already, so no event tells of it
        session.indications.selected_label = number

    def open_table(self) -> None:
        """Open the table of the indications below the canvas."""
        session, window = self.chosen, self.window()
        if session is None:
            return
        self.viewer.layers.selection.active = session.indications
        if self._table is None or not isalive(self._table) or self._table.parent() is None:
            self._table = IndicationTable(self._pick)
            self.viewer.window.add_dock_widget(self._table, name="Indications", area="bottom")
            if isinstance(window, QMainWindow):
                docks = [dock for dock in window.findChildren(QDockWidget) if dock.isAncestorOf(self._table)]
                window.resizeDocks(docks, [TABLE_HEIGHT] * len(docks), Qt.Orientation.Vertical)
        self._show_table(session)

    def _pick(self, number: int) -> None:
        """A row of the table was picked."""
        if self.chosen is not None:
            self.chosen.indications.selected_label = number

    def _show_table(self, session: Session | None) -> None:
        if self._table is None or not isalive(self._table):
            return
        if session is None:
            self._table.show_indications(pd.DataFrame(), None)
        elif not session.stale:
            size = session.prediction.record["pixel_size_mm"]
            self._table.show_indications(session.indications.features, size)

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
        radiograph, prediction = session.to_save()

        def work(_: JobControl) -> list[Path]:
            return save(folder, radiograph, prediction)

        self.panel.save.setEnabled(False)
        self.saving = Job(work, self, f"Save {session.film.name}", lambda _: None, self._on_saved)
        self.saving.start()

    def _on_saved(self, outcome: Outcome) -> None:
        self.saving = None
        self.panel.save.setEnabled(self.chosen is not None)
        if outcome.error is not None:
            show_error(f"Nothing more was saved. {failure_sentence(outcome.error)}")
        elif not outcome.stopped:
            first = outcome.value[0]
            show_info(f"Saved {len(outcome.value)} files to {first.parent}, beginning with {first.name}.")

    def _show_changed(self, sessions: list[Session]) -> None:
        session = self.chosen
        if session is not None and session in sessions:
            self._show_summary(session)
            self._show_warnings()

    def _show_summary(self, session: Session) -> None:
        self.panel.show_summary(session.summary(), session.count, session.changed)
        self._show_table(session)
        if not session.stale and session.at in session.numbers:
            self.panel.show_indication(session.at, session.numbers, row(session.indications, session.at))

    def _show_warnings(self) -> None:
        warnings = self.chosen.warnings if self.chosen else []
        self.panel.show_warnings([self._fault, *warnings] if self._fault else warnings)

    def _mark_anew(self, *changed: str) -> None:
        self._pending = self.chosen
        self._changed.update(changed)
        self._relabel_soon.throttle()

    def _on_selected(self, event: Any) -> None:
        """A label was selected, by whatever means."""
        for session in self.sessions.values():
            if session.indications == event.source:  # not `is`: napari hands out proxies
                number = session.indications.selected_label
                beside = neighbour(session.at, number - session.at, session.numbers or [number])
                if session.steps_over(number) and beside != number:
                    session.indications.selected_label = beside
                else:
                    self._look_at(session, number)

    def _look_at(self, session: Session, number: int) -> None:
        if not centre(self.viewer, session.indications, number):
            return
        session.look_at(number)
        if session is self.chosen:
            self.panel.show_indication(number, session.numbers, row(session.indications, number))

    def _on_inserted(self, event: Any) -> None:
        """Marks that were opened may be those of the chosen film; its other layers come with them."""
        if MARKED in event.value.metadata:
            self._take_up_soon.throttle()

    def _on_painted(self, _: Any) -> None:
        self._follow_soon.throttle()

    def _on_view(self, _: Any) -> None:
        self._keep_view_soon.throttle()

    def _keep_view(self) -> None:
        """Remember how the chosen film's marks are shown; a film's that is not chosen are hidden."""
        session = self.chosen
        if session is not None and session.heatmap in self.viewer.layers:
            remember(VIEW, session.view.model_dump())

    def _after(self, delay: int, slot: Callable[[], object]) -> QSignalDebouncer:
        """What calls `slot` when nothing has asked for it for so many milliseconds."""
        rest = QSignalDebouncer(parent=self)
        rest.setTimeout(delay)
        rest.triggered.connect(slot)
        return rest
