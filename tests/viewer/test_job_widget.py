"""One job at a time: queued, prepared, counted, stopped or shown, and after each the form works again."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_weld_fcn.errors import SettingsError, Stopped
from napari_weld_fcn.events import Message, TileDone
from napari_weld_fcn.viewer.job_widget import JobWidget, Task


class Counting(JobWidget):
    """Counts to `upto`, and then waits until it may go on or is stopped."""

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer, {"Count": self.run})
        self.upto, self.go, self.shown, self.said, self.ends = 3, threading.Event(), [], [], 0
        self.layers: tuple[Any, ...] = ()
        self.imports, self.fault, self.show = "", "", self.shown.append
        self.lay_out(self.jobs)

    def run(self) -> None:
        self.begin(self.task_now)

    def task_now(self) -> Task:
        if self.fault:
            raise SettingsError(self.fault)
        return Task(
            self.work, self.show, "Count", "preparing...", "number", "sheep", self.layers, self.imports
        )

    def work(self, job: Any) -> int:
        for number in range(self.upto):
            job.tell(TileDone(number + 1, self.upto))
        job.tell(Message("counted"))
        while not self.go.wait(0.01):
            if job.should_stop():
                raise Stopped
        return self.upto

    def heard(self, event: Any) -> None:
        self.said.append(event)

    def ended(self) -> None:
        self.ends += 1


@pytest.fixture
def counting(viewer: Any) -> Counting:
    widget = Counting(viewer)
    viewer.window.add_dock_widget(widget, name="count")
    return widget


def text(widget: Counting) -> str:
    return widget.jobs.status.text()


def works(widget: Counting, finish: Any) -> bool:
    widget.go.set()
    widget.fault, widget.show, widget.layers = "", widget.shown.append, ()
    widget.jobs.starts["Count"].click()
    assert not widget.jobs.starts["Count"].isEnabled()
    finish(widget)
    return bool(widget.shown) and widget.jobs.starts["Count"].isEnabled()


def test_value_is_shown_and_the_form_is_free_also_where_nothing_is_said(counting, finish) -> None:
    assert works(counting, finish)
    assert counting.shown == [3] and counting.ends == 1
    assert Message("counted") in counting.said and TileDone(3, 3) in counting.said
    assert not counting.jobs.stop.isEnabled() and text(counting) == ""


def test_progress_is_counted_after_the_subject(counting, qtbot, finish) -> None:
    counting.jobs.starts["Count"].click()
    assert text(counting) == "sheep: queued, another job is running..."
    qtbot.waitUntil(lambda: text(counting) == "sheep: number 3 of 3")
    counting.run()  # a second one is not begun
    counting.go.set()
    finish(counting)
    assert counting.ends == 1


def test_stop_is_said_until_the_job_has_stopped(counting, qtbot, finish) -> None:
    counting.jobs.starts["Count"].click()
    qtbot.waitUntil(lambda: "3 of 3" in text(counting))
    counting.jobs.stop.click()
    assert text(counting) == "Stopping..."
    finish(counting)
    assert text(counting) == "sheep: stopped." and not counting.shown
    assert works(counting, finish)


def test_fault_found_before_the_job_is_told(counting, finish, messages) -> None:
    counting.fault = "There are no sheep."
    counting.jobs.starts["Count"].click()
    assert messages[-1] == text(counting) == "There are no sheep."
    assert works(counting, finish)


def test_fault_in_showing_is_told(counting, finish, messages) -> None:
    def failing(_: Any) -> None:
        raise MemoryError

    counting.show = failing
    counting.go.set()
    counting.jobs.starts["Count"].click()
    finish(counting)
    assert messages[-1].startswith("sheep: There is not enough memory")
    assert works(counting, finish)


def test_removed_layer_stops_the_job_that_needs_it(viewer, counting, qtbot, finish, messages) -> None:
    counting.layers = (viewer.add_image(np.zeros((4, 4)), name="meadow"),)
    counting.jobs.starts["Count"].click()
    qtbot.waitUntil(lambda: "3 of 3" in text(counting))
    viewer.layers.remove("meadow")
    finish(counting)
    assert messages[-1].startswith("meadow was removed")
    assert works(counting, finish)


def test_stop_answers_at_once_while_the_work_is_imported(
    counting, finish, qtbot, tmp_path: Path, monkeypatch
) -> None:
    ready = tmp_path / "ready"
    (tmp_path / "slowly_imported.py").write_text(
        f"import pathlib, time\nwhile not pathlib.Path({str(ready)!r}).exists():\n    time.sleep(0.01)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    counting.imports = "slowly_imported"
    counting.jobs.starts["Count"].click()
    qtbot.waitUntil(lambda: text(counting) == "sheep: preparing...")
    counting.jobs.stop.click()
    assert counting.job is None and text(counting) == "sheep: stopped."
    ready.touch()
    assert works(counting, finish)  # it waits for the import that goes on
    assert "slowly_imported" in sys.modules
    assert counting.ends == 2 and counting.shown == [3]


def test_module_that_cannot_be_imported_is_told(counting, finish, messages) -> None:
    counting.imports = "no_such_module"
    counting.go.set()
    counting.jobs.starts["Count"].click()
    finish(counting)
    assert "no_such_module" in messages[-1]


def test_closed_dock_takes_the_widget_with_it(viewer, counting, qtbot) -> None:
    gone: list[bool] = []
    counting.destroyed.connect(lambda: gone.append(True))
    counting.jobs.starts["Count"].click()
    qtbot.waitUntil(lambda: "3 of 3" in text(counting))
    viewer.window.remove_dock_widget(counting)
    qtbot.waitUntil(lambda: bool(gone))


def test_error_that_begins_with_the_subject_names_it_once() -> None:
    task = Task(lambda *_: None, lambda _: None, "Predict", "preparing...", "tile", subject="bad")
    assert task.tells(SettingsError("bad: The radiograph is empty.")) == "bad: The radiograph is empty."
    assert task.tells(SettingsError("badly: The radiograph is empty.")).startswith("bad: badly: ")
