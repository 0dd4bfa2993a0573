"""The processes of one run: where each runs, which of them this is, and what they say to each other.

Rank 0 is the process in which the run was begun; it alone decides, validates and writes, and it tells the
others before each step whether and how to go on. Each rank works on its share of a step's batch, and the sums
of their gradients are exchanged after its own work is done. The usual wrapper exchanges them while the
gradients are still being computed; a rank that then runs out of memory and begins its step again would leave
the others with half a sum. Devices are left to Lightning Fabric, whose import takes seconds, so it waits
until something is fitted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, Literal

import torch

from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.prediction.engine import choose_device
from napari_weld_fcn.training.arithmetic import Precision

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
