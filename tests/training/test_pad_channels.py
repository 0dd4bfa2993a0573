"""Dilated convolutions in bfloat16 read no memory that nobody wrote, and are the same as before."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from napari_weld_fcn.network.registry import build
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.training.hardware import PadChannels, malloc_tuning

FCN = NetworkSettings(kind="fcn", width=24, dilations=(1, 2, 4))


def gradients(network: torch.nn.Module, bfloat16: bool) -> torch.Tensor:
    """Of all weights, in memory that held no numbers before."""
    torch.manual_seed(0)
    pixels = torch.randn(2, 1, 64, 64)
    for size in (1_000, 10_000, 100_000, 1_000_000):
        torch.full((size,), float("nan"))
    network.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16), PadChannels():
        logits = network(pixels)
    F.binary_cross_entropy_with_logits(logits.float(), (pixels > 1).float()).backward()
    return torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])


@pytest.mark.parametrize("width", [20, 24, 36])
def test_gradients_in_bfloat16_are_those_in_float32_for_any_width(width: int) -> None:
    settings = FCN.model_copy(update={"width": width})
    with malloc_tuning():
        network = build(settings).train().to(memory_format=torch.channels_last)
        exact = gradients(network, bfloat16=False)
        for _ in range(3):
            rounded = gradients(network, bfloat16=True)
            assert rounded.isfinite().all()
            assert (rounded - exact).norm() < 0.05 * exact.norm()


def test_zeros_change_no_convolution() -> None:
    torch.manual_seed(0)
    pixels, weight, bias = torch.randn(1, 20, 9, 11), torch.randn(4, 20, 3, 3), torch.randn(4)
    arguments = (pixels, weight, bias, (1, 1), (2, 2), (2, 2), 1)
    with torch.autocast("cpu", torch.bfloat16):
        before = F.conv2d(*arguments)
        with PadChannels():
            torch.testing.assert_close(F.conv2d(*arguments), before, rtol=0.01, atol=0.05)
    with PadChannels():
        assert torch.equal(F.conv2d(*arguments), F.conv2d(pixels, weight, bias, 1, 2, 2))


@pytest.mark.parametrize(
    ("channels", "dilation", "bfloat16", "padded"),
    [(24, 2, True, 32), (24, 1, True, 24), (32, 2, True, 32), (12, 2, True, 12), (24, 2, False, 24)],
)
def test_only_layers_that_need_it_are_given_more_channels(
    channels: int, dilation: int, bfloat16: bool, padded: int
) -> None:
    layer = torch.nn.Conv2d(channels, 4, 3, dilation=dilation)
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16), PadChannels():
        result = layer(torch.randn(1, channels, 9, 9))
    assert result.grad_fn._saved_input.shape[1] == padded
