"""The paper's fully convolutional network: six stages at full resolution, a probability for each pixel.

Nothing is pooled, so the stride is 1 and the outlines are as fine as the film; dilated stages look
far enough to tell a pore from a ripple of the bead. It computes every stage on every pixel, which is why
the autoencoder, at half resolution, is several times faster.
"""

from __future__ import annotations

import torch
from torch import nn

from napari_weld_fcn.network.registry import register_network
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.network.stage import PRIOR_LOGIT, Stage, initialise, set_prior


@register_network("fcn")
class FCN(nn.Module):
    """Stages of one width and a 1 x 1 head.

    Parameters
    ----------
    settings
        `width`, `dilations` (one for each stage) and the kind of stage.
    prior_logit
        Bias of the head before training.
    """

    def __init__(self, settings: NetworkSettings, prior_logit: float = PRIOR_LOGIT) -> None:
        super().__init__()
        inputs = [1] + [settings.width] * (len(settings.dilations) - 1)
        self.stages = nn.Sequential(
            *(
                Stage(channels, settings.width, settings, dilation=dilation)
                for channels, dilation in zip(inputs, settings.dilations, strict=True)
            )
        )
        self.head = nn.Conv2d(settings.width, 1, 1)
        initialise(self, settings)
        set_prior(self.head, prior_logit)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Turn ``(N, 1, rows, columns)`` normalised pixels into logits of the same shape."""
        logits: torch.Tensor = self.head(self.stages(x))
        return logits
