"""Normal noise that is a function of a key and a pixel.

A device's own generator gives other noise on another device, and on the same one for another batch. Here an
integer hash, which is exact everywhere, looks up a normal number in a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor

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
