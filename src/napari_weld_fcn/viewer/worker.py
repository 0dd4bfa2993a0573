"""The one form in which a long job runs beside napari's event loop.

A job is a plain function of a `JobControl`. It runs in a thread of Qt's pool, catches whatever it
raises and *returns* it in an `Outcome`: the workers' own `errored` signal shows nothing, aborts or raises a
second time, depending on the binding, and a generator worker turns every `RuntimeError` (a GPU out of memory
is one) into a mere warning. What the job says goes through a queue that a timer empties on the main thread,
so a job that speaks a thousand times a second cannot flood the event loop and no thread but the main one
touches a widget or a layer.

Importing PyTorch takes seconds in which a job cannot ask whether to stop. So whoever comes first decides: the
job, whose imports are done, begins its work; or Stop, which ends it there and then, while the import goes on
alone and nothing follows it.

A closed window stops the job and drops its outcome: nobody is left to be told. Whether it is closed is asked
of Qt each time; a slot on `destroyed` is called while Python takes the widget apart, and crashes with PyQt6.

A quiet job that follows a form: a moment after each change it begins anew with what the form says then.

A change while it runs stops it and begins it again; while the form's own job runs, it waits until that has
ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from queue import Empty, SimpleQueue
from threading import Event as Flag
from threading import Lock
from typing import TYPE_CHECKING, Any

from napari.qt.threading import create_worker
from napari.utils import progress
from qtpy.compat import isalive
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget
from superqt.utils import QSignalDebouncer

from napari_weld_fcn.errors import Stopped, WeldFcnError
from napari_weld_fcn.events import Event, JobControl, StepDone, TileDone

if TYPE_CHECKING:
    from napari_weld_fcn.viewer.job_widget import JobWidget


logger = logging.getLogger(__name__)

#: Milliseconds between two looks into the queue of events.
DRAIN_INTERVAL = 50

Work = Callable[[JobControl], Any]


@dataclass(frozen=True)
class Started:
    """The pool had a free thread: until this event arrives the job is queued."""


@dataclass(frozen=True)
class Outcome:
    """How a job ended: with a `value`, with an `error`, or `stopped` on request."""

    value: Any = None
    error: Exception | None = None
    stopped: bool = False


def failure_sentence(error: Exception) -> str:
    """Say what went wrong to the person at the screen, in one sentence.

    Parameters
    ----------
    error
        What a job returned in its `Outcome`.
    """
    if isinstance(error, WeldFcnError):
        return str(error)
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return (
            "There is not enough memory: choose a smaller tile, region, batch or window, or close other "
            "programs."
        )
    reason = " ".join(str(error).split()) or "no reason given"
    return f"The job failed ({type(error).__name__}: {reason}); the log has the details."


class Job:
    """One run of `work` in a thread, with its events and its end delivered on the main thread.

    Parameters
    ----------
    work
        Called as ``work(job)`` in the thread.
    owner
        The widget whose job it is; when it is destroyed the job stops and nothing is delivered.
    description
        What the activity dock calls it.
    on_event, on_end
        Called on the main thread with each event and, once, with the `Outcome`.
    imports
        A module to import in the thread before the work begins.
    quiet
        Whether it has no bar in the activity dock, as a job has that follows every change of a form.
    """

    def __init__(
        self,
        work: Work,
        owner: QWidget,
        description: str,
        on_event: Callable[[Event | Started], None],
        on_end: Callable[[Outcome], None],
        imports: str = "",
        quiet: bool = False,
    ) -> None:
        self._work = work
        self._imports = imports
        self._quiet = quiet
        self._on_event = on_event
        self._on_end = on_end
        self._description = description
        self._events: SimpleQueue[Event | Started] = SimpleQueue()
        self._stop = Flag()
        self._decided = Lock()
        self._ended = False
        self._owner = owner
        self._draining = False
        self._bar: progress | None = None
        self._timer = QTimer(owner)
        self._timer.setInterval(DRAIN_INTERVAL)
        self._timer.timeout.connect(self._drain)
        self._worker = create_worker(
            _Named(self._run, description), _start_thread=False, _connect={"returned": self._finish}
        )

    def start(self) -> None:
        """Hand the job to the thread pool and open its bar in the activity dock."""
        if not self._quiet:
            self._bar = progress(total=0, desc=self._description)
        self._timer.start()
        self._worker.start()

    def stop(self) -> None:
        """Ask the job to stop; its outcome arrives as soon as it has noticed, at once if it has not begun."""
        self._stop.set()
        if self._decided.acquire(blocking=False):
            self._finish(Outcome(stopped=True))

    @property
    def stopping(self) -> bool:
        """Whether the job was asked to stop: by its owner, by the owner's end or by that of napari."""
        return self._stop.is_set() or self._worker.abort_requested or not isalive(self._owner)

    def _run(self) -> Outcome:
        self._events.put(Started())
        try:
            if self._imports and not self.stopping:
                import_module(self._imports)
            if self.stopping or not self._decided.acquire(blocking=False):
                return Outcome(stopped=True)
            return Outcome(value=self._work(JobControl(self._events.put, lambda: self.stopping)))
        except Stopped:
            return Outcome(stopped=True)
        except WeldFcnError as error:  # what a user can mend needs no traceback in the log
            logger.info("%s: %s", self._description, error)
            return Outcome(error=_without_frames(error))
        except Exception as error:
            logger.exception("%s failed", self._description)
            return Outcome(error=_without_frames(error))

    def _drain(self) -> None:
        if self._draining:
            return
        self._draining = True
        try:
            newest = self._deliver_events()
        finally:
            self._draining = False
        if newest is not None:
            self._advance(newest)  # last, because the activity dock runs the event loop in it

    def _deliver_events(self) -> TileDone | StepDone | None:
        newest: TileDone | StepDone | None = None
        while True:
            try:
                event = self._events.get_nowait()
            except Empty:
                break
            if isinstance(event, (TileDone, StepDone)):
                newest = event
            else:
                self._on_event(event)
        if newest is not None:
            self._on_event(newest)
        return newest

    def _advance(self, event: TileDone | StepDone) -> None:
        if self._bar is None:
            return
        if self._bar.total != event.total:
            self._bar.total = event.total
        self._bar.update(event.done - self._bar.n)

    def _finish(self, outcome: Outcome) -> None:
        if self._ended:
            return
        self._ended = True
        if not isalive(self._owner):
            self._close_bar()
            return
        self._timer.stop()
        self._deliver_events()
        self._close_bar()
        self._timer.deleteLater()
        self._on_end(outcome)

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class _Named:
    """A function with a name to read: napari lists it when its window is closed while the job runs."""

    def __init__(self, function: Callable[[], Outcome], name: str) -> None:
        self._function, self._name = function, name

    def __call__(self) -> Outcome:
        return self._function()

    def __str__(self) -> str:
        return self._name


def _without_frames(error: Exception) -> Exception:
    """Drop the traceback: its frames would keep the image and the network in memory."""
    return error.with_traceback(None)


class Following:
    """The quiet job of `widget`.

    Parameters
    ----------
    widget
        Whose form it follows.
    description
        What the log calls it.
    delay
        Milliseconds of rest after a change.
    prepare
        Reads the work off the form; a `WeldFcnError` that it raises is handed to `show`.
    show
        Called on the main thread with what was found, or with the error; not when it was stopped.
    """

    def __init__(
        self,
        widget: JobWidget,
        description: str,
        delay: int,
        prepare: Callable[[], Work],
        show: Callable[[Outcome], object],
    ) -> None:
        self._widget, self._description = widget, description
        self._prepare, self._show = prepare, show
        self._job: Job | None = None
        self._outdated = False
        self._rest = QSignalDebouncer(parent=widget)
        self._rest.setTimeout(delay)
        self._rest.triggered.connect(self.begin)
        self.soon = self._rest.throttle

    @property
    def busy(self) -> bool:
        """Whether it runs."""
        return self._job is not None

    @property
    def settled(self) -> bool:
        """Whether it does not run and need not run again."""
        return self._job is None and not self._outdated

    def begin(self) -> None:
        """Begin now; while a job runs, remember to."""
        if self._widget.job is not None or self._job is not None:
            self._outdated = True
            self.stop()
            return
        self._outdated = False
        try:
            work = self._prepare()
        except WeldFcnError as error:
            self._show(Outcome(error=error))
            return
        self._job = Job(work, self._widget, self._description, lambda _: None, self._on_end, quiet=True)
        self._job.start()

    def stop(self) -> None:
        """Stop it, if it runs."""
        if self._job is not None:
            self._job.stop()

    def free(self) -> None:
        """The widget's own job has ended: begin, if something changed meanwhile."""
        if self._outdated:
            self.soon()

    def _on_end(self, outcome: Outcome) -> None:
        self._job = None
        if self._widget.go_if_closed():
            return
        if not outcome.stopped:
            self._show(outcome)
        self.free()
