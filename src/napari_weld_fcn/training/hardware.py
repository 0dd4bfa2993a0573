"""Where a fit runs and in which arithmetic, left to Lightning Fabric.

Its import takes seconds, so it waits until something is fitted.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import torch

from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.prediction.device import choose_device

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment

Precision = Literal["float32", "bfloat16"]

_NAMES: dict[Precision, Literal["32-true", "bf16-mixed"]] = {"float32": "32-true", "bfloat16": "bf16-mixed"}
#: Instruction sets without it, to which oneDNN, that computes convolutions, can be told to keep.
_WITHOUT_BFLOAT16 = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI")

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


def resolve_precision(precision: str, device: str) -> Precision:
    """Return the arithmetic that a setting names; `auto` is bfloat16 where the device computes in it.

    A processor without instructions of its own for bfloat16 becomes slower with it.

    Raises
    ------
    SettingsError
        If the machine has no such device.
    """
    if precision == "auto":
        return "bfloat16" if _computes_in_bfloat16(choose_device(device).type) else "float32"
    return "bfloat16" if precision == "bfloat16" else "float32"


def _computes_in_bfloat16(kind: str) -> bool:
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in _WITHOUT_BFLOAT16:
        return False
    # Younger than the oldest PyTorch that is allowed.
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return kind == "cpu" and any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16"))
