"""What a pixel is against its surroundings, in units of the grain there.

A radiograph is normalised as a whole, so where plate and bead differ by a hundred grey levels a pore of eight
is a tenth of the spread, and on a flat film the same pore is the whole of it; a network that sees only the
normalised pixels finds the second and not the first, though a person sees both alike. What decides whether a
person sees a pore is its contrast to its surroundings over the grain, so the network is given that beside the
pixels: their difference from the local mean over the local grain. Both come from a coarse grid, which costs
little, and nothing in them is learned.
"""

from __future__ import annotations

import torch
from torch import nn

#: Folded positions along the edge of one cell of the coarse grid.
CELL = 4
#: Cells along the edge of the window that local mean and detail are taken over.
WINDOW = 5
#: Standard deviation of white grain over the mean distance of four pixels from their mean: sqrt(2 pi / 3).
GRAIN = 1.447
#: Added to the grain, in units of the normalised pixels, so that a flat film is not blown up.
FLOOR = 0.01
#: Contrasts far above this many standard deviations of the grain count by their square root.
KNEE = 3.0


@torch.fx.wrap
def mean_and_detail(folded: torch.Tensor) -> torch.Tensor:
    """Mean of the pixels folded into each position, and their mean distance from it; ``(N, 2, ...)``."""
    mean = folded.mean(1, keepdim=True)
    return torch.cat([mean, (folded - mean).abs().mean(1, keepdim=True)], 1)


@torch.fx.wrap
def compressed_contrast(folded: torch.Tensor, surroundings: torch.Tensor) -> torch.Tensor:
    """Difference from the mean in standard deviations of the grain, compressed, beside the pixels."""
    return torch.cat([folded, _compressed(folded, surroundings)], 1)


@torch.fx.wrap
def contrast_alone(pixels: torch.Tensor, surroundings: torch.Tensor) -> torch.Tensor:
    """As `compressed_contrast`, without the pixels."""
    return _compressed(pixels, surroundings)


def _compressed(pixels: torch.Tensor, surroundings: torch.Tensor) -> torch.Tensor:
    mean, detail = surroundings[:, :1], surroundings[:, 1:]
    contrast = (pixels - mean) * (GRAIN * detail + FLOOR).reciprocal()
    return contrast * (1 + contrast.abs() / KNEE).rsqrt()


class CoarseMeans(nn.Module):
    """Local mean and detail around each folded position: ``(N, C, rows, columns)`` to ``(N, 2, ...)``.

    Parameters
    ----------
    cell
        Edge of a cell of the coarse grid, in folded positions, of which rows and columns are multiples; means
        are over `WINDOW` cells.
    enlarged
        By what the grid is spread out: `cell` gives back the folded positions.
    """

    def __init__(self, cell: int, enlarged: int) -> None:
        super().__init__()
        self.cells = nn.AvgPool2d(cell)
        self.window = nn.AvgPool2d(WINDOW, stride=1, padding=WINDOW // 2, count_include_pad=False)
        self.spread = nn.Upsample(scale_factor=float(enlarged), mode="bilinear", align_corners=False)

    def forward(self, folded: torch.Tensor) -> torch.Tensor:
        """Measure the surroundings of each position."""
        spread: torch.Tensor = self.spread(self.window(self.cells(mean_and_detail(folded))))
        return spread


class Surroundings(nn.Module):
    """Local mean and detail around each pixel: ``(N, 1, rows, columns)`` to ``(N, 2, rows, columns)``.

    Parameters
    ----------
    cell
        Edge of a cell, in positions of two pixels; rows and columns are multiples of two cells.
    """

    def __init__(self, cell: int) -> None:
        super().__init__()
        self.fold = nn.PixelUnshuffle(2)
        self.means = CoarseMeans(cell, 2 * cell)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Measure the surroundings of each pixel."""
        means: torch.Tensor = self.means(self.fold(pixels))
        return means


class LocalContrast(nn.Module):
    """Folded pixels ``(N, C, rows, columns)`` to ``(N, 2 C, rows, columns)``: they and their contrast.

    Rows and columns are multiples of `CELL`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.means = CoarseMeans(CELL, CELL)

    def forward(self, folded: torch.Tensor) -> torch.Tensor:
        """Append the contrast of each pixel to the pixels."""
        return compressed_contrast(folded, self.means(folded))
