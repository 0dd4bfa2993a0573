"""Which processor computes, and whether it has run out of memory."""

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


def lacks_memory(fault: BaseException) -> bool:
    """Tell lack of memory from other failures; PyTorch has a class for it on GPUs only.

    What its library for processors, oneDNN, says in that case are the last three sentences.
    """
    known: tuple[type[BaseException], ...] = (MemoryError, torch.OutOfMemoryError)
    sentences = (
        "out of memory",
        "can't allocate memory",
        "not enough memory",
        "could not create a primitive",
        "could not execute a primitive",
        "could not create a memory",
    )
    return isinstance(fault, known) or any(sentence in str(fault).lower() for sentence in sentences)
