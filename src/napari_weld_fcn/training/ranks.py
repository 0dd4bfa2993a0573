"""The processes of one run: which of them this is, and what they say to each other.

Rank 0 is the process in which the run was begun; it alone decides, validates and writes, and it tells the
others before each step whether and how to go on. Each rank works on its share of a step's batch, and the sums
of their gradients are exchanged after its own work is done. The usual wrapper exchanges them while the
gradients are still being computed; a rank that then runs out of memory and begins its step again would leave
the others with half a sum.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Order(IntEnum):
    """What rank 0 tells the others before a step."""

    STEP = 0
    END = 1
    STOP = 2


@dataclass(frozen=True)
class Ranks:
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
