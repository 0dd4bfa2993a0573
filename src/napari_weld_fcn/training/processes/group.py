"""The processes of one run: where each runs, which of them this is, and what they say to each other.

Rank 0 is the process in which the run was begun, so that its callbacks, its Stop and its faults are what they
are with one device; it alone decides, validates and writes, and it tells the others before each step whether
and how to go on. The others are started as commands of their own (`worker`), which read the run's folder as
`resume` does. Starting the calling program again, as is usual, would start napari again, or a notebook;
forking breaks threads and GPUs. They end when the first one ends, however it does.

Each rank works on its share of a step's batch, and the sums of their gradients are exchanged after its own
work is done. The usual wrapper exchanges them while the gradients are still being computed; a rank that then
runs out of memory and begins its step again would leave the others with half a sum. Devices are left to
Lightning Fabric, whose import takes seconds, so it waits until something is fitted.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

import torch

from napari_weld_fcn.errors import ModelError, SettingsError
from napari_weld_fcn.prediction.engine import choose_device
from napari_weld_fcn.training.hardware import Precision
from napari_weld_fcn.training.processes.child import end_after

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment


_NAMES: dict[Precision, Literal["32-true", "bf16-mixed"]] = {"float32": "32-true", "bfloat16": "bf16-mixed"}
#: How long processes wait for each other: while one of them validates, and while the run is paused.
_PATIENCE = timedelta(days=30)


@dataclass(frozen=True)
class Place:
    """Which of `count` processes this is, and at which port of this computer the first one waits."""

    rank: int
    count: int
    port: int


def fabric_for(device: str, precision: Precision, place: Place | None = None) -> Fabric:
    """Return Fabric for one device, or for this process among several, then joined with the others.

    Raises
    ------
    SettingsError
        If the machine has no such device, or not so many.
    """
    from lightning_fabric import Fabric
    from lightning_fabric.strategies.ddp import DDPStrategy

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it tells its own settings otherwise
    kind = choose_device(device).type
    if place is None:
        return Fabric(accelerator=kind, devices=1, precision=_NAMES[precision])
    check_devices(device, place.count)
    fabric = Fabric(
        accelerator=kind,
        devices=place.count,
        strategy=DDPStrategy(timeout=_PATIENCE),
        precision=_NAMES[precision],
        plugins=[_cluster(place)],
    )
    fabric.launch()
    return fabric


def check_devices(device: str, count: int) -> None:
    """Refuse more processes than there are devices; a processor is shared by any number."""
    kind = choose_device(device).type
    there = {"cuda": torch.cuda.device_count(), "mps": 1}.get(kind, count)
    if count > there:
        raise SettingsError(f"{count} devices were asked for, but there are {there} of kind {kind}.")


def _cluster(place: Place) -> ClusterEnvironment:
    """What Fabric asks for its place among processes that it did not start itself."""
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment

    class Beside(LightningEnvironment):
        """Processes on one computer, started one by one."""

        creates_processes_externally = True
        main_address = "127.0.0.1"
        main_port = place.port

        def world_size(self) -> int:
            return place.count

        def set_world_size(self, size: int) -> None:
            pass

        def global_rank(self) -> int:
            return place.rank

        def local_rank(self) -> int:
            return place.rank

    return Beside()


class Order(IntEnum):
    """What rank 0 tells the others before a step."""

    STEP = 0
    END = 1
    STOP = 2


@dataclass(frozen=True)
class ProcessGroup:
    """One process among those of a run: the one that asks.

    Attributes
    ----------
    fabric
        Joined with the others, where there are any.
    """

    fabric: Fabric

    @property
    def rank(self) -> int:
        """0 in the process that began the run."""
        return int(self.fabric.global_rank)

    @property
    def count(self) -> int:
        """Processes in all."""
        return int(self.fabric.world_size)

    def told(self, order: Order, rate: float) -> tuple[Order, float]:
        """Hand on the order and the learning rate of rank 0; what the others give is not looked at."""
        if self.count == 1:
            return order, rate
        values = torch.tensor([float(order), rate], dtype=torch.float64, device=self.fabric.device)
        torch.distributed.broadcast(values, 0)
        return Order(int(values[0])), float(values[1])

    def sum(self, tensors: Iterable[torch.Tensor]) -> None:
        """Replace tensors, in place, by their sums over all ranks."""
        if self.count == 1:
            return
        parts = list(tensors)
        flat = torch.cat([part.reshape(-1).to(torch.float32) for part in parts])
        torch.distributed.all_reduce(flat)
        for part, total in zip(parts, flat.split([part.numel() for part in parts]), strict=True):
            part.copy_(total.view_as(part))

    def wait_for_all(self) -> None:
        """Go on when every rank is here."""
        if self.count > 1:
            torch.distributed.barrier()


#: What a process says when it has read the run and is about to join.
READY = "ready"
#: Seconds in which a process ends by itself once the first one is done.
_TO_END = 10.0
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
    command = [sys.executable, "-m", "napari_weld_fcn.training.processes.worker", str(run.absolute()), data]
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
            return bool(other.wait(_TO_END / len(others)))
    return False


def _end(others: list[subprocess.Popen[bytes]]) -> None:
    for other in others:
        assert other.stdin is not None and other.stdout is not None
        other.stdin.close()  # it ends itself when it sees this
        try:
            other.wait(_TO_END)
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
    # Not through stdin's buffer, which must not be in use at the end.
    end_after(lambda: os.read(sys.stdin.fileno(), 1))
