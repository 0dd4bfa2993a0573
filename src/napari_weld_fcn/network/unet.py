"""An encoder-decoder with skips at the film's own pixels, that sees near and far in one pass.

Fine lines and outlines need every pixel, broad faint flaws need the bead around them; a network at half the
pixels with a short reach has neither. Here the finest level is as slim as a convolution allows, the next one
`BELOW` times as wide, and from there widths double only up to `widest`. The coarsest level, of which a
position stands for many pixels, carries dilations: it costs next to nothing there to see hundreds of pixels.
Going up, a level is expanded to the skip's own width and *added*, so that none is wider than it has to be.

Beside the pixels the first stage sees their contrast to near and to far surroundings (`contrast`): a small
pore stands out of the first, a broad shadow only out of the second.
"""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
from torch import nn

from napari_weld_fcn.network.autoencoder import cut_to, extend_to_multiple
from napari_weld_fcn.network.contrast import Surroundings, compressed_contrast, contrast_alone
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.network.stage import PRIOR_LOGIT, Stage, initialise, set_prior

for _name in ("extend_to_multiple", "cut_to", "compressed_contrast", "contrast_alone"):
    torch.fx.wrap(_name)  # a trace looks names up where they are called

#: Edges of the cells, in folded positions of two pixels, that near and far surroundings are made of.
NEAR, FAR = 4, 16
#: Channels of the level below the finest one, over its own: a position costs a quarter there.
BELOW = 3
#: Dilations of the stages of the coarsest level, the strided one first.
COARSE_DILATIONS = (1, 2, 4, 4)


class UNet(nn.Module):
    """The finest level and `depth` levels below it.

    Parameters
    ----------
    settings
        `width` of the finest level, `widest`, `depth` and the kind of stage.
    prior_logit
        Bias of the head before training.
    """

    def __init__(self, settings: NetworkSettings, prior_logit: float = PRIOR_LOGIT) -> None:
        super().__init__()
        widths = level_widths(settings)
        self.multiple = max(2**settings.depth, 2 * FAR)
        self.near, self.far = Surroundings(NEAR), Surroundings(FAR)
        self.encoder = nn.ModuleList([_stages(3, widths[0], settings, step=1)])
        self.encoder.extend(_stages(above, below, settings, step=2) for above, below in pairwise(widths[:-1]))
        self.coarse = _coarse(widths[-2], widths[-1], settings)
        self.expand = nn.ModuleList(
            nn.ConvTranspose2d(below, above, 2, stride=2) for above, below in pairwise(widths)
        )
        self.merge = nn.ModuleList(Stage(width, width, settings) for width in widths[:-1])
        self.head = nn.Conv2d(widths[0], 1, 1)
        initialise(self, settings)
        for merge in self.merge:  # two signals are added before it: their variance is kept
            cast(Stage, merge).convolution.weight.data.mul_(0.5**0.5)
        set_prior(self.head, prior_logit)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Turn ``(N, 1, rows, columns)`` normalised pixels into logits of the same shape."""
        y = extend_to_multiple(x, self.multiple)
        y = torch.cat([compressed_contrast(y, self.near(y)), contrast_alone(y, self.far(y))], 1)
        skips = []
        for level in self.encoder:
            y = level(y)
            skips.append(y)
        y = self.coarse(y)
        for expand, merge, skip in reversed(list(zip(self.expand, self.merge, skips, strict=True))):
            y = merge(expand(y).add_(skip))
        return cut_to(self.head(y), x)


def level_widths(settings: NetworkSettings) -> list[int]:
    """Channels of the finest level, and of each one below it."""
    below = [min(BELOW * settings.width * 2**level, settings.widest) for level in range(settings.depth)]
    return [settings.width, *(max(each, settings.width) for each in below)]


def _stages(inputs: int, outputs: int, settings: NetworkSettings, step: int) -> nn.Sequential:
    return nn.Sequential(Stage(inputs, outputs, settings, step=step), Stage(outputs, outputs, settings))


def _coarse(inputs: int, outputs: int, settings: NetworkSettings) -> nn.Sequential:
    first, *others = COARSE_DILATIONS
    return nn.Sequential(
        Stage(inputs, outputs, settings, step=2, dilation=first),
        *(Stage(outputs, outputs, settings, dilation=dilation) for dilation in others),
    )
