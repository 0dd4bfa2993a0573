"""What a fit asks of the hardware: its arithmetic, its memory, and what either needs to be right and fast.

Channels last, the layout in which a processor is fastest, PyTorch's library (oneDNN) computes dilated
convolutions in blocks of 16 channels. Where the input channels do not fill their last block, the gradient of
such a layer's weights in bfloat16 also reads memory that nobody wrote, and may be not a number then (PyTorch
2.13: every such width from 17 on). Channels of zeros that fill the block change no result, at the price of a
few percent of the step. The other way out, the usual layout for the whole network, costs several times that.

Nearly all memory are the results of layers that are kept for the way back. They grow with the pixels of a
step, so one small patch is enough to count them. Beside them stand the gradients under way, which are as
large as a few of the largest results, and on a processor what lies idle between them.

The C library of Linux hands every large array back to the system as soon as it is free, and asks for it anew
a moment later; the kernel then clears each page. With the arrays of a training step that took up to half of
the time. While a fit runs, freed memory is kept for the next step; afterwards it is given back, and at once
where memory lacks: pieces that lie free between others are of no use to an array larger than each of them.
"""

from __future__ import annotations

import copy
import ctypes
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

from napari_weld_fcn.prediction.engine import choose_device

Precision = Literal["float32", "bfloat16"]

#: Instruction sets without it, to which oneDNN, that computes convolutions, can be told to keep.
_WITHOUT_BFLOAT16 = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI")
#: Channels that are computed together.
BLOCK = 16


class PadChannels(TorchFunctionMode):
    """While it is entered, dilated convolutions under autocast on a processor get whole blocks."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call `func`, of a convolution that needs it with zeros for the channels that its block lacks."""
        if func is torch.conv2d and not kwargs and _reads_too_far(*args):
            pixels, weight, *others = args
            missing = (0, 0, 0, 0, 0, -pixels.shape[1] % BLOCK)
            return func(F.pad(pixels, missing), F.pad(weight, missing), *others)
        return func(*args, **(kwargs or {}))


def _reads_too_far(
    pixels: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> bool:
    """Whether the gradient of this layer's weights would; the arguments are those of `torch.conv2d`."""
    dilated = max(dilation) > 1 if isinstance(dilation, tuple | list) else dilation > 1
    partial = pixels.shape[1] > BLOCK and pixels.shape[1] % BLOCK > 0
    in_bfloat16 = pixels.device.type == "cpu" and torch.is_autocast_enabled("cpu")
    return dilated and partial and groups == 1 and in_bfloat16


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


#: Python, PyTorch and Fabric themselves, bytes.
PROGRAM_BYTES = 0.33e9
#: Gradients alive at one time, in units of the largest result.
_UNDER_WAY = 3
#: Memory that a processor's steps keep, over what they use at once: freed pieces do not always fit again.
_KEPT = 1.7
#: Edge of the patch that is counted, pixels.
_EDGE = 64
#: Names and usual values of what `mallopt` sets, from glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_USUAL_TRIM, _USUAL_MMAPS = 128 * 1024, 65536
_NEVER_TRIM = 2**31 - 1


def estimate(network: torch.nn.Module, patches: int, size: tuple[int, int], device: str) -> int:
    """Estimate the memory of a training.

    Parameters
    ----------
    network
        Left as it is.
    patches
        In a step of one process.
    size
        Rows and columns of a patch.
    device
        ``cpu``, ``cuda`` or ``mps``; of a GPU its own memory is told.

    Returns
    -------
    int
        Bytes of one process, films left out.
    """
    saved, largest = _for_each_pixel(network)
    weights = sum(parameter.numel() * parameter.element_size() for parameter in network.parameters())
    pixels = patches * size[0] * size[1]
    used = pixels * (saved + _UNDER_WAY * largest) + 5 * weights  # gradients, two moments, an average
    return round(PROGRAM_BYTES + _KEPT * used if device == "cpu" else used)


def memory_of_computer() -> int | None:
    """Bytes of memory that this computer has, or None where it does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _for_each_pixel(network: torch.nn.Module) -> tuple[float, float]:
    """Bytes that are kept for the way back, and of the largest result, for each pixel."""
    network = copy.deepcopy(network).cpu().train()
    own = {parameter.data_ptr() for parameter in network.parameters()}
    kept: dict[int, torch.Tensor] = {}  # alive, so that no address is used twice

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.data_ptr() not in own:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    def give(tensor: Any) -> Any:
        return tensor

    drawn = torch.get_rng_state()
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, give):
        network(torch.zeros(1, 1, _EDGE, _EDGE)).sum()
    torch.set_rng_state(drawn)
    sizes = [tensor.untyped_storage().nbytes() for tensor in kept.values()]
    return sum(sizes) / _EDGE**2, max(sizes) / _EDGE**2


@contextmanager
def malloc_tuning() -> Iterator[None]:
    """Keep freed memory for the next arrays while the block runs; does nothing where there is no glibc."""
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    library = ctypes.CDLL(None)
    library.mallopt(_MMAP_MAX, 0)
    library.mallopt(_TRIM_THRESHOLD, _NEVER_TRIM)
    try:
        yield
    finally:
        give_back()


def give_back() -> None:
    """Keep no memory any more, and give back what lies free."""
    if platform.libc_ver()[0] != "glibc":
        return
    library = ctypes.CDLL(None)
    library.mallopt(_MMAP_MAX, _USUAL_MMAPS)
    library.mallopt(_TRIM_THRESHOLD, _USUAL_TRIM)
    library.malloc_trim(0)
