from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from napari_weld_fcn.network.contrast import CELL
from napari_weld_fcn.network.fuse import folded
from napari_weld_fcn.network.receptive_field import ReceptiveField, receptive_field
from napari_weld_fcn.network.registry import build
from napari_weld_fcn.network.settings import NetworkSettings

#: One network of each kind, as small as it gets.
SMALL = {
    "fcn": NetworkSettings(kind="fcn", width=4),
    "autoencoder": NetworkSettings(kind="autoencoder", width=4),
    "unet": NetworkSettings(kind="unet", width=4, depth=1),
}


def measured_halo(network: nn.Module, field: ReceptiveField) -> int:
    """Return the farthest pixel that any output pixel of one grid cell depends on, by gradients."""
    size = (2 * field.halo // field.stride + 6) * field.stride
    cell = size // 2 // field.stride * field.stride
    torch.manual_seed(0)
    x = torch.randn(1, 1, size, 2 * field.stride, dtype=torch.float64, requires_grad=True)
    y = network(x)
    distances = [0]
    for position in range(cell, cell + field.stride):
        (gradient,) = torch.autograd.grad(y[0, 0, position].sum(), x, retain_graph=True)
        seen = (gradient[0, 0].abs().sum(1) > 0).nonzero().flatten()
        distances += [position - int(seen.min()), int(seen.max()) - position]
    return max(distances)


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "fcn", "width": 4},
        {"kind": "fcn", "width": 4, "dilations": (3, 1, 5)},
        {"kind": "fcn", "width": 4, "normalisation": "none", "alpha": 1.0},
        {"kind": "autoencoder", "width": 4, "depth": 1},
        {"kind": "autoencoder", "width": 4, "depth": 2},
        {"kind": "unet", "width": 4, "depth": 1},
    ],
)
def test_halo_is_the_farthest_pixel_that_matters_and_no_farther(values: dict[str, Any]) -> None:
    torch.manual_seed(1)
    network = build(NetworkSettings.model_validate(values)).double().eval()
    field = receptive_field(network)
    assert measured_halo(network, field) == field.halo


@pytest.mark.parametrize("kind", SMALL)
def test_only_pixels_within_the_halo_change_the_result(kind: str) -> None:
    torch.manual_seed(2)
    network = build(SMALL[kind]).double().eval()
    field = receptive_field(network)
    centre = field.halo // field.stride * field.stride + 2 * field.stride
    x = torch.randn(1, 1, 2 * field.stride, 2 * centre, dtype=torch.float64)
    columns = torch.arange(2 * centre)
    reached = False
    with torch.inference_mode():
        result = network(x)
        for column in range(centre, centre + field.stride):
            far = (columns - column).abs()
            assert torch.equal(network(x + (far > field.halo))[..., column], result[..., column])
            reached |= not torch.equal(network(x + (far == field.halo))[..., column], result[..., column])
    assert reached


@given(depth=st.integers(1, 3), dilations=st.lists(st.integers(1, 9), min_size=1, max_size=5))
@settings(max_examples=10, deadline=None)
def test_stride_and_halo_follow_the_settings(depth: int, dilations: list[int]) -> None:
    autoencoder = build(NetworkSettings(kind="autoencoder", width=4, depth=depth))
    assert receptive_field(autoencoder).stride == 2 * max(2**depth, CELL) == autoencoder.multiple
    fcn = build(NetworkSettings(kind="fcn", width=4, dilations=tuple(dilations)))
    assert receptive_field(fcn) == ReceptiveField(stride=1, halo=sum(dilations))


@pytest.mark.parametrize("kind", SMALL)
def test_folding_keeps_the_receptive_field(kind: str) -> None:
    network = build(SMALL[kind])
    assert receptive_field(folded(network)) == receptive_field(network)


def test_the_shipped_layouts_look_as_far_as_they_are_known_to() -> None:
    assert receptive_field(build(NetworkSettings(kind="fcn"))) == ReceptiveField(1, 17)
    # 91 of the stages and 26 of the contrast to the surroundings
    assert receptive_field(build(NetworkSettings(kind="autoencoder"))) == ReceptiveField(8, 117)


def test_a_layer_of_unknown_reach_is_refused() -> None:
    with pytest.raises(TypeError, match="InstanceNorm2d"):
        receptive_field(nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.InstanceNorm2d(4)))


@pytest.mark.parametrize("kind", SMALL)
def test_a_part_read_with_its_halo_gives_the_whole_images_values(kind: str) -> None:
    torch.manual_seed(3)
    network = build(SMALL[kind]).double().eval()
    field = receptive_field(network)
    first = -(-field.halo // field.stride) * field.stride
    x = torch.randn(1, 1, 45, first + 205, dtype=torch.float64)
    start = (first - field.halo) // field.stride * field.stride
    with torch.inference_mode():
        whole = network(x)[..., first:]
        part = network(x[..., start:])[..., first - start :]
    assert torch.allclose(whole, part, atol=1e-12, rtol=0)
