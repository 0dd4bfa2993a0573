"""The exposed film as a rectangle over the picture, where something was left out of a prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari import Viewer
from napari.layers import Image, Shapes

from napari_weld_fcn.viewer.belonging import MARK, earlier_output, mark_of
from napari_weld_fcn.viewer.layers import placement

#: What the layer of the film `NAME` is called after its name.
AREA = "film area"

AREA_COLOR = "deepskyblue"


def show_area(viewer: Viewer, film: Image, planes: Sequence[dict[str, Any]]) -> Shapes | None:
    """Make or renew the layer ``NAME film area``; none is there where all of the picture is film.

    Parameters
    ----------
    viewer
        Where to add it.
    film
        The layer that was predicted.
    planes
        The record's, each with its ``area`` and the share that is ``excluded``.
    """
    before = earlier_output(viewer, film, AREA)
    if before is not None:
        viewer.layers.remove(before)
    if not any(plane["excluded"] for plane in planes):
        return None
    return viewer.add_shapes(
        [_corners(plane["area"], index, film.ndim) for index, plane in enumerate(planes)],
        shape_type="rectangle",
        name=f"{film.name} {AREA}",
        edge_color=AREA_COLOR,
        face_color="transparent",
        edge_width=max(1.0, max(film.extent.data[1][-2:]) / 500),
        metadata={MARK: mark_of(film, AREA)},
        **placement(film),
    )


def _corners(area: Sequence[int], plane: int, ndim: int) -> np.ndarray:
    top, left, bottom, right = (edge - 0.5 for edge in area)
    corners = np.array([(top, left), (top, right), (bottom, right), (bottom, left)])
    return np.insert(corners, 0, plane, axis=1) if ndim > 2 else corners
