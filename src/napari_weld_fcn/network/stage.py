"""One stage of a network, and how its weights begin.

A stage is convolution, batch normalisation, activation: three modules under stable names, so that the
normalisation folds into the convolution for prediction and a model file still fits next year. Where a
network does without batch normalisation, SELU keeps mean and variance by itself, but only from
LeCun-normal weights and with alpha dropout; the usual He initialisation and dropout break it.

References
----------
Klambauer et al. 2017, Self-Normalizing Neural Networks, NeurIPS 30.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal, cast

import torch
from torch import nn

from napari_weld_fcn.network.settings import NetworkSettings

#: Logit of the share of flaw pixels before anything is learned (about 3 %); see `initialise`.
PRIOR_LOGIT = -3.5

_DEFAULTS = NetworkSettings()


class ScaledELU(nn.Module):
    """``scale * ELU(x, alpha)``: SELU with constants of one's own."""

    def __init__(self, alpha: float, scale: float) -> None:
        super().__init__()
        self.alpha = alpha
        self.scale = scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the activation element by element."""
        return self.scale * nn.functional.elu(x, self.alpha)


class Stage(nn.Sequential):
    """Convolution, normalisation, activation; the size is kept, or divided by `step`."""

    convolution: nn.Conv2d

    def __init__(
        self, inputs: int, outputs: int, settings: NetworkSettings, *, dilation: int = 1, step: int = 1
    ) -> None:
        normalised = settings.normalisation == "batch"
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers["convolution"] = nn.Conv2d(
            inputs, outputs, 3, stride=step, padding=dilation, dilation=dilation, bias=not normalised
        )
        if normalised:
            layers["norm"] = nn.BatchNorm2d(outputs)
        layers["activation"] = activation(settings)
        if settings.dropout and not normalised:
            layers["dropout"] = dropout(settings)
        super().__init__(layers)


def activation(settings: NetworkSettings) -> nn.Module:
    """Return the activation that `settings` name; the fused form where its constants are the usual ones."""
    if settings.activation == "relu":
        return nn.ReLU(inplace=True)
    if settings.activation == "elu":
        return nn.ELU(settings.alpha, inplace=True)
    if (settings.alpha, settings.scale) == (_DEFAULTS.alpha, _DEFAULTS.scale):
        return nn.SELU(inplace=True)
    return ScaledELU(settings.alpha, settings.scale)


def dropout(settings: NetworkSettings) -> nn.Module:
    """Return alpha dropout for SELU, whose mean and variance it keeps, and plain dropout otherwise."""
    kind = nn.AlphaDropout if settings.activation == "selu" else nn.Dropout
    return kind(settings.dropout)


def initialise(network: nn.Module, settings: NetworkSettings) -> None:
    """Draw LeCun-normal weights (He-normal before ReLU) and set biases to zero, in place."""
    gain: Literal["relu", "linear"] = "relu" if settings.activation == "relu" else "linear"
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity=gain)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.ConvTranspose2d):
            # Windows as wide as the stride do not overlap: one position feeds each output.
            nn.init.normal_(layer.weight, std=layer.in_channels**-0.5)
            nn.init.zeros_(cast(torch.Tensor, layer.bias))


def set_prior(head: nn.Conv2d, logit: float) -> None:
    """Set the bias of the last layer, so that a fit starts from the share of flaw pixels.

    From a bias of 0 the first steps only teach that flaws are rare, and a loss on overlap can collapse
    to all background meanwhile.
    """
    assert head.bias is not None
    nn.init.constant_(head.bias, logit)
