"""The other processes of a run that several devices share.

They are started as commands of their own, which read the run's folder as `resume` does. Starting the calling
program again, as is usual, would start napari again, or a notebook; forking breaks threads and GPUs. The
process that begins the run is itself the first, so that its callbacks, its Stop and its faults are what they
are with one device. The others end when it ends, however it does.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

import torch

from napari_weld_fcn.errors import ModelError
from napari_weld_fcn.training.arithmetic import Precision
from napari_weld_fcn.training.process_group import Place, check_devices, fabric_for

if TYPE_CHECKING:
    from lightning_fabric import Fabric

#: What a process says when it has read the run and is about to join.
READY = "ready"
#: Seconds in which a process ends by itself once the first one is done.
_PATIENCE = 10.0
#: What joining puts into the environment, which is not ours to keep.
_VARIABLES = ("MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE", "OMP_NUM_THREADS")


@contextmanager
def joined(run: Path, data: str, device: str, precision: Precision, count: int) -> Iterator[Fabric]:
    """Start the other processes of a run, join them, and see to it that they end.

    Parameters
    ----------
    run, data
        Folder of the run, and of its data; empty data are in the run's folder.
    device, precision
        As `fabric_for` takes them.
    count
        Processes in all.

    Raises
    ------
    SettingsError
        If there are not so many devices.
    ModelError
        If one of the processes ends before its time.
    """
    check_devices(device, count)
    port = _free_port()
    with tempfile.TemporaryFile() as told, _surroundings(count):
        others = [_start(run, data, Place(rank, count, port), told) for rank in range(1, count)]
        try:
            for other in others:
                _wait_until_ready(other, told)
            try:
                yield fabric_for(device, precision, Place(0, count, port))
            except RuntimeError as fault:
                if not _ended_early(others):
                    raise
                raise ModelError(f"A process of the training ended before its time: {_last(told)}") from fault
        finally:
            _leave()
            _end(others)


def _start(run: Path, data: str, place: Place, told: IO[bytes]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "napari_weld_fcn.training.follower", str(run.absolute()), data]
    numbers = (str(number) for number in (place.rank, place.count, place.port))
    return subprocess.Popen([*command, *numbers], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=told)


def _wait_until_ready(other: subprocess.Popen[bytes], told: IO[bytes]) -> None:
    assert other.stdout is not None
    if other.stdout.readline().decode().strip() != READY:
        other.wait()
        raise ModelError(f"A process of the training could not begin: {_last(told)}")


def _ended_early(others: list[subprocess.Popen[bytes]]) -> bool:
    for other in others:
        with suppress(subprocess.TimeoutExpired):
            return bool(other.wait(_PATIENCE / len(others)))
    return False


def _end(others: list[subprocess.Popen[bytes]]) -> None:
    for other in others:
        assert other.stdin is not None and other.stdout is not None
        other.stdin.close()  # it ends itself when it sees this
        try:
            other.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            other.kill()
            other.wait()
        other.stdout.close()


def _last(told: IO[bytes]) -> str:
    """The last line that the processes wrote."""
    told.seek(0)
    lines = told.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing."


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def _surroundings(count: int) -> Iterator[None]:
    """Give each process its share of the processor's cores; put back what joining changes."""
    threads = torch.get_num_threads()
    before = {name: os.environ.get(name) for name in _VARIABLES}
    os.environ["OMP_NUM_THREADS"] = str(max(1, threads // count))
    torch.set_num_threads(max(1, threads // count))
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _leave() -> None:
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def end_with_the_first() -> None:
    """In another process than the first: heed no Ctrl-C, and end when the first one does, even if killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        os.read(sys.stdin.fileno(), 1)  # not through its buffer, which must not be in use at the end
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
