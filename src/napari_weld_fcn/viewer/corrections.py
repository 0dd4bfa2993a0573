"""Indications that were painted by hand, brought back to what the program writes: 1..n, each in one plane."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def renumbered(painted: NDArray[Any]) -> NDArray[np.int32]:
    """Number what was painted without gaps, in the order of its numbers.

    Parameters
    ----------
    painted
        ``(rows, columns)`` or ``(planes, rows, columns)`` integers, 0 background. A number is one indication,
        even in parts; one that occurs in several planes becomes one for each.

    Returns
    -------
    Same shape, int32.
    """
    labels = np.zeros(painted.shape, np.int32)
    planes = painted.reshape(-1, *painted.shape[-2:])
    count = 0
    for plane, numbered in zip(planes, labels.reshape(planes.shape), strict=True):
        numbers, places = np.unique(plane, return_inverse=True)
        rank = np.cumsum(numbers != 0) * (numbers != 0)
        numbered[...] = np.where(rank > 0, rank + count, 0)[places].reshape(plane.shape)
        count += int(rank.max())
    return labels
