"""Where a fit runs and in which arithmetic, left to Lightning Fabric.

Its import takes seconds, so it waits until something is fitted.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

import torch

from napari_weld_fcn.prediction.device import choose_device

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Precision = Literal["float32", "bfloat16"]

_NAMES: dict[Precision, Literal["32-true", "bf16-mixed"]] = {"float32": "32-true", "bfloat16": "bf16-mixed"}


def fabric_for(device: str, precision: Precision) -> Fabric:
    """Return Fabric for one device.

    Raises
    ------
    SettingsError
        If the machine has no such device.
    """
    from lightning_fabric import Fabric

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it tells its own settings otherwise
    return Fabric(accelerator=choose_device(device).type, devices=1, precision=_NAMES[precision])


def resolve_precision(precision: str, device: str) -> Precision:
    """Return the arithmetic that a setting names; `auto` is bfloat16 where a CUDA device has it.

    Raises
    ------
    SettingsError
        If the machine has no such device.
    """
    if precision == "auto":
        has_it = choose_device(device).type == "cuda" and torch.cuda.is_bf16_supported()
        return "bfloat16" if has_it else "float32"
    return "bfloat16" if precision == "bfloat16" else "float32"
