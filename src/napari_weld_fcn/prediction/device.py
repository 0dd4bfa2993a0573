"""Which processor computes, and whether bfloat16 pays there.

A processor without bfloat16 instructions emulates them and gets slower, so `auto` asks what the machine has
instead of trying. Whether the result stays near float32 is another question, answered for each radiograph
by `precision.py`.
"""

from __future__ import annotations

import torch

from napari_weld_fcn.errors import SettingsError


def choose_device(name: str) -> torch.device:
    """Return the device that a setting names; `auto` takes CUDA, then MPS, then the processor.

    Raises
    ------
    SettingsError
        If the machine has no such device.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, present in there.items() if present))
    if not there.get(name, False):
        raise SettingsError(
            f"Device {name} is not there, or this PyTorch ({torch.__version__}) cannot use it; "
            "take auto or cpu."
        )
    return torch.device(name)


def has_bfloat16(device: torch.device) -> bool:
    """Whether `device` multiplies bfloat16 by instructions of its own."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    return any(_capabilities().get(name) for name in ("avx512_bf16", "amx_bf16", "sve_bf16"))


def _capabilities() -> dict[str, object]:
    ask = getattr(torch.cpu, "get_capabilities", None)  # PyTorch 2.11 and later
    if ask is not None:
        return dict(ask())
    ask = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return {"avx512_bf16": bool(ask()) if ask is not None else False}
