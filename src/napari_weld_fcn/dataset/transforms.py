"""Normal noise that is a function of a key and a pixel.

A device's own generator gives other noise on another device, and on the same one for another batch. Here an
integer hash, which is exact everywhere, looks up a normal number in a table.

The four transforms, on batches and on any device: rotation, translation, negation, noise.

A variant must be one image whatever it is computed with. All is arithmetic on one pixel at a time, so that
neither the batch nor the number of threads can be seen in it, and noise is a function of key and pixel.

Image and mask are read from the same places: the image between pixels (bilinear), the mask at the nearest.
What lies outside is the image's own reflection, and ignored in the mask.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from scipy.special import ndtri
from torch import Tensor

from napari_weld_fcn.dataset.pair import IGNORED

_QUANTILES = 1 << 16


def noise(keys: Sequence[int], count: int, device: torch.device | str = "cpu") -> Tensor:
    """Normal numbers of mean 0 and deviation 1 that depend on nothing but their place and their key.

    Parameters
    ----------
    keys
        N integers of 64 bits, signed.
    count
        How many numbers for each key.
    device
        Where they are made; they are the same everywhere.

    Returns
    -------
    Tensor
        ``(N, count)`` float32, of 65 536 values within 4.4 of 0.

    References
    ----------
    Steele, Lea, Flood: Fast splittable pseudorandom number generators. OOPSLA 2014 (``splitmix64``).
    """
    words = torch.tensor(keys, dtype=torch.int64, device=device)[:, None] + _counter(
        -(-count // 4), str(device)
    )
    words ^= (words >> 30).bitwise_and_((1 << 34) - 1)  # `>>` carries the sign down
    words *= -0x40A7B892E31B1A47
    words ^= (words >> 27).bitwise_and_((1 << 37) - 1)
    words *= -0x6B2FB644ECCEEE15
    words ^= (words >> 31).bitwise_and_((1 << 33) - 1)
    quantiles = words.view(torch.int16).to(torch.int32).add_(_QUANTILES // 2)
    drawn = torch.index_select(_normal_table(str(device)), 0, quantiles.view(-1))
    return drawn.view(len(keys), -1)[:, :count]


@lru_cache(maxsize=4)
def _counter(length: int, device: str) -> Tensor:
    return torch.arange(length, dtype=torch.int64, device=device)


@lru_cache(maxsize=4)
def _normal_table(device: str) -> Tensor:
    quantiles = ndtri((np.arange(_QUANTILES) + 0.5) / _QUANTILES)
    return torch.tensor(quantiles / quantiles.std(), dtype=torch.float32, device=device)


#: A grey level is this part of the range from black to white, whatever the film's depth.
GREY_LEVELS = 255


@dataclass(frozen=True)
class Change:
    """What is done to one pair, in this order: rotated, shifted, negated, made noisy.

    Attributes
    ----------
    angle
        Degrees about the middle, counter-clockwise as the image is seen.
    shift_row, shift_column
        Pixels down and to the right.
    negated
        Whether dark and bright are exchanged.
    gaussian_sigma
        Standard deviation of the noise that is everywhere alike, in grey levels of 8 bits.
    poisson_sigma
        Standard deviation at white of the noise that grows with the square root of the grey level.
    noise_key
        A signed integer of 64 bits that says which noise.
    """

    angle: float = 0.0
    shift_row: float = 0.0
    shift_column: float = 0.0
    negated: bool = False
    gaussian_sigma: float = 0.0
    poisson_sigma: float = 0.0
    noise_key: int = 0

    @property
    def moves(self) -> bool:
        """Whether any pixel changes its place."""
        return bool(self.angle or self.shift_row or self.shift_column)

    @property
    def noisy(self) -> bool:
        """Whether any noise is added."""
        return self.gaussian_sigma > 0 or self.poisson_sigma > 0


@dataclass(frozen=True)
class GreyScale:
    """The grey levels that pixels can have.

    Attributes
    ----------
    black, white
        Ends of the range; black is 0 unless pixels lie below.
    whole
        Whether only whole numbers occur.
    """

    black: float
    white: float
    whole: bool

    @classmethod
    def of(cls, pixels: np.ndarray, white: float) -> GreyScale:
        """Return the scale of a crop of any shape and real dtype, `white` being its film's full scale."""
        black = min(0.0, float(pixels.min())) if pixels.dtype.kind not in "bu" else 0.0
        return cls(black, white, pixels.dtype.kind in "bui")

    @property
    def unit(self) -> float:
        """One grey level of 8 bits, in the pixels' own numbers."""
        return (self.white - self.black) / GREY_LEVELS

    def negated(self, level: float) -> float:
        """The level that `level` becomes where dark and bright are exchanged."""
        return self.black + self.white - level


def vary(
    pixels: Tensor, mask: Tensor, changes: Sequence[Change], scales: Sequence[GreyScale]
) -> tuple[Tensor, Tensor]:
    """Change a batch of pairs, each in its own way.

    Parameters
    ----------
    pixels
        ``(N, 1, rows, columns)``, float32 or float64, in the films' own grey levels, on any device.
    mask
        ``(N, 1, rows, columns)`` uint8 with `Pair`'s values, on the same device.
    changes, scales
        One for each of the N pairs.

    Returns
    -------
    pixels, mask : Tensor
        Shaped and typed as given; whole numbers where the scale has only those. The arguments stay as they
        are.
    """
    moving = [index for index, change in enumerate(changes) if change.moves]
    if len(moving) == len(changes):
        pixels, mask = _moved(pixels, mask, changes)
    elif moving:  # a pixel that stays where it is must not be computed anew
        pixels, mask = pixels.clone(), mask.clone()
        pixels[moving], mask[moving] = _moved(pixels[moving], mask[moving], [changes[i] for i in moving])
    else:
        pixels = pixels.clone()
    _negate(pixels, changes, scales)
    _add_noise(pixels, changes, scales)
    return _rounded(pixels, scales), mask


def _moved(pixels: Tensor, mask: Tensor, changes: Sequence[Change]) -> tuple[Tensor, Tensor]:
    places, reach = _places(pixels, changes)
    own = mask[:1] if mask.stride(0) == 0 else mask  # one crop many times is converted once
    shifted = own.to(pixels.dtype).sub_(IGNORED)  # so that the zeros from outside mean ignored
    nearest = F.grid_sample(shifted.expand(mask.shape), places, "nearest", "zeros", align_corners=False)
    varied = nearest.to(torch.int8).view(torch.uint8).bitwise_xor_(IGNORED)  # adds it again
    for _ in range(math.ceil((reach - 1) / 2)):
        _fold(places)
    return F.grid_sample(pixels, places, "bilinear", "border", align_corners=False), varied


def _places(pixels: Tensor, changes: Sequence[Change]) -> tuple[Tensor, float]:
    """Where each pixel is read, ``(N, rows, columns, 2)`` in the units of `grid_sample`: x and y in [-1, 1].

    The map is affine, so each coordinate is the sum of one number for the row and one for the column. Beside
    it a bound of what is reached.
    """
    rows, columns = pixels.shape[-2:]
    turned = np.radians([change.angle for change in changes])
    cosine, sine = np.cos(turned)[:, None], np.sin(turned)[:, None]
    down = _centred(rows) - np.array([[change.shift_row] for change in changes])
    right = _centred(columns) - np.array([[change.shift_column] for change in changes])
    of_column = np.stack([right * (cosine * 2 / columns), right * (sine * 2 / rows)], axis=1)
    of_row = np.stack([down * (-sine * 2 / columns), down * (cosine * 2 / rows)], axis=1)
    both = (torch.from_numpy(part).to(pixels) for part in (of_row[..., None], of_column[..., None, :]))
    return torch.add(*both).permute(0, 2, 3, 1), float(np.abs(of_row).max() + np.abs(of_column).max())


def _fold(places: Tensor) -> None:
    """Mirror what lies outside at the image's edges, once, in place.

    `grid_sample` can reflect by itself, at twice the price. What is inside stays exactly as it is, so that
    it does not matter how many folds the others in a batch need.
    """
    for axis in places.unbind(-1):
        torch.sub(axis.clamp(-1, 1).mul_(2), axis, out=axis)


def _negate(pixels: Tensor, changes: Sequence[Change], scales: Sequence[GreyScale]) -> None:
    if not any(change.negated for change in changes):
        return
    signs, offsets = [], []
    for change, scale in zip(changes, scales, strict=True):
        signs.append(-1.0 if change.negated else 1.0)
        offsets.append(scale.negated(0.0) if change.negated else 0.0)
    pixels.mul_(_column(signs, pixels)).add_(_column(offsets, pixels))


def _add_noise(pixels: Tensor, changes: Sequence[Change], scales: Sequence[GreyScale]) -> None:
    """Add noise in place, and make none for those that get none."""
    noisy = [index for index, change in enumerate(changes) if change.noisy]
    if len(noisy) == len(changes):
        pixels += _grain(pixels, changes, scales)
    elif noisy:
        chosen = [changes[index] for index in noisy], [scales[index] for index in noisy]
        pixels[noisy] += _grain(pixels[noisy], *chosen)


def _grain(pixels: Tensor, changes: Sequence[Change], scales: Sequence[GreyScale]) -> Tensor:
    """Both kinds of noise together; their sum is one normal number for each pixel."""
    drawn = noise([change.noise_key for change in changes], pixels[0].numel(), pixels.device)
    drawn = drawn.to(pixels.dtype).view_as(pixels)
    everywhere, growing = [], []
    for change, scale in zip(changes, scales, strict=True):
        everywhere.append((change.gaussian_sigma * scale.unit) ** 2)
        growing.append((change.poisson_sigma * scale.unit) ** 2 / (scale.white - scale.black))
    if any(growing):
        black = _column([scale.black for scale in scales], pixels)
        variance = pixels.sub(black).clamp_(min=0).mul_(_column(growing, pixels))
        deviation = variance.add_(_column(everywhere, pixels)).sqrt_()
    else:
        deviation = _column(everywhere, pixels).sqrt_()
    return drawn.mul_(deviation)


def _rounded(pixels: Tensor, scales: Sequence[GreyScale]) -> Tensor:
    """Bring pixels back to levels that their film can have, in place."""
    whole = [scale.whole for scale in scales]
    if all(whole):
        pixels.round_()
    elif any(whole):
        pixels[whole] = pixels[whole].round_()
    ends = {(scale.black, scale.white) for scale in scales}
    if len(ends) == 1:
        return pixels.clamp_(*ends.pop())
    black, white = (_column([getattr(scale, end) for scale in scales], pixels) for end in ("black", "white"))
    return pixels.clamp_(black, white)


def _column(values: Sequence[float], like: Tensor) -> Tensor:
    """One number for each pair, to be broadcast over its pixels."""
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(-1, 1, 1, 1)


@lru_cache
def _centred(length: int) -> np.ndarray:
    return np.arange(length) - (length - 1) / 2
