"""In which arithmetic a fit runs, and what bfloat16 needs on a processor.

Channels last, the layout in which a processor is fastest, PyTorch's library (oneDNN) computes dilated
convolutions in blocks of 16 channels. Where the input channels do not fill their last block, the gradient of
such a layer's weights in bfloat16 also reads memory that nobody wrote, and may be not a number then (PyTorch
2.13: every such width from 17 on). Channels of zeros that fill the block change no result, at the price of a
few percent of the step. The other way out, the usual layout for the whole network, costs several times that.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
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
