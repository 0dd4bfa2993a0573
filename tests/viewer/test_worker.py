"""A job ends exactly once, on the main thread, whatever happens in its own."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from napari.utils import progress
from qtpy.QtCore import QThreadPool
from qtpy.QtWidgets import QWidget

from napari_weld_fcn.errors import ModelError, Stopped
from napari_weld_fcn.events import Message, TileDone
from napari_weld_fcn.viewer.worker import Job, Outcome, Started, failure_sentence


class Listener:
    """Runs one job and keeps what it says, with the thread it was said in."""

    def __init__(self, qtbot: Any, work: Any) -> None:
        self.qtbot = qtbot
        self.owner = QWidget()
        qtbot.addWidget(self.owner)
        self.events: list[Any] = []
        self.threads: set[Any] = set()
        self.outcomes: list[Outcome] = []
        self.job = Job(work, self.owner, "test", self._event, self._end)

    def _event(self, event: Any) -> None:
        self.threads.add(threading.current_thread())
        self.events.append(event)

    def _end(self, outcome: Outcome) -> None:
        self.threads.add(threading.current_thread())
        self.outcomes.append(outcome)

    def run(self) -> Outcome:
        self.job.start()
        self.qtbot.waitUntil(lambda: bool(self.outcomes), timeout=60_000)
        self.qtbot.wait(120)
        assert len(self.outcomes) == 1
        return self.outcomes[0]


def test_value_and_all_events_arrive_on_the_main_thread(qtbot) -> None:
    def work(job: Any) -> Any:
        job.tell(Message("begun"))
        job.tell(TileDone(1, 1))
        return threading.current_thread()

    listener = Listener(qtbot, work)
    outcome = listener.run()
    assert outcome.value is not threading.main_thread() and outcome.error is None
    assert listener.events == [Started(), Message("begun"), TileDone(1, 1)]
    assert listener.threads == {threading.main_thread()}


@pytest.mark.parametrize("error", [RuntimeError("out of shape"), MemoryError(), ValueError("x")])
def test_any_error_is_an_outcome_without_its_frames(qtbot, error) -> None:
    def work(*_: Any) -> None:
        raise error

    outcome = Listener(qtbot, work).run()
    assert outcome.error is error and outcome.error.__traceback__ is None
    assert not outcome.stopped


@pytest.mark.parametrize(("error", "logged"), [(ModelError("wrong file"), False), (ValueError("x"), True)])
def test_only_what_nobody_expected_leaves_a_traceback_in_the_log(qtbot, caplog, error, logged) -> None:
    def work(*_: Any) -> Any:
        raise error

    with caplog.at_level("INFO"):
        Listener(qtbot, work).run()
    assert any(record.exc_info for record in caplog.records) == logged
    assert any(record.levelname == ("ERROR" if logged else "INFO") for record in caplog.records)


def test_stop_is_heard_and_is_no_error(qtbot) -> None:
    def work(job: Any) -> None:
        while not job.should_stop():
            time.sleep(0.005)
        raise Stopped

    listener = Listener(qtbot, work)
    listener.job.start()
    qtbot.waitUntil(lambda: Started() in listener.events)
    listener.job.stop()
    qtbot.waitUntil(lambda: bool(listener.outcomes))
    assert listener.outcomes == [Outcome(stopped=True)]


def test_many_events_are_shown_as_the_newest_and_every_message_is_kept(qtbot) -> None:
    def work(job: Any) -> None:
        for number in range(5000):
            job.tell(TileDone(number + 1, 5000))
        job.tell(Message("a"))
        job.tell(Message("b"))

    listener = Listener(qtbot, work)
    listener.run()
    tiles = [event for event in listener.events if isinstance(event, TileDone)]
    assert tiles[-1] == TileDone(5000, 5000) and len(tiles) < 100
    assert [event.text for event in listener.events if isinstance(event, Message)] == ["a", "b"]


def test_full_pool_leaves_the_job_queued_and_stoppable(qtbot) -> None:
    pool = QThreadPool.globalInstance()
    before, release = pool.maxThreadCount(), threading.Event()
    pool.setMaxThreadCount(1)
    try:
        first = Listener(qtbot, lambda *_: release.wait(10))
        second = Listener(qtbot, lambda *_: "never")
        first.job.start()
        qtbot.waitUntil(lambda: Started() in first.events)
        second.job.start()
        qtbot.wait(150)
        assert second.events == []
        second.job.stop()
        release.set()
        qtbot.waitUntil(lambda: bool(second.outcomes))
        assert second.outcomes == [Outcome(stopped=True)]
    finally:
        release.set()
        pool.setMaxThreadCount(before)


def test_destroyed_owner_stops_the_job_and_hears_nothing(qtbot) -> None:
    heard = threading.Event()

    def work(job: Any) -> None:
        while not job.should_stop():
            time.sleep(0.005)
        heard.set()

    outcomes: list[Outcome] = []
    owner = QWidget()
    job = Job(work, owner, "test", lambda _: None, outcomes.append)
    job.start()
    qtbot.wait(80)
    owner.deleteLater()
    qtbot.waitUntil(heard.is_set, timeout=60_000)
    qtbot.wait(150)
    assert outcomes == []


def test_activity_dock_is_left_empty(qtbot) -> None:
    before = len(progress._all_instances)
    Listener(qtbot, lambda job: job.tell(TileDone(1, 2))).run()
    assert len(progress._all_instances) == before


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ModelError("x.safetensors: is a pickle."), "x.safetensors: is a pickle."),
        (RuntimeError("CUDA out of memory. Tried to allocate"), "There is not enough memory"),
        (KeyError("key"), "(KeyError: 'key')"),
        (RuntimeError(), "no reason given"),
    ],
)
def test_sentences(error, expected) -> None:
    assert expected in failure_sentence(error)
    assert "\n" not in failure_sentence(error)
