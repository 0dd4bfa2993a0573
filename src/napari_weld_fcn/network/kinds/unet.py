"""An encoder-decoder with skips at the film's own pixels, that sees near and far in one pass.

Fine lines and outlines need every pixel, broad faint flaws need the bead around them; a network at half the
pixels with a short reach has neither. Here the finest level is as slim as a convolution allows, the next one
`BELOW` times as wide, and from there widths double only up to `widest`. The coarsest level, of which a
position stands for many pixels, carries dilations: it costs next to nothing there to see hundreds of pixels.

Beside the pixels the first stage sees their contrast to near and to far surroundings (`contrast`): a small
pore stands out of the first, a broad shadow only out of the second.
"""

from __future__ import annotations

import torch

from napari_weld_fcn.network.contrast import Surroundings, compressed_contrast, contrast_alone
from napari_weld_fcn.network.levels import Levels
from napari_weld_fcn.network.registry import register_network
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.network.stage import PRIOR_LOGIT

for _name in ("compressed_contrast", "contrast_alone"):
    torch.fx.wrap(_name)  # a trace looks names up where they are called

#: Edges of the cells, in folded positions of two pixels, that near and far surroundings are made of.
NEAR, FAR = 4, 16
#: Channels of the level below the finest one, over its own: a position costs a quarter there.
BELOW = 3
#: Dilations of the stages of the coarsest level, the strided one first.
COARSE_DILATIONS = (1, 2, 4, 4)


@register_network("unet")
class UNet(Levels):
    """The finest level and `depth` levels below it.

    Parameters
    ----------
    settings
        `width` of the finest level, `widest`, `depth` and the kind of stage.
    prior_logit
        Bias of the head before training.
    """

    def __init__(self, settings: NetworkSettings, prior_logit: float = PRIOR_LOGIT) -> None:
        multiple = max(2**settings.depth, 2 * FAR)
        super().__init__(
            3,
            level_widths(settings),
            1,
            settings,
            multiple=multiple,
            dilations=COARSE_DILATIONS,
            prior_logit=prior_logit,
        )
        self.near, self.far = Surroundings(NEAR), Surroundings(FAR)

    def seen(self, x: torch.Tensor) -> torch.Tensor:
        """Give the pixels, and what they are to near and to far surroundings."""
        return torch.cat([compressed_contrast(x, self.near(x)), contrast_alone(x, self.far(x))], 1)

    def said(self, logits: torch.Tensor) -> torch.Tensor:
        """Give them as they are: a position is a pixel."""
        return logits


def level_widths(settings: NetworkSettings) -> list[int]:
    """Channels of the finest level, and of each one below it."""
    below = [min(BELOW * settings.width * 2**level, settings.widest) for level in range(settings.depth)]
    return [settings.width, *(max(each, settings.width) for each in below)]
