"""An encoder-decoder with skips, built for speed.

The usual U-Net spends most of its time on the two finest levels and on concatenating them. Here the
pixels are folded into channels on entry (`PixelUnshuffle`), so the finest level has a quarter of the
positions, and unfolded from four logits at the end. Skips are added (`levels`). Beside the pixels the first
stage sees their contrast to the surroundings (`contrast`). The dilations of the coarsest level see the bead.
"""

from __future__ import annotations

import torch
from torch import nn

from napari_weld_fcn.network.contrast import CELL, LocalContrast
from napari_weld_fcn.network.levels import Levels
from napari_weld_fcn.network.registry import register_network
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.network.stage import PRIOR_LOGIT

#: Positions are folded by this much on entry and unfolded by it at the end.
ENTRY = 2
#: Dilations of the stages of the coarsest level, the strided one first.
COARSE_DILATIONS = (1, 2, 2, 4)


@register_network("autoencoder")
class Autoencoder(Levels):
    """Half resolution and `depth` levels below it; widths double with each level.

    Parameters
    ----------
    settings
        `width` of the finest level, `depth` and the kind of stage.
    prior_logit
        Bias of the head before training.
    """

    def __init__(self, settings: NetworkSettings, prior_logit: float = PRIOR_LOGIT) -> None:
        super().__init__(
            2 * ENTRY**2,
            [settings.width * 2**level for level in range(settings.depth + 1)],
            ENTRY**2,
            settings,
            multiple=ENTRY * max(2**settings.depth, CELL),
            dilations=COARSE_DILATIONS,
            prior_logit=prior_logit,
        )
        self.fold = nn.PixelUnshuffle(ENTRY)
        self.contrast = LocalContrast()
        self.unfold = nn.PixelShuffle(ENTRY)

    def seen(self, x: torch.Tensor) -> torch.Tensor:
        """Fold pixels into positions, and give what these are to their surroundings."""
        seen: torch.Tensor = self.contrast(self.fold(x))
        return seen

    def said(self, logits: torch.Tensor) -> torch.Tensor:
        """Unfold the logits of a position into those of its pixels."""
        said: torch.Tensor = self.unfold(logits)
        return said
