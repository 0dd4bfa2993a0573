"""The way down from the finest level to the coarsest and up again, which two networks share.

Going down is a strided convolution. Going up, a level is expanded to the skip's own width and *added*, so
that none is wider than it has to be. The coarsest level, where a convolution is cheapest, carries dilations.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import nn

from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.network.stage import PRIOR_LOGIT, Stage, initialise, set_prior


@torch.fx.wrap
def extend_to_multiple(x: torch.Tensor, multiple: int) -> torch.Tensor:
    """Repeat the last row and column until both sizes are multiples."""
    rows, columns = x.shape[-2:]
    below, right = -rows % multiple, -columns % multiple
    return nn.functional.pad(x, (0, right, 0, below), mode="replicate") if below or right else x


@torch.fx.wrap
def cut_to(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Cut rows and columns to those of `like`."""
    return x[..., : like.shape[-2], : like.shape[-1]]


class Levels(nn.Module):
    """An encoder-decoder with skips; what its finest level sees and says is the network's own.

    Parameters
    ----------
    inputs
        Channels of what the finest level sees.
    widths
        Channels of the finest level, and of each one below it.
    outputs
        Logits for a position of the finest level.
    multiple
        Rows and columns of a picture are extended to multiples of this, pixels.
    dilations
        Of the stages of the coarsest level, the strided one first.
    settings
        The kind of stage.
    prior_logit
        Bias of the head before training.
    """

    def __init__(
        self,
        inputs: int,
        widths: Sequence[int],
        outputs: int,
        settings: NetworkSettings,
        *,
        multiple: int,
        dilations: Sequence[int],
        prior_logit: float = PRIOR_LOGIT,
    ) -> None:
        super().__init__()
        self.multiple = multiple
        self.encoder = nn.ModuleList([_stages(inputs, widths[0], settings, step=1)])
        self.encoder.extend(_stages(above, below, settings, step=2) for above, below in pairwise(widths[:-1]))
        self.coarse = nn.Sequential(
            Stage(widths[-2], widths[-1], settings, step=2, dilation=dilations[0]),
            *(Stage(widths[-1], widths[-1], settings, dilation=dilation) for dilation in dilations[1:]),
        )
        self.expand = nn.ModuleList(
            nn.ConvTranspose2d(below, above, 2, stride=2) for above, below in pairwise(widths)
        )
        self.merge = nn.ModuleList(Stage(width, width, settings) for width in widths[:-1])
        self.head = nn.Conv2d(widths[0], outputs, 1)
        initialise(self, settings)
        for merge in self.merge:  # two signals are added before it: their variance is kept
            cast(Stage, merge).convolution.weight.data.mul_(0.5**0.5)
        set_prior(self.head, prior_logit)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Turn ``(N, 1, rows, columns)`` normalised pixels into logits of the same shape."""
        y = self.seen(extend_to_multiple(x, self.multiple))
        skips = []
        for level in self.encoder:
            y = level(y)
            skips.append(y)
        y = self.coarse(y)
        for expand, merge, skip in reversed(list(zip(self.expand, self.merge, skips, strict=True))):
            y = merge(expand(y).add_(skip))
        return cut_to(self.said(self.head(y)), x)

    def seen(self, x: torch.Tensor) -> torch.Tensor:
        """Turn pixels into what the finest level sees."""
        raise NotImplementedError

    def said(self, logits: torch.Tensor) -> torch.Tensor:
        """Turn logits of the finest level's positions into those of pixels."""
        raise NotImplementedError


def _stages(inputs: int, outputs: int, settings: NetworkSettings, step: int) -> nn.Sequential:
    return nn.Sequential(Stage(inputs, outputs, settings, step=step), Stage(outputs, outputs, settings))
