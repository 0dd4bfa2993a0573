"""Trainings side by side, each in a process of its own with its share of the processor.

A step of a small network does not fill many cores: two trainings with one core each are done sooner than the
same two one after the other with both. Each process is told its training in one line, says how far it is in
lines of JSON, and stops, with its state saved, when its input ends: when it is asked to, or when the process
that it works for is gone.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from napari_weld_fcn import errors
from napari_weld_fcn.errors import Stopped, WeldFcnError
from napari_weld_fcn.events import ShouldStop

WORKER = "napari_weld_fcn.reproduction.worker"
#: Seconds between two questions whether to stop.
_PATIENCE = 0.2


@dataclass(frozen=True)
class Job:
    """What one process does.

    Attributes
    ----------
    name
        Of its training.
    told
        What the process is told; JSON.
    """

    name: str
    told: dict[str, Any]


def work_off(
    jobs: Sequence[Job],
    at_once: int,
    *,
    on_begin: Callable[[str], None],
    on_share: Callable[[str, float], None],
    on_end: Callable[[str], None],
    should_stop: ShouldStop,
) -> None:
    """Do all jobs, some at a time.

    Parameters
    ----------
    jobs
        In the order in which they are begun.
    at_once
        How many run at a time, at most.
    on_begin, on_share, on_end
        Told of each job by its name, in this thread, and of the share of it that is done.
    should_stop
        Asked some times a second; those that run are waited for.

    Raises
    ------
    Stopped
        If `should_stop` said so.
    WeldFcnError
        What a job failed with; the others are stopped first.
    RuntimeError
        If a process ended in another way, with the last line that it wrote.
    """
    said: queue.Queue[tuple[str, dict[str, Any] | None]] = queue.Queue()
    waiting, running = deque(jobs), dict[str, _Process]()
    try:
        while waiting or running:
            if should_stop():
                raise Stopped
            while waiting and len(running) < at_once:
                job = waiting.popleft()
                running[job.name] = _Process(job, said)
                on_begin(job.name)
            with suppress(queue.Empty):
                name, told = said.get(timeout=_PATIENCE)
                if told is None:
                    running.pop(name).check()
                    on_end(name)
                else:
                    on_share(name, told["share"])
    finally:
        for process in running.values():
            process.ask_to_stop()
        for process in running.values():
            process.wait()


class _Process:
    """A job on its way, with the thread that listens to it."""

    def __init__(self, job: Job, said: queue.Queue[tuple[str, dict[str, Any] | None]]) -> None:
        self.job, self._said = job, said
        self._fault: dict[str, str] | None = None
        self._last = "it said nothing."
        # In a session of its own Ctrl-C does not reach it: it is asked to stop by this process.
        self._process = subprocess.Popen(
            [sys.executable, "-m", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it ended before; `check` tells why
            self._process.stdin.write(json.dumps(job.told) + "\n")
            self._process.stdin.flush()

    def ask_to_stop(self) -> None:
        """End its input."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def wait(self) -> None:
        """Wait until it has ended."""
        self._process.wait()
        self._listener.join()

    def check(self) -> None:
        """Raise what it failed with; it has ended, or is about to."""
        self.ask_to_stop()
        self.wait()
        if self._fault is not None:
            raise getattr(errors, self._fault["error"], WeldFcnError)(self._fault["text"])
        if self._process.returncode:
            raise RuntimeError(f"The process of {self.job.name} ended before its time: {self._last}")

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = _read(line)
            if told is None:
                self._last = line.strip() or self._last
            elif "error" in told:
                self._fault = told
            else:
                self._said.put((self.job.name, told))
        self._process.stdout.close()
        self._said.put((self.job.name, None))


def _read(line: str) -> dict[str, Any] | None:
    """What a worker says, or None for what a library wrote."""
    try:
        told = json.loads(line)
    except ValueError:
        return None
    return told if isinstance(told, dict) and told.keys() & {"share", "error"} else None
