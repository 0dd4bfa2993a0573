"""Dilated convolutions in bfloat16 on a processor, kept from memory that nobody wrote.

Channels last, the layout in which a processor is fastest, PyTorch's library (oneDNN) computes such layers in
blocks of 16 channels. Where the input channels do not fill their last block and the convolution is dilated,
the gradient of its weights also reads what happened to lie in that memory, and is not a number where that was
none (PyTorch 2.13: every such width from 17 on, and only in bfloat16). Channels of zeros that fill the block
change no result, at the price of a few percent of the step. The other way out, the usual layout for the whole
network, costs several times that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

#: Channels that are computed together.
BLOCK = 16


class WholeBlocks(TorchFunctionMode):
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
