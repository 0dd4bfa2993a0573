"""Batch normalisation folded into the convolution before it.

In prediction a normalisation is a fixed scale and offset for each channel, so the convolution can do it
in its own weights: one pass over memory less for each stage, the same result to rounding.
"""

from __future__ import annotations

import copy

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from napari_weld_fcn.network.stage import Stage


def folded(network: nn.Module) -> nn.Module:
    """Return a copy for prediction: in evaluation mode, without batch normalisation or dropout.

    Parameters
    ----------
    network
        Built by `registry.build`; left as it is.

    Returns
    -------
    torch.nn.Module
        Gives the logits of ``network.eval()`` to within rounding; it cannot be trained or saved as a model.
    """
    network = copy.deepcopy(network).eval().requires_grad_(False)
    for stage in network.modules():
        if isinstance(stage, Stage):
            _fold(stage)
    return network


def _fold(stage: Stage) -> None:
    norm = stage._modules.pop("norm", None)
    stage._modules.pop("dropout", None)
    if isinstance(norm, nn.BatchNorm2d):
        stage.convolution = fuse_conv_bn_eval(stage.convolution, norm).requires_grad_(False)
