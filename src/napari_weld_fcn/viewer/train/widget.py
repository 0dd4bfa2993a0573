"""The Train widget: from labelled layers to a model of one's own, with its curves while it learns.

A form, two jobs and their connections. The first job follows form and brush and says what is labelled and
what hinders; the second one trains. A dock that is closed meanwhile asks: a run of hours is not ended by a
click on a cross.

A dock that was closed while its job runs: asked about, because napari closes it without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event as Flag
from typing import Any

from napari import Viewer
from napari.layers import Image
from napari.utils.notifications import show_info
from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QDockWidget, QFileDialog, QMessageBox, QPushButton, QWidget

from napari_weld_fcn.events import StepDone, TileDone
from napari_weld_fcn.viewer.belonging import films
from napari_weld_fcn.viewer.films import films_in
from napari_weld_fcn.viewer.form import wrapped
from napari_weld_fcn.viewer.job_widget import JobWidget, Task
from napari_weld_fcn.viewer.predict.widget import PredictWidget
from napari_weld_fcn.viewer.train.film_rows import FAULT_COLOUR
from napari_weld_fcn.viewer.train.inputs import TrainInputs
from napari_weld_fcn.viewer.train.plan import plan_of, survey_of
from napari_weld_fcn.viewer.train.progress import TrainProgress
from napari_weld_fcn.viewer.train.run import Trained, resume_as, runs_folder, train_as
from napari_weld_fcn.viewer.train.survey import Surveyed
from napari_weld_fcn.viewer.worker import Outcome, Work, failure_sentence

#: Milliseconds of rest before the form says what is labelled.
SURVEY_DELAY = 300
#: Brings PyTorch, so it is imported in the job.
CORE = "napari_weld_fcn.training.run"


class TrainWidget(JobWidget):
    """Trains on the labelled films of one viewer, or on a folder.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in.

    Attributes
    ----------
    trained
        What was trained last; None before the first.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(
            napari_viewer,
            {"Train": self.run, "Resume a run...": self.ask_and_resume},
            meanwhile={"Pause": self.pause},
            stop_text="Stop and keep the best",
        )
        self.trained: Trained | None = None
        self._dock: QObject | None = None
        self._paused = Flag()
        self._refused, self._hindered = "", False
        self.following = self.follow(
            "Survey", SURVEY_DELAY, lambda: survey_of(self.inputs), self._on_surveyed
        )
        self.inputs = TrainInputs(napari_viewer, self.following.soon)
        self.summary = wrapped()
        self.progress = TrainProgress(napari_viewer)
        self.predict = QPushButton("Predict with it")
        self.predict.setToolTip("Open Predict with the new model, and mark the film")
        self.predict.clicked.connect(lambda: self.predict_with_it())
        self.lay_out(self.inputs, self.summary, self.jobs, self.predict, self.progress)
        self.predict.hide()
        self.following.soon()

    def reset_choices(self, _: Any = None) -> None:
        """Offer the layers and models that there are now; napari calls it when layers change."""
        self.inputs.refresh()
        if self.job is None:
            self.inputs.suggest()
        self.following.soon()

    def run(self) -> None:
        """Train on what the form says."""
        self.begin(self._task)

    def ask_and_resume(self) -> None:
        """Ask for the folder of a run and go on with it."""
        folder = QFileDialog.getExistingDirectory(self, "Folder of the run", str(runs_folder()))
        if folder:
            self.resume(folder)

    def resume(self, folder: str | Path) -> None:
        """Go on with the run in `folder`, up to the end that it was begun for."""
        run, present = Path(folder), films(self.viewer)[::-1]
        known = [films_in(film) for film in present]

        work = self._controlled(lambda job: resume_as(run, known, job))
        if self.begin(lambda: self._begun([], work, run.name, present)):
            self.summary.hide()  # it is about the form

    def pause(self) -> None:
        """Wait after this step, or go on."""
        paused = not self._paused.is_set()
        (self._paused.set if paused else self._paused.clear)()
        self.jobs.meanwhile["Pause"].setText("Resume" if paused else "Pause")
        self._show_place()

    def predict_with_it(self) -> None:
        """Open Predict with the model that was trained last, and mark the first film with it."""
        assert self.trained is not None
        dock, form = self.viewer.window.add_plugin_dock_widget("napari-weld-fcn", "Predict", tabify=True)
        dock.show()  # it may be there and hidden
        dock.raise_()
        assert isinstance(form, PredictWidget)
        form.reset_choices()
        form.inputs.model.value = self.trained.name
        present = [film for film in self.progress.films if film in self.viewer.layers]
        if present:
            form.inputs.image.value = present[0]
        form.run()

    def event(self, event: QEvent) -> bool:
        """When the dock is closed while it trains, ask; else stop and go."""
        if event.type() == QEvent.Type.ParentChange:
            dock, self._dock = self._dock, self.parent()
            if self._dock is None and isinstance(dock, QDockWidget) and self._trains():
                ask_about(self, dock)
                return bool(QWidget.event(self, event))
        if event.type() == QEvent.Type.Enter:
            self.following.soon()
        return super().event(event)

    def heard(self, event: Any) -> None:
        """Show what the run says."""
        self.progress.hear(event, known="" if self.summary.isHidden() else self.summary.text())
        if isinstance(event, StepDone | TileDone) and self._trains():
            self._show_place()

    def ended(self) -> None:
        """Draw what came last, and offer what there is now."""
        self.progress.end()
        self._paused.clear()
        self.jobs.meanwhile["Pause"].setText("Pause")
        self.inputs.refresh()
        self.inputs.suggest()
        self.following.soon()

    def refuse(self, sentence: str) -> None:
        """Tell it, until what hinders is mended."""
        self._refused = sentence
        super().refuse(sentence)

    def _on_surveyed(self, outcome: Outcome) -> None:
        found = (
            Surveyed(fault=failure_sentence(outcome.error)) if outcome.error is not None else outcome.value
        )
        self.inputs.films.show_said(found.rows)
        self.inputs.known.films.show_said(found.known)
        hindered = bool(found.fault) or any(hinders for _, hinders in (*found.rows, *found.known))
        if self._hindered and not hindered and self.jobs.status.text() == self._refused:
            self.jobs.show_idle("")
        self._hindered = hindered
        shown_there = found.fault in [text for text, _ in (*found.rows, *found.known)]
        self.summary.setText("\n".join([] if shown_there else [found.fault] if found.fault else found.notes))
        self.summary.setStyleSheet(f"color: {FAULT_COLOUR}" if found.fault else "")
        self.summary.setVisible(bool(self.summary.text()))
        self.inputs.suggest()

    def _task(self) -> Task:
        """Everything that the run needs, read off the form and the layers now."""
        self.inputs.suggest()
        plan, learned = plan_of(self.inputs)
        self.inputs.remember()

        return self._begun(learned, self._controlled(lambda job: train_as(plan, job)), plan.name)

    def _controlled(self, work: Work) -> Work:
        """The same job, paused by the form's button and asked for pictures while somebody looks."""
        paused, watched = self._paused.is_set, self.progress.watched.is_set
        return lambda job: work(replace(job, should_pause=paused, should_show=watched))

    def _begun(
        self, learned: list[Image], work: Work, name: str, present: Sequence[Image] | None = None
    ) -> Task:
        """Make the form ready for a run, and the task of it."""
        self.progress.begin(learned, learned if present is None else present, bool(self.inputs.watch.value))
        self._paused.clear()
        self.predict.hide()
        self.area.ensureWidgetVisible(self.progress)  # the curves, while it learns
        return Task(work, self._show_trained, f"Train {name}", "preparing the run...", "step", imports=CORE)

    def _show_trained(self, trained: Trained) -> None:
        self.trained, best = trained, trained.result.best
        text = f"F1 {best.f1:.3f} at threshold {best.threshold:.2f}, after epoch {best.epoch}"
        more = f", {trained.result.what_followed}" if trained.result.what_followed else ""
        text = f"{'Stopped' if trained.result.stopped else 'Trained'}: {text}{more}."
        if trained.fault:
            text = f"{text} The model is {trained.result.model}. {trained.fault}"
        else:
            text = f"{text} The model is called {trained.name} in Predict."
            self.predict.show()
        if trained.result.stopped:
            text = f"{text} To go on, resume {trained.result.run}."
        self.jobs.show_idle(text)
        show_info(text)
        for form in self.viewer.window.dock_widgets.values():
            if isinstance(form, PredictWidget):
                form.reset_choices()

    def _show_place(self) -> None:
        """Say where the run is, or where it waits."""
        place = self.progress.place
        paused = f"Paused: {place}" if self._paused.is_set() else place[:1].upper() + place[1:]
        self.jobs.status.setText(paused)

    def _trains(self) -> bool:
        return self.job is not None and not self.job.stopping


QUESTION = "The form was closed while it trains. Shall the training stop?"
STOP, GO_ON = "Stop and keep the best", "Go on training"


def ask_about(widget: JobWidget, dock: QDockWidget) -> QMessageBox:
    """Ask whether the job of a widget shall stop; if not, it gets a dock again.

    The job goes on until there is an answer.

    Parameters
    ----------
    widget
        Which has no parent any more.
    dock
        The dock that it was in, which is about to be closed.
    """
    name = dock.windowTitle()
    box = QMessageBox(dock.parentWidget())
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("Train")
    box.setText(QUESTION)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    stop = box.addButton(STOP, QMessageBox.ButtonRole.DestructiveRole)
    go_on = box.addButton(GO_ON, QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(go_on)
    box.setEscapeButton(go_on)
    stop.clicked.connect(lambda: _answered(widget, widget.stop))
    go_on.clicked.connect(lambda: _answered(widget, lambda: _dock_again(widget, name)))
    box.open()
    return box


def _answered(widget: JobWidget, do: Callable[[], object]) -> None:
    """Do what was answered, unless the job has ended meanwhile and the widget with it."""
    if isalive(widget):
        do()


def _dock_again(widget: JobWidget, name: str) -> None:
    widget.viewer.window.add_dock_widget(widget, name=name, area="right")
