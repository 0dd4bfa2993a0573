"""Smooth random curves and fields, drawn from knots.

A film's slow variations (wandering edges, mottle, thickness) are cubic B-splines through random knots: two
small matrix products make a whole field, where filtering white noise would cost a kernel as wide as the
variation itself.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Real numbers; drawn as float32 throughout.
Array = NDArray[np.floating[Any]]


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw from [low, high] with equal chance for equal ratios."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


@lru_cache(maxsize=256)
def _spline(length: int, knots: int) -> Array:
    """Cubic B-spline weights ``(length, knots + 3)`` that sum to 1 in each row."""
    at = np.linspace(0.0, knots - 1e-6, length)
    first = at.astype(int)
    t = at - first
    weights = np.zeros((length, knots + 3), np.float32)
    rows = np.arange(length)
    basis = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    for k, values in enumerate(basis):
        weights[rows, first + k] = values / 6.0
    return weights


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
    return _product(weights, knots) / np.float32(_SPREAD)


def field(rng: np.random.Generator, rows: int, columns: int, scale: float, stretch: float = 1.0) -> Array:
    """Smooth field ``(rows, columns)`` of about unit spread, `stretch` times as wide as high."""
    down = _spline(rows, _knots(rows, scale))
    along = _spline(columns, _knots(columns, scale * stretch))
    knots = rng.standard_normal((down.shape[1], along.shape[1]), dtype=np.float32)
    return _product(down, _product(knots, along.T)) / np.float32(_SPREAD**2)


def _product(first: Array, second: Array) -> Array:
    """Matrix product; some BLAS kernels raise the invalid flag on lanes that they do not use."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.dot(first, second))
