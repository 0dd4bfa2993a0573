"""Flaws as they reach the film: blurred one by one, each with its own truth.

Every flaw is blurred in a box of its own, which gives what it alone darkens for nothing; a truth taken from
the sum of all would run together wherever two flaws lie close.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from napari_weld_fcn.radiograph.simulation import marks
from napari_weld_fcn.radiograph.simulation.conditions import Array, Conditions
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.radiograph.simulation.site import HAZE, Plan
from napari_weld_fcn.radiograph.simulation.stamps import clip_to, near
from napari_weld_fcn.radiograph.simulation.truth import Exposed, clutter_behind, outline

Place = tuple[slice, slice]
#: What of a darkening in a box of the film is left in displayed grey levels, 0 where the film is cut off.
Shown = Callable[[Place, Array], Array]
#: The conditions that hold in a box of the film.
ConditionsAt = Callable[[Place], Conditions]


def expose(
    plans: Iterable[Plan],
    shape: tuple[int, int],
    conditions: Conditions,
    settings: SimulationSettings,
    shown: Shown,
    conditions_at: ConditionsAt | None = None,
    ground: Array | None = None,
) -> tuple[Array, np.ndarray, list[Exposed]]:
    """Expose flaws; a pixel in two of them belongs to the stronger one.

    Parameters
    ----------
    plans
        Flaws to be exposed; haze is left out.
    shape
        Rows and columns of the film.
    conditions
        Their blur, and their grain where `conditions_at` is not given.
    settings
        What counts as a flaw, and what can be seen.
    shown, conditions_at
        What the film does with a darkening, and what holds in a part of it.
    ground
        The film without flaws and grain, where it is known: what it varies by hides flaws too.

    Returns
    -------
    loss, instances, exposed
        Darkening of all flaws ``(rows, columns)`` float32 in grey levels, instance image int32, flaws.
    """
    loss = np.zeros(shape, np.float32)
    instances = np.zeros(shape, np.int32)
    strongest = np.zeros(shape, np.float32)
    exposed: list[Exposed] = []
    seen = 0
    for plan in plans:
        if plan.iso6520 == HAZE:
            continue
        close = near(plan.stamp, shape, int(4 * conditions.unsharpness) + 1)
        if close is None:
            continue
        stamp = marks.soften(close, conditions.unsharpness)
        where = clip_to(stamp, *shape)
        if where is None:
            continue
        box = (where[0], where[1])
        darkening = np.float32(plan.contrast) * stamp.values[where[2], where[3]]
        loss[box] += darkening
        if plan.iso6520 not in settings.flaw_classes:
            continue
        here = conditions_at(box) if conditions_at else conditions
        depth = np.abs(darkening)
        clutter = 0.0 if ground is None else clutter_behind(ground, box, depth)
        mask, contrast, to_noise = outline(depth, shown(box, darkening), here, settings, clutter)
        number = seen + 1 if mask.any() else 0
        seen = max(seen, number)
        mine = mask & (depth > strongest[box])
        instances[box][mine] = number
        strongest[box][mine] = depth[mine]
        centre = (where[0].start + where[0].stop) / 2, (where[1].start + where[1].stop) / 2
        exposed.append(Exposed(plan.iso6520, number, *centre, contrast, to_noise))
    return loss, instances, exposed


def haze(plans: Iterable[Plan], shape: tuple[int, int]) -> Array:
    """Darkening that goes with flaws and that nobody outlines; too soft to need the blur."""
    total = np.zeros(shape, np.float32)
    for plan in plans:
        if plan.iso6520 == HAZE:
            marks.add(total, plan.stamp, plan.contrast)
    return total
