"""How one film was exposed, developed and digitised.

Everything that is the same over a whole film stands here as one frozen value, drawn once. Lengths are in
pixels of the film at hand, contrasts in grey levels of 256 before the window: a film digitised with a
harder window shows the same flaws, with the same truth.

Ranges: contrast 8-60 grey levels a millimetre of steel (X-ray and Ir-192 through a scanner of 128 grey
levels a density, and the visually adjusted tables of GDXray), grain and unsharpness as ISO 17636 and
EN 14784 lead one to expect and as the films show.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_weld_fcn.radiograph.gdxray import WELD_PIXEL_SIZE_MM
from napari_weld_fcn.radiograph.simulation.fields import Array, log_uniform
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings


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
