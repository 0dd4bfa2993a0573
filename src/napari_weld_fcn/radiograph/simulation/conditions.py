"""Smooth random curves and fields, drawn from knots.

A film's slow variations (wandering edges, mottle, thickness) are cubic B-splines through random knots: two
products with sparse matrices, four weights a pixel, make a whole field, where filtering white noise would
cost a kernel as wide as the variation itself. Sparse ones run on one core and add in one order: a seed gives
the same field on every processor, and a training beside it keeps its cores, which the threads of dense
products so small would take to wait for one another.

How one film was exposed, developed and digitised.

Everything that is the same over a whole film stands here as one frozen value, drawn once. Lengths are in
pixels of the film at hand, contrasts in grey levels of 256 before the window: a film digitised with a
harder window shows the same flaws, with the same truth.

Ranges: contrast 8-60 grey levels a millimetre of steel (X-ray and Ir-192 through a scanner of 128 grey
levels a density, and the visually adjusted tables of GDXray), grain and unsharpness as ISO 17636 and
EN 14784 lead one to expect and as the films show.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from napari_weld_fcn.radiograph.gdxray.folders import WELD_PIXEL_SIZE_MM
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings

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


@dataclass(frozen=True)
class Window:
    """Table to displayed levels: ``gain * 255 * (grey / 255) ** gamma + offset``, cut to 0..255."""

    gamma: float
    gain: float
    offset: float

    def show(self, grey: Array) -> Array:
        """Displayed levels, float32 in 0..255, same shape."""
        levels = np.float32(255 * self.gain) * (np.clip(grey, 0, 255) / np.float32(255)) ** np.float32(
            self.gamma
        )
        return np.asarray(np.clip(levels + np.float32(self.offset), 0, 255))


@dataclass(frozen=True)
class Conditions:
    """Exposure and digitising of one film.

    Attributes
    ----------
    zoom
        Magnification over the pixel of a GDXray weld.
    contrast_per_mm
        Grey levels a millimetre of steel, before the window.
    unsharpness
        Standard deviation of all blur before the grain, pixels.
    noise
        Standard deviation of the grain at mid grey, grey levels before the window.
    grain
        Standard deviation of the grain's own blur, pixels.
    quantum
        Share of white quantum noise beside the grain, of its standard deviation.
    mottle
        Coarse grain beside the fine one, as a share of `noise`: on film it falls hardly at all from octave to
        octave, where the mean over more pixels of white grain would.
    noise_slope
        How strongly the grain grows with the grey level (negative: grows towards black).
    window
        What makes 8 bits of the grey levels.
    jpeg_quality
        0 for none.
    """

    zoom: float
    contrast_per_mm: float
    unsharpness: float
    noise: float
    grain: float
    quantum: float
    noise_slope: float
    window: Window
    jpeg_quality: int
    mottle: float = 0.0

    @property
    def jpeg_loss(self) -> float:
        """Difference in displayed grey levels that JPEG wipes out; 0 without it."""
        return 0.05 * (95 - self.jpeg_quality) if self.jpeg_quality else 0.0

    @property
    def pixel_size_mm(self) -> float:
        """Edge of one pixel on the part, mm."""
        return WELD_PIXEL_SIZE_MM / self.zoom


def draw_conditions(rng: np.random.Generator, settings: SimulationSettings) -> Conditions:
    """Draw the conditions of one film, its window as yet plain."""
    zoom = log_uniform(rng, settings.magnification_min, settings.magnification_max)
    if rng.random() < settings.native_share:
        zoom = 1.0
    harsh = rng.random() < settings.harsh_share
    return Conditions(
        zoom=zoom,
        contrast_per_mm=log_uniform(rng, 8.0, 60.0),
        unsharpness=log_uniform(rng, 0.7, 2.2) * max(zoom, 0.7),
        noise=log_uniform(rng, 2.5, 18.0) if harsh else log_uniform(rng, 0.3, 3.5),
        grain=log_uniform(rng, 0.3, 1.2) * log_uniform(rng, 1.0, max(zoom, 1.0)),
        quantum=float(rng.uniform(0.1, 0.6)) if rng.random() < 0.3 else 0.0,
        noise_slope=float(rng.uniform(-0.4, 0.6)),
        window=Window(1.0, 1.0, 0.0),
        jpeg_quality=int(rng.integers(35, 96)) if rng.random() < settings.jpeg_share else 0,
        mottle=log_uniform(rng, 0.3, 1.6) if rng.random() < 0.8 else 0.0,
    )


def draw_window(rng: np.random.Generator, grey: Array, hard: bool) -> Window:
    """Draw the window for a film: mostly without losing the bead, sometimes cutting it off as the films do.

    Parameters
    ----------
    grey
        ``(rows, columns)`` float32, the film before its flaws.
    hard
        Whether the window is stretched around what the film shows.
    """
    sample = grey[:: max(1, grey.shape[0] // 64), :: max(1, grey.shape[1] // 64)]
    gamma, offset = log_uniform(rng, 0.7, 1.4), float(rng.uniform(-8, 8))
    plain = Window(gamma, 1.0, 0.0).show(sample)
    if hard:
        gain = log_uniform(rng, 1.5, 4.0)
        return Window(gamma, gain, float(rng.uniform(60, 200)) - gain * float(plain.mean()))
    gain, high = log_uniform(rng, 0.5, 1.6), float(np.percentile(plain, 99.5))
    if high * gain > 250 and rng.random() < 0.93:
        gain = min(gain, float(rng.uniform(150, 254)) / max(high, 1.0))
    return Window(gamma, gain, offset)
