"""Smooth random curves and fields, drawn from knots.

A film's slow variations (wandering edges, mottle, thickness) are cubic B-splines through random knots: two
products with sparse matrices, four weights a pixel, make a whole field, where filtering white noise would
cost a kernel as wide as the variation itself. Sparse ones run on one core and add in one order: a seed gives
the same field on every processor, and a training beside it keeps its cores, which the threads of dense
products so small would take to wait for one another.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

#: Real numbers; drawn as float32 throughout.
Array = NDArray[np.floating[Any]]


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw from [low, high] with equal chance for equal ratios."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


@lru_cache(maxsize=256)
def _spline(length: int, knots: int) -> Any:
    """Cubic B-spline weights ``(length, knots + 3)``, sparse: four in each row, that sum to 1."""
    at = np.linspace(0.0, knots - 1e-6, length)
    first = at.astype(np.int32)
    t = at - first
    basis = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    weights = np.stack(basis, 1).astype(np.float32) / np.float32(6)
    places = first[:, None] + np.arange(4, dtype=np.int32)
    ends = np.arange(0, 4 * length + 1, 4, dtype=np.int32)
    return csr_array((weights.ravel(), places.ravel(), ends), shape=(length, knots + 3))


#: Standard deviation of a cubic B-spline through white knots, averaged over its phase, in one dimension.
_SPREAD = 0.69


def _knots(length: int, scale: float) -> int:
    """Number of knots; rounded to a coarse ladder so that the cached weights serve many films."""
    exact = max(1.0, length / max(scale, 1.0))
    return max(1, round(float(2 ** (round(4 * np.log2(exact)) / 4))))


def curve(rng: np.random.Generator, length: int, scale: float) -> Array:
    """Smooth curve ``(length,)`` of about unit spread that varies over `scale` pixels."""
    weights = _spline(length, _knots(length, scale))
    knots = rng.standard_normal((weights.shape[1],), dtype=np.float32)
    return np.asarray(weights @ knots) / np.float32(_SPREAD)


def field(rng: np.random.Generator, rows: int, columns: int, scale: float, stretch: float = 1.0) -> Array:
    """Smooth field ``(rows, columns)`` of about unit spread, `stretch` times as wide as high."""
    down = _spline(rows, _knots(rows, scale))
    along = _spline(columns, _knots(columns, scale * stretch))
    knots = rng.standard_normal((down.shape[1], along.shape[1]), dtype=np.float32)
    return np.asarray(down @ np.ascontiguousarray((along @ knots.T).T)) / np.float32(_SPREAD**2)
