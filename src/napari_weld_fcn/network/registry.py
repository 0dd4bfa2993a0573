"""Which network a name stands for: each registers where it is defined, with its settings if it has its own.

A file of `kinds` is found by its name and imported when its network is built, so nothing else has to know it;
a network that is defined elsewhere, in a notebook perhaps, is there from when its class is.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TypeVar

from torch import nn

from napari_weld_fcn.network.settings import FILES, NetworkSettings, own_settings
from napari_weld_fcn.network.stage import PRIOR_LOGIT

Network = TypeVar("Network", bound=type[nn.Module])

_networks: dict[str, type[nn.Module]] = {}


def register_network(
    kind: str, settings: type[NetworkSettings] = NetworkSettings
) -> Callable[[Network], Network]:
    """Make a class the network of that name.

    Parameters
    ----------
    kind
        What `NetworkSettings.kind` calls it; a file of `kinds` has the same name.
    settings
        The class of its settings, where it has some that other networks lack.

    Returns
    -------
    A decorator of the class, which is called with its settings and the bias of its last layer, see `build`.
    """

    def registered(network: Network) -> Network:
        _networks[kind] = network
        own_settings[kind] = settings
        return network

    return registered


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
    if settings.kind in FILES:
        import_module(f"napari_weld_fcn.network.kinds.{settings.kind}")
    return _networks[settings.kind](settings, prior_logit)
