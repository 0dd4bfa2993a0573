"""Trainings side by side, each in a process of its own with its share of the processor: both its ends.

A step of a small network does not fill many cores: two trainings with one core each are done sooner than the
same two one after the other with both. Each process is told its training in one line, says how far it is in
lines of JSON, and stops, with its state saved, when its input ends: when it is asked to, or when the process
that it works for is gone. Run as a program, this module is such a process.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from napari_weld_fcn import errors
from napari_weld_fcn.errors import Stopped, WeldFcnError
from napari_weld_fcn.events import Event, JobControl, ShouldStop, StepDone, TileDone
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.reproduction.material import Material
from napari_weld_fcn.reproduction.parts import Parts
from napari_weld_fcn.reproduction.plan import Training
from napari_weld_fcn.reproduction.settings import ReproductionSettings
from napari_weld_fcn.reproduction.trainings import do_training

#: Seconds between two questions whether to stop, and between two words on how far a training is.
_PATIENCE, _PAUSE = 0.2, 0.5


def work_off(
    jobs: Mapping[str, dict[str, Any]],
    at_once: int,
    on_share: Callable[[str, float | None], None],
    should_stop: ShouldStop,
) -> None:
    """Do all jobs, some at a time.

    Parameters
    ----------
    jobs
        What each process is told, JSON, by the name of its training; in the order in which they are begun.
    at_once
        How many run at a time, at most.
    on_share
        Told of each job by its name, in this thread, what share of it is done: 0 as it begins, None when it
        has ended.
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
    said: queue.Queue[tuple[str, float | None]] = queue.Queue()
    waiting, running = deque(jobs.items()), dict[str, _Process]()
    try:
        while waiting or running:
            if should_stop():
                raise Stopped
            while waiting and len(running) < at_once:
                name, told = waiting.popleft()
                running[name] = _Process(name, told, said)
                on_share(name, 0.0)
            with suppress(queue.Empty):
                name, share = said.get(timeout=_PATIENCE)
                if share is None:
                    running.pop(name).check()
                on_share(name, share)
    finally:
        for process in running.values():
            process.ask_to_stop()
        for process in running.values():
            process.wait()


class _Process:
    """A job on its way, with the thread that listens to it."""

    def __init__(self, name: str, job: dict[str, Any], said: queue.Queue[tuple[str, float | None]]) -> None:
        self.name, self._said = name, said
        self._fault: dict[str, str] | None = None
        self._last = "it said nothing."
        # In a session of its own Ctrl-C does not reach it: it is asked to stop by this process.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "napari_weld_fcn.reproduction.side_by_side"],
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
            self._process.stdin.write(json.dumps(job) + "\n")
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
            raise RuntimeError(f"The process of {self.name} ended before its time: {self._last}")

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = _read(line)
            if told is None:
                self._last = line.strip() or self._last
            elif "error" in told:
                self._fault = told
            else:
                self._said.put((self.name, told["share"]))
        self._process.stdout.close()
        self._said.put((self.name, None))


def _read(line: str) -> dict[str, Any] | None:
    """What a worker says, or None for what a library wrote."""
    try:
        told = json.loads(line)
    except ValueError:
        return None
    return told if isinstance(told, dict) and told.keys() & {"share", "error"} else None


def _main() -> int:
    """Do what standard input describes, until it ends."""
    told = json.loads(sys.stdin.readline())
    stop = threading.Event()
    threading.Thread(target=_wait_for_end, args=(stop,), daemon=True).start()
    torch.set_num_threads(told["threads"])
    try:
        _do(told, stop)
    except Stopped:
        return 0
    except WeldFcnError as fault:
        _say({"error": type(fault).__name__, "text": str(fault)})
        return 1
    return 0


def _wait_for_end(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


def _do(told: dict[str, Any], stop: threading.Event) -> None:
    folders = {name: Path(folder) for name, folder in told["folders"].items()}
    training = Training(*told["training"])
    material = Material.read(folders["crops"], folders["pairs"])
    network = NetworkSettings(**told["network"])
    settings = ReproductionSettings(**told["settings"])
    job = JobControl(_Teller(), stop.is_set)

    def work() -> dict[str, Any]:
        scores = do_training(training, network, material, folders["run"], settings, job)
        return scores | {"at_once": told["at_once"]}

    Parts(folders["out"]).do(training.name, work)


class _Teller:
    """Says how far it is, some times a second."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepDone | TileDone) and event.done and time.monotonic() >= self._next:
            self._next = time.monotonic() + _PAUSE
            _say({"share": event.done / max(event.total, 1)})


def _say(told: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(_main())
