"""Which pixels a person would have drawn: truth by contrast.

A geometric outline is not what anybody draws, because the blur moves the visible edge and the grain hides
the rest. A pixel belongs to a flaw where the flaw's own darkening, blurred as the film is and free of
noise, reaches a fraction of its peak; a flaw belongs to the truth where a person could see it at all: its
peak passes a least contrast, and its contrast summed over its area passes the grain (Rose's criterion).

References
----------
A. Rose, The sensitivity performance of the human eye on an absolute scale, J. Opt. Soc. Am. 38 (1948) 196.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import maximum_filter

from napari_weld_fcn.radiograph.simulation.conditions import Conditions
from napari_weld_fcn.radiograph.simulation.fields import Array
from napari_weld_fcn.radiograph.simulation.flaws import ISO_6520_NAMES
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings

#: How far a strong flaw outshines others, pixels of a film at magnification 1.
MASKING_REACH = 7.0


@dataclass(frozen=True)
class Flaw:
    """One simulated flaw as the film shows it.

    Attributes
    ----------
    number
        Its label in the instance image; 0 for one that is not drawn there.
    iso6520, name
        Class after ISO 6520-1.
    row, column
        Centre of its truth, or of its shape where it has none, pixels.
    area_px, length_px, width_px
        Area, largest and smallest extent of its truth along its principal axes, pixels.
    length_mm, depth_mm
        On the part; the depth is that of missing metal at the blurred peak.
    contrast
        Peak darkening after blur, grey levels of 256 before the window.
    contrast_to_noise
        Mean contrast over the half-peak area against the grain averaged over the same area.
    visible
        Whether a person could see it, and so whether it is in the truth.
    """

    number: int
    iso6520: int
    name: str
    row: float
    column: float
    area_px: int
    length_px: float
    width_px: float
    length_mm: float
    depth_mm: float
    contrast: float
    contrast_to_noise: float
    visible: bool


def grain_of(conditions: Conditions) -> float:
    """Grain of a mean over A pixels, times sqrt(A): sigma times correlation length, grey levels x pixels."""
    return conditions.noise * float(np.sqrt(1 + 4 * np.pi * conditions.grain**2))


def outline(
    darkening: Array, shown: Array, conditions: Conditions, settings: SimulationSettings
) -> tuple[np.ndarray, float, float]:
    """Truth of one flaw in its box.

    Parameters
    ----------
    darkening
        ``(rows, columns)`` float32, its own blurred darkening in grey levels.
    shown
        The same after the window: zero where the film is cut off with or without the flaw.

    Returns
    -------
    mask, contrast, contrast_to_noise
        ``(rows, columns)`` bool, empty where the flaw cannot be seen; peak; contrast to noise over its area.
    """
    peak = float(darkening.max(initial=0.0))
    if peak <= 0:
        return np.zeros(darkening.shape, bool), 0.0, 0.0
    core = darkening > 0.5 * peak
    area = int(core.sum())
    to_noise = float(darkening[core].mean()) * np.sqrt(area) / max(grain_of(conditions), 1e-6)
    seen = peak >= settings.visible_contrast and float(shown.max()) >= conditions.least_step
    if not seen or to_noise < settings.visible_to_noise:
        return np.zeros(darkening.shape, bool), peak, to_noise
    level = max(settings.truth_fraction * min(peak, settings.truth_peak), 0.6 * settings.visible_contrast)
    return (darkening > level) & (shown > 0.5 * conditions.least_step), peak, to_noise


def unmasked(
    instances: np.ndarray,
    flaws: list[Flaw],
    loss: Array,
    conditions: Conditions,
    settings: SimulationSettings,
) -> tuple[np.ndarray, list[Flaw]]:
    """Take out what a stronger flaw nearby outshines, as it does to the eye (simultaneous contrast).

    Without this the truth of a cluster runs together over gaps that everybody sees as gaps.

    Parameters
    ----------
    instances, loss
        ``(rows, columns)``: the flaws' numbers, and the darkening of all flaws together in grey levels.
    flaws
        Their table.

    Returns
    -------
    instances, flaws
        Both without the pixels, and the flaws, that are outshone or lie wholly behind others.
    """
    reach = 2 * round(MASKING_REACH * max(conditions.zoom, 0.7)) + 1
    dark = np.abs(loss)
    instances = np.where(dark >= settings.masking * maximum_filter(dark, reach), instances, 0)
    left = np.bincount(instances.ravel(), minlength=len(flaws) + 1)
    return instances, [
        replace(flaw, number=0, visible=False) if flaw.visible and not left[flaw.number] else flaw
        for flaw in flaws
    ]


def describe(
    iso6520: int,
    number: int,
    mask: np.ndarray,
    row: int,
    column: int,
    contrast: float,
    to_noise: float,
    conditions: Conditions,
) -> Flaw:
    """Measure one flaw from its truth in a box whose corner is at (row, column)."""
    rows, columns = np.nonzero(mask)
    visible = rows.size > 0
    if visible:
        centred = np.stack([rows - rows.mean(), columns - columns.mean()])
        _, axes = np.linalg.eigh(centred @ centred.T)
        extent = np.ptp(axes.T @ centred, axis=1) + 1.0
        width, length = float(extent.min()), float(extent.max())
        place = (row + float(rows.mean()), column + float(columns.mean()))
    else:
        width = length = 0.0
        place = (row + mask.shape[0] / 2, column + mask.shape[1] / 2)
    return Flaw(
        number=number,
        iso6520=iso6520,
        name=ISO_6520_NAMES[iso6520],
        row=place[0],
        column=place[1],
        area_px=int(rows.size),
        length_px=length,
        width_px=width,
        length_mm=length * conditions.pixel_size_mm,
        depth_mm=abs(contrast) / conditions.contrast_per_mm,
        contrast=contrast,
        contrast_to_noise=to_noise,
        visible=visible,
    )
