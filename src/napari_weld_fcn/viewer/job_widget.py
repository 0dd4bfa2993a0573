"""What every widget that runs a long job has in common: one job at a time, its buttons, and its end.

A widget says in a `Task` what is to be done, what the form says meanwhile and what shows the value; `begin`
does the rest. Whatever goes wrong, before, in or after the job, ends in a notification and in a form that
works again. A closed dock stops its jobs and goes with the last of them. A second form opens as a tab on the
first, for two below each other leave neither the room to be read.

What else a widget wants to know it overrides: `heard` (an event), `stopped` (what is left of a
stopped job) and `ended` (the form is free again).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from napari import Viewer
from napari.layers import Image, Layer
from napari.utils.notifications import show_error
from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QDockWidget, QMainWindow, QScrollArea, QVBoxLayout, QWidget

from napari_weld_fcn.errors import WeldFcnError
from napari_weld_fcn.events import Event, StepDone, TileDone
from napari_weld_fcn.viewer.belonging import rename_outputs
from napari_weld_fcn.viewer.job_panel import JobPanel
from napari_weld_fcn.viewer.showing import leave_nothing_behind
from napari_weld_fcn.viewer.worker import Following, Job, Outcome, Started, Work, failure_sentence

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """One job, and what is said of it.

    Attributes
    ----------
    work
        Called as ``work(job)`` in a thread; it holds all that it needs of form and layers.
    show
        Called with the value on the main thread; what it raises is told as a failure.
    description
        What the activity dock calls the job.
    preparing
        What the form says before the first progress.
    counted
        What progress counts, such as ``"crop"``; nothing where it is told in percent.
    subject
        What all sentences begin with, such as the film's name; nothing where there is one thing only.
    layers
        Layers without which the job is pointless: it stops when one of them is removed.
    imports
        A module that the work needs and that takes seconds to import, such as one that brings PyTorch.
    """

    work: Work
    show: Callable[[Any], object]
    description: str
    preparing: str
    counted: str
    subject: str = ""
    layers: tuple[Layer, ...] = ()
    imports: str = ""

    def says(self, text: str) -> str:
        """`text` as a line of its own: after the subject, or with a capital."""
        return f"{self.subject}: {text}" if self.subject else text[:1].upper() + text[1:]

    def tells(self, error: Exception) -> str:
        """The sentence of an error, after the subject unless it begins with that itself."""
        told = failure_sentence(error)
        named = not self.subject or told.startswith(f"{self.subject}: ")
        return told if named else f"{self.subject}: {told}"


class JobWidget(QWidget):
    """A form in a dock of `napari_viewer`, with buttons, progress and one line of what is going on.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in.
    starts
        What to call for each start button, by its text.
    meanwhile
        What to call for each button, besides Stop, that can be pressed while the job runs.
    stop_text
        What Stop is called.

    Attributes
    ----------
    job
        The job that runs; None where the form is free.
    jobs
        Buttons, bar and line.
    """

    def __init__(
        self,
        napari_viewer: Viewer,
        starts: dict[str, Callable[[], object]],
        meanwhile: Mapping[str, Callable[[], object]] = MappingProxyType({}),
        stop_text: str = "Stop",
    ) -> None:
        super().__init__()
        leave_nothing_behind()
        self.viewer = napari_viewer
        self.job: Job | None = None
        self.task: Task | None = None
        self.jobs = JobPanel(starts, self.stop, meanwhile, stop_text)
        self._following: Following | None = None
        self._refusal, self._placed = "", False
        for layer in napari_viewer.layers:
            self._hear_of_name(layer)
        napari_viewer.layers.events.inserted.connect(self._on_layer)
        napari_viewer.layers.events.removed.connect(self._on_removed)

    def begin(self, prepare: Callable[[], Task]) -> bool:
        """Start what `prepare` reads off the form and the layers now, unless a job runs already.

        Parameters
        ----------
        prepare
            Called at once; a `WeldFcnError` that it raises is told.

        Returns
        -------
        bool
            Whether the job was started.
        """
        if self.job is not None:
            return False
        try:
            task = prepare()
        except WeldFcnError as error:
            self.refuse(str(error))
            self._refusal = str(error)
            return False
        self.task = task
        self.job = Job(task.work, self, task.description, self._on_event, self._on_end, imports=task.imports)
        self.jobs.show_busy(task.says("queued, another job is running..."))
        self.job.start()
        return True

    def follow(
        self, description: str, delay: int, prepare: Callable[[], Work], show: Callable[[Outcome], object]
    ) -> Following:
        """Have a quiet job follow the form; the parameters are those of `Following`."""
        self._following = Following(self, description, delay, prepare, show)
        return self._following

    def stop(self) -> None:
        """Stop the job as soon as it looks; before its work has begun, at once."""
        if self.job is not None:
            self.jobs.show_busy("Stopping...")
            self.job.stop()

    def refuse(self, sentence: str) -> None:
        """Tell it in napari and in the form, and let the form work again."""
        self.jobs.show_idle(sentence)
        show_error(sentence)

    def heard(self, event: Event) -> None:
        """Hear an event of the job on the main thread; the bar has followed it already."""

    def stopped(self) -> str:
        """What the form says of a job that was stopped."""
        return "stopped."

    def ended(self) -> None:
        """The job has ended, however it did, and the form is free."""

    def lay_out(self, *parts: QWidget, width: int = 360) -> None:
        """Put `parts` below each other into an area that scrolls, at least `width` pixels wide."""
        content = QWidget()
        layout = QVBoxLayout(content)
        for part in parts:
            layout.addWidget(part)
        layout.addStretch(1)
        self.area = area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidget(content)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        self.setMinimumWidth(width)

    def event(self, event: QEvent) -> bool:
        """When the dock is closed, which takes the widget out of its window, stop the jobs and go."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.stop()
            if self._following is not None:
                self._following.stop()
            self.go_if_closed()
        return bool(super().event(event))

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  (Qt's name)
        """When it is first shown, become a tab of a form that is there, once napari has placed the dock."""
        super().showEvent(event)
        if not self._placed:
            self._placed = True
            QTimer.singleShot(0, self._join_forms)

    def _join_forms(self) -> None:
        window = self.window() if isalive(self) else None
        if not isinstance(window, QMainWindow):
            return
        docks = [dock for dock in window.findChildren(QDockWidget) if not dock.isFloating()]
        own = [dock for dock in docks if dock.isAncestorOf(self)]
        others = [dock for dock in docks if dock not in own and dock.isVisible() and _holds_form(dock)]
        if own and others and own[0] not in window.tabifiedDockWidgets(others[0]):
            window.tabifyDockWidget(others[0], own[0])
            own[0].show()
            own[0].raise_()

    def go_if_closed(self) -> bool:
        """Whether the dock was closed; the widget goes with its last job."""
        if self.window() is not self:
            return False
        if self.job is None and not (self._following and self._following.busy):
            self.deleteLater()
        return True

    def _on_event(self, event: Event | Started) -> None:
        assert self.job is not None and self.task is not None
        match event:
            case Started() | TileDone() | StepDone() if self.job.stopping:
                pass  # the form goes on saying that it stops
            case Started():
                self.jobs.show_busy(self.task.says(self.task.preparing))
            case TileDone() | StepDone():
                counted = self.task.counted
                self.jobs.show_progress(event, self.task.says(counted or "done"), percent=not counted)
        if not isinstance(event, Started):
            self.heard(event)

    def _on_end(self, outcome: Outcome) -> None:
        task, self.task, self.job = self.task, None, None
        assert task is not None
        if self.go_if_closed():
            return
        removed = [layer.name for layer in task.layers if layer not in self.viewer.layers]
        if outcome.error is not None:
            self.refuse(task.tells(outcome.error))
        elif removed:
            self.refuse(f"{removed[0]} was removed from the viewer; the job was stopped.")
        elif outcome.stopped:
            self.jobs.show_idle(task.says(self.stopped()))
        else:
            self._show_value(task, outcome.value)
        self.ended()
        if self._following is not None:
            self._following.free()

    def _show_value(self, task: Task, value: Any) -> None:
        try:
            task.show(value)
        except Exception as error:
            logger.exception("%s: the outcome could not be shown", task.description)
            self.refuse(task.tells(error))
        if self.jobs.busy:
            self.jobs.show_idle("")

    def _on_layer(self, event: Any) -> None:
        """What hindered may be mended by a layer that was opened, and a film tells when it is renamed."""
        self._hear_of_name(event.value)
        if self.job is None and isinstance(event.value, Image) and self.jobs.status.text() == self._refusal:
            self.jobs.show_idle("")

    def _hear_of_name(self, layer: Layer) -> None:
        if isinstance(layer, Image):
            layer.events.name.connect(self._on_name)

    def _on_name(self, event: Any) -> None:
        rename_outputs(self.viewer, event.source)

    def _on_removed(self, event: Any) -> None:
        if self.job is not None and self.task is not None and event.value in self.task.layers:
            self.job.stop()


def _holds_form(dock: QDockWidget) -> bool:
    return bool(dock.findChildren(JobWidget))
