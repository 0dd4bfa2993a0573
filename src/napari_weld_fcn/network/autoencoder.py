"""An encoder-decoder with skips, built for speed.

The usual U-Net spends most of its time on the two finest levels and on concatenating them. Here the
pixels are folded into channels on entry (`PixelUnshuffle`), so the finest level has a quarter of the
positions, and unfolded from four logits at the end. Going down is a strided convolution, going up a
learned 2 x 2 expansion to the skip's own width, so that a skip is *added* and the merged stage stays
narrow. Beside the pixels the first stage sees their contrast to the surroundings (`contrast`). The coarsest
level, where a convolution is cheapest, carries the dilations that see the bead.
"""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
from torch import nn

from napari_weld_fcn.network.contrast import CELL, LocalContrast
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.network.stage import PRIOR_LOGIT, Stage, initialise, set_prior

#: Positions are folded by this much on entry and unfolded by it at the end.
ENTRY = 2
#: Dilations of the stages of the coarsest level, the strided one first.
COARSE_DILATIONS = (1, 2, 2, 4)


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


class Autoencoder(nn.Module):
    """Half resolution and `depth` levels below it; widths double with each level.

    Parameters
    ----------
    settings
        `width` of the finest level, `depth` and the kind of stage.
    prior_logit
        Bias of the head before training.
    """

    def __init__(self, settings: NetworkSettings, prior_logit: float = PRIOR_LOGIT) -> None:
        super().__init__()
        widths = [settings.width * 2**level for level in range(settings.depth + 1)]
        self.multiple = ENTRY * max(2**settings.depth, CELL)
        self.fold = nn.PixelUnshuffle(ENTRY)
        self.contrast = LocalContrast()
        self.encoder = nn.ModuleList([_finest(widths[0], settings)])
        self.encoder.extend(_level(above, below, settings) for above, below in pairwise(widths[:-1]))
        self.coarse = _coarse(widths[-2], widths[-1], settings)
        self.expand = nn.ModuleList(
            nn.ConvTranspose2d(below, above, 2, stride=2) for above, below in pairwise(widths)
        )
        self.merge = nn.ModuleList(Stage(width, width, settings) for width in widths[:-1])
        self.head = nn.Conv2d(widths[0], ENTRY**2, 1)
        self.unfold = nn.PixelShuffle(ENTRY)
        initialise(self, settings)
        self._balance_merges()
        set_prior(self.head, prior_logit)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Turn ``(N, 1, rows, columns)`` normalised pixels into logits of the same shape."""
        y = self.contrast(self.fold(extend_to_multiple(x, self.multiple)))
        skips = []
        for level in self.encoder:
            y = level(y)
            skips.append(y)
        y = self.coarse(y)
        for expand, merge, skip in reversed(list(zip(self.expand, self.merge, skips, strict=True))):
            y = merge(expand(y).add_(skip))
        return cut_to(self.unfold(self.head(y)), x)

    def _balance_merges(self) -> None:
        """Scale the weights after each sum of two signals, so that its variance is kept."""
        for merge in self.merge:
            weight = cast(Stage, merge).convolution.weight
            weight.data.mul_(0.5**0.5)


def _finest(width: int, settings: NetworkSettings) -> nn.Sequential:
    return nn.Sequential(Stage(2 * ENTRY**2, width, settings), Stage(width, width, settings))


def _level(inputs: int, outputs: int, settings: NetworkSettings) -> nn.Sequential:
    return nn.Sequential(Stage(inputs, outputs, settings, step=2), Stage(outputs, outputs, settings))


def _coarse(inputs: int, outputs: int, settings: NetworkSettings) -> nn.Sequential:
    first, *others = COARSE_DILATIONS
    return nn.Sequential(
        Stage(inputs, outputs, settings, step=2, dilation=first),
        *(Stage(outputs, outputs, settings, dilation=dilation) for dilation in others),
    )
