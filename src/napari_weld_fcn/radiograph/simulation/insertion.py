"""Simulated flaws in a real film, by the physics of the simulation.

A film's grey is linear in its density, and a flaw is metal that is missing: so a flaw adds a darkening, as
blurred as beam, film and scanner blur, and the film's own grain, marks and texture stay as they are. Pasting
patches of other films instead would bring grain of its own, which a network learns to see.

Nobody outlines what cannot be seen, so the truth is that of the simulator, by contrast, against the grain
that the film has at that place. What may be a flaw already gets none, and is told as ignored; so is what was
put in and is near the limit of what can be seen, because there grain looks like flaws too.

References
----------
D. Mery, Aluminum casting inspection using deep learning, J. Nondestruct. Eval. 39 (2020) 12: flaws
superimposed on real films by the law of absorption.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.radiograph.simulation.conditions import Array, Conditions, Window, log_uniform
from napari_weld_fcn.radiograph.simulation.exposure import ConditionsAt, Place, Shown, expose, haze
from napari_weld_fcn.radiograph.simulation.flaws import draw_group
from napari_weld_fcn.radiograph.simulation.ground import Ground
from napari_weld_fcn.radiograph.simulation.settings import InsertionSettings, SimulationSettings
from napari_weld_fcn.radiograph.simulation.site import HAZE, Plan, Site, Weld
from napari_weld_fcn.radiograph.simulation.stamps import clip_to
from napari_weld_fcn.radiograph.simulation.truth import Flaw, tabulate, unmasked

#: What counts as a flaw, and what can be seen: the simulator's own.
TRUTH = SimulationSettings()
#: Groups are drawn again where they miss the window, its area or hit a forbidden place, so often at most.
_TRIES = 6
#: Share of a flaw that must lie in the area.
_INSIDE = 0.5


@dataclass(frozen=True)
class Inserted:
    """A window of a real film with simulated flaws.

    Attributes
    ----------
    pixels
        ``(rows, columns)``, the film's dtype.
    instances
        Same shape, int32: 0 background, n the flaw of that number.
    ignored
        Same shape, bool: where nothing is known.
    flaws
        Every flaw that was put in, seen or not, at its place in the window.
    """

    pixels: NDArray[np.generic]
    instances: NDArray[np.int32]
    ignored: NDArray[np.bool_]
    flaws: list[Flaw]

    @property
    def mask(self) -> NDArray[np.bool_]:
        """``(rows, columns)`` bool: which pixels are flaw."""
        return np.asarray(self.instances > 0)


def insert(
    ground: Ground,
    settings: InsertionSettings | None = None,
    seed: int = 0,
    window: Place | None = None,
) -> Inserted:
    """Put simulated flaws into a film, or into a window of it; the same seed gives the same.

    Parameters
    ----------
    ground
        The film, measured by `ground_of`.
    settings
        How many flaws, how large, how strong.
    seed
        Any whole number >= 0.
    window
        Rows and columns with their ends; None takes the whole film.

    Returns
    -------
    Inserted
        The window; outside the reach of its flaws the pixels are the film's own.
    """
    settings = settings or InsertionSettings()
    rng = np.random.default_rng([seed, 0x1F1A7])
    window = window or (slice(0, ground.shape[0]), slice(0, ground.shape[1]))
    pixels = ground.pixels[window]
    conditions = _conditions(rng, ground, settings)
    area = None if ground.area is None else ground.area[window]
    forbidden = np.zeros(pixels.shape, bool) if ground.forbidden is None else ground.forbidden[window]
    site = Site(rng, _bead(rng, pixels.shape, area, conditions.zoom), conditions)
    plans = [] if rng.random() < settings.flawless_share else _plans(site, settings, area, forbidden)
    loss, instances, exposed = expose(
        plans, site.shape, conditions, TRUTH, _shown(ground, window), _local(ground, window, conditions)
    )
    instances = unmasked(instances, loss, conditions, TRUTH)
    instances, flaws = tabulate(exposed, instances, conditions)
    darkened = _darkened(ground, pixels, loss + haze(plans, site.shape))
    faint = [
        flaw.number for flaw in flaws if flaw.visible and flaw.contrast_to_noise < settings.sure_to_noise
    ]
    ignored = forbidden | np.isin(instances, faint)
    return Inserted(darkened, np.where(forbidden, 0, instances), ignored, flaws)


def _conditions(rng: np.random.Generator, ground: Ground, settings: InsertionSettings) -> Conditions:
    """What the flaws are drawn with: sizes, and a blur that is the film's at least."""
    zoom = log_uniform(rng, settings.magnification_min, settings.magnification_max)
    return Conditions(
        zoom=zoom,
        contrast_per_mm=log_uniform(rng, 8.0, 60.0),
        unsharpness=max(log_uniform(rng, 0.7, 2.2) * max(zoom, 0.7), ground.blur),
        noise=0.0,
        grain=ground.blur,
        quantum=0.0,
        noise_slope=0.0,
        window=Window(1.0, 1.0, 0.0),
        jpeg_quality=0,
    )


def _bead(
    rng: np.random.Generator, shape: tuple[int, ...], area: NDArray[np.bool_] | None, zoom: float
) -> Weld:
    """Where a bead lies in the window: from first to last row of the area, or drawn where there is none."""
    rows, columns = shape
    grey = np.zeros((rows, columns), np.float32)
    if area is None or not area.any():
        centre = np.full(columns, rng.uniform(-0.2, 1.2) * rows, np.float32)
        half = np.full(columns, log_uniform(rng, 35, 130) * zoom, np.float32)
        return Weld(grey, centre, half, half)
    known = np.flatnonzero(area.any(axis=0))
    first = np.interp(np.arange(columns), known, area.argmax(axis=0)[known])
    last = np.interp(np.arange(columns), known, rows - area[::-1].argmax(axis=0)[known])
    half = np.maximum((last - first) / 2, 4.0).astype(np.float32)
    return Weld(grey, ((first + last) / 2).astype(np.float32), half, half)


def _plans(
    site: Site, settings: InsertionSettings, area: NDArray[np.bool_] | None, forbidden: NDArray[np.bool_]
) -> list[Plan]:
    plans: list[Plan] = []
    wanted = int(site.rng.integers(1, settings.groups + 1))
    for _ in range(_TRIES * wanted):
        if not wanted:
            break
        group = [plan for plan in draw_group(site) if _fits(plan, area, forbidden)]
        if any(plan.iso6520 != HAZE for plan in group):
            plans += [replace(plan, contrast=plan.contrast * settings.contrast) for plan in group]
            wanted -= 1
    return plans


def _fits(plan: Plan, area: NDArray[np.bool_] | None, forbidden: NDArray[np.bool_]) -> bool:
    """Whether a flaw lies in the window, mostly in its area, and nowhere on a forbidden place."""
    where = clip_to(plan.stamp, *forbidden.shape)
    if where is None:
        return False
    box, values = (where[0], where[1]), plan.stamp.values[where[2], where[3]]
    covered = values > 0
    if not covered.any() or (forbidden[box] & covered).any():
        return False
    return area is None or float(values[area[box]].sum()) >= _INSIDE * float(values.sum())


def _shown(ground: Ground, window: Place) -> Shown:
    """What of a darkening the film has levels left for."""
    row, column = window[0].start, window[1].start
    low, high = np.float32(ground.darkest / ground.unit), np.float32(ground.brightest / ground.unit)

    def step(box: Place, darkening: Array) -> Array:
        part = (
            slice(row + box[0].start, row + box[0].stop),
            slice(column + box[1].start, column + box[1].stop),
        )
        levels = ground.pixels[part].astype(np.float32) / np.float32(ground.unit)
        return np.asarray(np.abs(levels - np.clip(levels - darkening, low, high)))

    return step


def _local(ground: Ground, window: Place, conditions: Conditions) -> ConditionsAt:
    """The conditions with the grain that the film has at a place."""
    row, column = window[0].start, window[1].start
    spread = float(np.sqrt(1 + 4 * np.pi * conditions.grain**2))

    def at(box: Place) -> Conditions:
        part = (
            slice(row + box[0].start, row + box[0].stop),
            slice(column + box[1].start, column + box[1].stop),
        )
        return replace(conditions, noise=ground.grain_in(part) / spread)

    return at


def _darkened(ground: Ground, pixels: NDArray[np.generic], loss: Array) -> NDArray[np.generic]:
    exact = np.result_type(pixels.dtype, np.float32)
    grey = pixels.astype(exact)
    darker = np.clip(grey - loss.astype(exact) * ground.unit, ground.darkest, ground.brightest)
    if pixels.dtype.kind in "ui":
        darker = np.rint(darker)
    made = pixels.copy()
    made[loss != 0] = darker[loss != 0].astype(pixels.dtype)
    return made
