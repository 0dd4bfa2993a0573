"""How far a network looks, and on what grid, read off its structure.

A number typed beside the layers is wrong the first time somebody adds a layer, and then tiles show seams.
Measuring it with gradients works only where no weight happens to be zero. So the network is traced and
each layer says which of its inputs a sample is made from; followed back to the pixels, that gives the
first and the last pixel that a pixel of the output can depend on. Where the network works on a coarser
grid this differs between pixels: those at one edge of a grid cell look further. All phases are followed.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import fx, nn

from napari_weld_fcn.network.contrast import compressed_contrast, contrast_alone, mean_and_detail
from napari_weld_fcn.network.levels import cut_to, extend_to_multiple


@dataclass(frozen=True)
class ReceptiveField:
    """What a tile must respect.

    Attributes
    ----------
    stride
        Pixels of the coarsest grid; tile origins lie on its multiples.
    halo
        Largest distance, in pixels along rows or columns, from which a pixel can change another one's
        result; 0 for a network that looks at one pixel.
    """

    stride: int
    halo: int


def receptive_field(network: nn.Module) -> ReceptiveField:
    """Compute stride and halo from the layers of a network.

    Parameters
    ----------
    network
        Takes and gives ``(N, 1, rows, columns)``; built by `registry.build`, folded or not.

    Raises
    ------
    TypeError
        If it contains a layer whose reach is not known here.
    """
    graph = fx.Tracer().trace(network)
    fields = [_along(axis, graph, dict(network.named_modules())) for axis in (0, 1)]
    return ReceptiveField(max(field.stride for field in fields), max(field.halo for field in fields))


@dataclass(frozen=True)
class _Reach:
    """Samples along one axis: pixels between them, and the first and last pixel that each is made from."""

    step: float
    first: Callable[[int], int]
    last: Callable[[int], int]

    def through(self, factor: float, first: Callable[[int], int], last: Callable[[int], int]) -> _Reach:
        """Follow a layer whose sample i is made from ``first(i)`` to ``last(i)``, both non-decreasing."""
        before_first, before_last = self.first, self.last
        return _Reach(
            self.step * factor, cache(lambda i: before_first(first(i))), cache(lambda i: before_last(last(i)))
        )


def _along(axis: int, graph: fx.Graph, modules: dict[str, nn.Module]) -> ReceptiveField:
    reaches: dict[fx.Node, _Reach] = {}
    for node in graph.nodes:
        if node.op == "placeholder":
            reaches[node] = _Reach(1, lambda i: i, lambda i: i)
        elif node.op == "call_module":
            reaches[node] = _layer_reach(modules[str(node.target)], reaches[node.args[0]], axis)
        elif node.op == "output":
            coarsest = round(max(reach.step for reach in reaches.values()))
            return _field(coarsest, reaches[node.args[0]])
        elif node.target in _POINTWISE:
            reaches[node] = _union([reaches[argument] for argument in node.all_input_nodes])
        else:
            raise TypeError(f"the reach of {node.target} is not known")
    raise TypeError("the network gives nothing")


def _field(stride: int, reach: _Reach) -> ReceptiveField:
    assert reach.step == 1, "a network must give one result for each pixel"
    return ReceptiveField(stride, max(max(i - reach.first(i), reach.last(i) - i) for i in range(stride)))


def _union(reaches: list[_Reach]) -> _Reach:
    return _Reach(
        reaches[0].step,
        cache(lambda i: min(reach.first(i) for reach in reaches)),
        cache(lambda i: max(reach.last(i) for reach in reaches)),
    )


def _layer_reach(layer: nn.Module, reach: _Reach, axis: int) -> _Reach:
    if isinstance(layer, nn.Conv2d):
        return _window(reach, *_geometry(layer, axis))
    if isinstance(layer, nn.ConvTranspose2d):
        return _spread(reach, *_geometry(layer, axis))
    if isinstance(layer, nn.AvgPool2d):
        size, stride, padding = layer.kernel_size, layer.stride, layer.padding
        assert isinstance(size, int) and isinstance(stride, int) and isinstance(padding, int)
        return _window(reach, size, stride, 1, padding)
    if isinstance(layer, nn.Upsample) and layer.mode == "bilinear" and not layer.align_corners:
        assert isinstance(layer.scale_factor, float)
        return _between(reach, round(layer.scale_factor))
    if isinstance(layer, nn.PixelUnshuffle):
        factor = layer.downscale_factor
        return _window(reach, factor, factor, 1, 0)
    if isinstance(layer, nn.PixelShuffle):
        factor = layer.upscale_factor
        return _spread(reach, factor, factor, 1, 0)
    if isinstance(layer, _POINTWISE_LAYERS):
        return reach
    raise TypeError(f"the reach of {type(layer).__name__} is not known")


def _geometry(layer: nn.Conv2d | nn.ConvTranspose2d, axis: int) -> tuple[int, int, int, int]:
    padding = layer.padding[axis]
    assert isinstance(padding, int), "padding is given in samples"
    return layer.kernel_size[axis], layer.stride[axis], layer.dilation[axis], padding


def _window(reach: _Reach, size: int, stride: int, dilation: int, padding: int) -> _Reach:
    """Follow a convolution, or anything that gathers a window."""
    return reach.through(
        stride, lambda i: i * stride - padding, lambda i: i * stride - padding + dilation * (size - 1)
    )


def _spread(reach: _Reach, size: int, stride: int, dilation: int, padding: int) -> _Reach:
    """Follow a transposed convolution, or anything that spreads a sample over a window."""
    return reach.through(
        1 / stride,
        lambda i: -((dilation * (size - 1) - padding - i) // stride),
        lambda i: (i + padding) // stride,
    )


def _between(reach: _Reach, factor: int) -> _Reach:
    """Follow a bilinear enlargement: a sample lies between the two whose centres are nearest."""
    before = 1 - factor  # twice the distance of the first sample's centre from that of its source, enlarged
    return reach.through(
        1 / factor,
        lambda i: (2 * i + before) // (2 * factor),
        lambda i: (2 * i + before) // (2 * factor) + 1,
    )


_POINTWISE_LAYERS = (nn.BatchNorm2d, nn.SELU, nn.ELU, nn.ReLU, nn.AlphaDropout, nn.Dropout, nn.Identity)
# A replicated border only repeats pixels that are nearer than the ones it stands for.
_POINTWISE: set[Any] = {
    "add_", operator.add, operator.mul, torch.cat, nn.functional.elu, extend_to_multiple, cut_to,
    mean_and_detail, compressed_contrast, contrast_alone,
}  # fmt: skip
