"""Which pixels a person would have drawn: truth by contrast.

A geometric outline is not what anybody draws, because the blur moves the visible edge and the grain hides
the rest. A pixel belongs to a flaw where the flaw's own darkening, blurred as the film is and free of
noise, reaches a fraction of its peak; a flaw belongs to the truth where a person could see it at all: its
peak passes a least contrast, and its contrast summed over its area passes the grain (Rose's criterion) and
what the film without it, with its ripples, flanks and edges, varies by at that size.

References
----------
A. Rose, The sensitivity performance of the human eye on an absolute scale, J. Opt. Soc. Am. 38 (1948) 196.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt, find_objects, maximum_filter, uniform_filter

from napari_weld_fcn.radiograph.simulation.conditions import Array, Conditions
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.radiograph.simulation.site import ISO_6520_NAMES

#: Standard deviation of the mottle of one octave, that of a flaw's own size, as a share of `mottle`.
MOTTLE_SEEN = 0.45
#: How much of what a ground of metal varies by counts as noise: an eye follows a ripple or an edge, and sees
#: what breaks it.
CLUTTER_SEEN = 0.4


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
    length_mm, width_mm, depth_mm
        On the part; the depth is that of missing metal at the blurred peak.
    contrast
        Peak darkening after blur, grey levels of 256 before the window.
    contrast_to_noise
        Mean contrast over the half-peak area against the grain averaged over the same area, and the ground.
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
    width_mm: float
    depth_mm: float
    contrast: float
    contrast_to_noise: float
    visible: bool


@dataclass(frozen=True)
class Exposed:
    """A flaw that was put in: where its shape lies, what it gives, and its first number (0: not seen)."""

    iso6520: int
    number: int
    row: float
    column: float
    contrast: float
    contrast_to_noise: float


def grain_of_means(conditions: Conditions) -> float:
    """Grain of a mean over A pixels, times sqrt(A): sigma times correlation length, grey levels x pixels."""
    return conditions.noise * float(np.sqrt(1 + 4 * np.pi * conditions.grain**2))


def noise_over(area: int, conditions: Conditions, clutter: float = 0.0) -> float:
    """Standard deviation of a mean over `area` pixels: the fine grain averages out, the rest does not."""
    mottle = MOTTLE_SEEN * conditions.mottle * conditions.noise
    noise = np.hypot(grain_of_means(conditions) / np.sqrt(area), np.hypot(mottle, CLUTTER_SEEN * clutter))
    return max(float(noise), 1e-6)


def clutter_behind(ground: Array, box: tuple[slice, slice], darkening: Array) -> float:
    """What a film without its flaws varies by where a flaw lies, at the flaw's own width.

    Parameters
    ----------
    ground
        ``(rows, columns)`` in grey levels, the whole film.
    box, darkening
        Where the flaw lies, and its darkening there.

    Returns
    -------
    float
        Root mean square, over the flaw's half-peak area, of the ground less its own mean over three widths.
    """
    core = darkening > 0.5 * darkening.max(initial=0.0)
    reach = int(3 * distance_transform_edt(np.pad(core, 1)).max()) + 1
    around = tuple(slice(max(side.start - reach, 0), side.stop + reach) for side in box)
    part = ground[around]
    rest = part - uniform_filter(part, 2 * reach + 1, mode="nearest")
    inside = tuple(
        slice(side.start - wide.start, side.stop - wide.start) for side, wide in zip(box, around, strict=True)
    )
    return float(np.sqrt(np.mean(rest[inside][core] ** 2))) if core.any() else 0.0


def outline(
    darkening: Array,
    shown: Array,
    conditions: Conditions,
    settings: SimulationSettings,
    clutter: float = 0.0,
) -> tuple[np.ndarray, float, float]:
    """Truth of one flaw in its box.

    Parameters
    ----------
    darkening
        ``(rows, columns)`` float32, its own blurred darkening in grey levels.
    shown
        The same after the window: zero where the film is cut off with or without the flaw.
    clutter
        What the ground varies by there: see `clutter_behind`.

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
    to_noise = float(darkening[core].mean()) / noise_over(area, conditions, clutter)
    step = settings.visible_step + conditions.jpeg_loss
    seen = peak >= settings.visible_contrast and float(shown.max()) >= step
    if not seen or to_noise < settings.visible_to_noise:
        return np.zeros(darkening.shape, bool), peak, to_noise
    least = settings.visible_share * settings.visible_contrast
    level = max(settings.truth_fraction * min(peak, settings.truth_peak), least)
    return (darkening > level) & (shown > 0.5 * step), peak, to_noise


def unmasked(
    instances: np.ndarray, loss: Array, conditions: Conditions, settings: SimulationSettings
) -> np.ndarray:
    """Take out what a stronger flaw nearby outshines, as it does to the eye (simultaneous contrast).

    Without this the truth of a cluster runs together over gaps that everybody sees as gaps.

    Parameters
    ----------
    instances, loss
        ``(rows, columns)``: the flaws' numbers, and the darkening of all flaws together in grey levels.

    Returns
    -------
    numpy.ndarray
        The instance image without those pixels, same shape.
    """
    reach = 2 * round(settings.masking_reach * max(conditions.zoom, 0.7)) + 1
    dark = np.abs(loss)
    return np.where(dark >= settings.masking * maximum_filter(dark, reach), instances, 0)


def tabulate(
    exposed: list[Exposed], instances: np.ndarray, conditions: Conditions
) -> tuple[np.ndarray, list[Flaw]]:
    """Number the flaws that are left 1..n, and measure each as it stands in the instance image.

    Parameters
    ----------
    exposed
        Every flaw that was put in.
    instances
        ``(rows, columns)`` with the numbers of `exposed`; one that lies wholly behind others has no pixel.

    Returns
    -------
    instances, flaws
        The instance image renumbered, int32, and the table in the order of `exposed`.
    """
    boxes = find_objects(instances)
    renumbered = np.zeros(len(boxes) + 1, np.int32)
    flaws: list[Flaw] = []
    for flaw in exposed:
        box = boxes[flaw.number - 1] if 0 < flaw.number <= len(boxes) else None
        if box is None:
            flaws.append(_flaw(flaw, 0, flaw.row, flaw.column, (0, 0.0, 0.0), conditions))
            continue
        renumbered[flaw.number] = number = int(renumbered.max()) + 1
        rows, columns = np.nonzero(instances[box] == flaw.number)
        place = (box[0].start + float(rows.mean()), box[1].start + float(columns.mean()))
        flaws.append(_flaw(flaw, number, *place, _extent(rows, columns), conditions))
    return renumbered[instances], flaws


def _extent(rows: np.ndarray, columns: np.ndarray) -> tuple[int, float, float]:
    """Area, length and width along the principal axes, pixels."""
    centred = np.stack([rows - rows.mean(), columns - columns.mean()])
    _, axes = np.linalg.eigh(centred @ centred.T)
    extent = np.ptp(axes.T @ centred, axis=1) + 1.0
    return int(rows.size), float(extent.max()), float(extent.min())


def _flaw(
    exposed: Exposed,
    number: int,
    row: float,
    column: float,
    extent: tuple[int, float, float],
    conditions: Conditions,
) -> Flaw:
    area, length, width = extent
    return Flaw(
        number=number,
        iso6520=exposed.iso6520,
        name=ISO_6520_NAMES[exposed.iso6520],
        row=row,
        column=column,
        area_px=area,
        length_px=length,
        width_px=width,
        length_mm=length * conditions.pixel_size_mm,
        width_mm=width * conditions.pixel_size_mm,
        depth_mm=exposed.contrast / conditions.contrast_per_mm,
        contrast=exposed.contrast,
        contrast_to_noise=exposed.contrast_to_noise,
        visible=number > 0,
    )
