"""A quiet job that follows a form: a moment after each change it begins anew with what the form says then.

A change while it runs stops it and begins it again; while the form's own job runs, it waits until that has
ended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from superqt.utils import QSignalDebouncer

from napari_weld_fcn.errors import WeldFcnError
from napari_weld_fcn.viewer.worker import Job, Outcome, Work

if TYPE_CHECKING:
    from napari_weld_fcn.viewer.widgets.job_widget import JobWidget


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
