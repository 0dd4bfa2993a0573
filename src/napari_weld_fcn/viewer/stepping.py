"""From one indication to the next, with the camera on it.

The selected label of the indications layer is the one truth about where the user is: the buttons of the
form, the keys ``-`` and ``=`` of Labels and a row picked in the features table all set it, and whoever sets
it, the camera follows. Numbers have gaps, because they stay with their indications.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari import Viewer
from napari.layers import Labels, Layer

#: An indication that would be drawn smaller than this on the screen is zoomed to `COMFORTABLE`, in pixels.
READABLE = 12
COMFORTABLE = 32

#: Never more than this many screen pixels for one of the film: beyond, nothing is recognised any more.
LARGEST_ZOOM = 4


def neighbour(at: int, by: int, numbers: Sequence[int]) -> int:
    """The indication after or before number `at`, round the end.

    Parameters
    ----------
    at
        The number looked at last; 0 for none. It need not be there any more.
    by
        1 for the next, -1 for the one before. From none, the first or the last comes.
    numbers
        Those there are, rising; at least one.
    """
    if by > 0:
        return next((number for number in numbers if number > at), numbers[0])
    return next((number for number in reversed(numbers) if number < at), numbers[-1])


def row(layer: Labels, number: int) -> dict[str, Any] | None:
    """What the table says of indication `number`; None where there is no such one."""
    if "area_px" not in layer.features or not 1 <= number < len(layer.features):
        return None
    if np.isnan(layer.features["area_px"].iloc[number]):
        return None
    return {str(name): layer.features[name].iloc[number] for name in layer.features.columns}


def centre(viewer: Viewer, layer: Labels, number: int) -> bool:
    """Move camera and sliders to indication `number`; False where there is no such one."""
    indication = row(layer, number)
    if indication is None:
        return False
    position = [indication["row"], indication["column"]]
    if layer.ndim == 3:
        position = [indication.get("plane", 0), *position]
    look_at(viewer, layer, position, indication["length_px"])
    return True


def look_at(viewer: Viewer, layer: Layer, position: Sequence[float], length_px: float) -> None:
    """Move camera and sliders to a place on `layer`.

    Parameters
    ----------
    viewer
        Whose camera.
    layer
        Of which `position` and the length are in pixels.
    position
        Row and column, of a stack the plane first.
    length_px
        Length of what is there; the zoom grows where that would be too small to see, and never shrinks.
    """
    world = np.asarray(layer.data_to_world(position), dtype=float)
    if layer.ndim == 3:
        viewer.dims.set_point(viewer.dims.ndim - 3, world[0])
    camera = viewer.scene.camera
    camera.center = (*camera.center[:-2], *world[-2:])
    edge = float(layer.scale[-1])
    drawn = length_px * edge * camera.zoom
    if drawn < READABLE:
        camera.zoom = min(COMFORTABLE / (length_px * edge), LARGEST_ZOOM / edge)
