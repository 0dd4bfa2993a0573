from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_weld_fcn.network.fuse import folded
from napari_weld_fcn.network.registry import build
from napari_weld_fcn.network.settings import NetworkSettings


def trained_a_little(settings: NetworkSettings) -> nn.Module:
    """Return a network whose batch statistics and weights are not the initial ones."""
    torch.manual_seed(0)
    network = build(settings).train()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.uniform_(layer.bias, -1, 1)
    with torch.no_grad():
        for _ in range(5):
            network(3 * torch.randn(2, 1, 32, 32) + 1)
    return network


@pytest.mark.parametrize("kind", ["fcn", "autoencoder", "unet"])
@pytest.mark.parametrize("normalisation", ["batch", "none"])
def test_a_folded_network_gives_the_same_logits(kind: str, normalisation: str) -> None:
    network = trained_a_little(NetworkSettings(kind=kind, width=8, normalisation=normalisation, dropout=0.2))
    fast = folded(network)
    x = torch.randn(1, 1, 40, 56)
    with torch.no_grad():
        assert torch.allclose(fast(x), network.eval()(x), atol=1e-4, rtol=1e-4)
    assert not any(isinstance(layer, nn.BatchNorm2d | nn.AlphaDropout) for layer in fast.modules())


def test_folding_leaves_the_network_as_it_was() -> None:
    network = trained_a_little(NetworkSettings(kind="fcn", width=4))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    folded(network)
    assert network.training
    assert before.keys() == network.state_dict().keys()
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert all(weight.requires_grad for weight in network.parameters())
