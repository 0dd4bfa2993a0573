"""Which network a name stands for."""

from __future__ import annotations

from torch import nn

from napari_weld_fcn.network.autoencoder import Autoencoder
from napari_weld_fcn.network.fcn import FCN
from napari_weld_fcn.network.settings import NetworkKind, NetworkSettings
from napari_weld_fcn.network.stage import PRIOR_LOGIT
from napari_weld_fcn.network.unet import UNet

NETWORKS: dict[NetworkKind, type[FCN] | type[Autoencoder] | type[UNet]] = {
    "fcn": FCN,
    "autoencoder": Autoencoder,
    "unet": UNet,
}


def build(settings: NetworkSettings, prior_logit: float = PRIOR_LOGIT) -> nn.Module:
    """Build an untrained network, its weights drawn from torch's global generator.

    Parameters
    ----------
    settings
        The architecture.
    prior_logit
        Bias of the last layer: the logit of the expected share of flaw pixels.

    Returns
    -------
    torch.nn.Module
        Takes ``(N, 1, rows, columns)`` normalised pixels of any size and gives logits of the same shape.
    """
    return NETWORKS[settings.kind](settings, prior_logit)
