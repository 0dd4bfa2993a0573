"""A figure as a grid of layers, below the films: each panel keeps its own values, contrast and place.

One picture of it all would show as much, but the values of a heatmap could not be read off it, nor the
contrast of one crop changed. Panels of an earlier comparison are changed in place, because napari takes
long to remove a layer and add another.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from napari import Viewer
from napari.layers import Image, Labels, Layer

from napari_weld_fcn.evaluation.figures import Figure, Place, placed
from napari_weld_fcn.viewer.belonging import MARK

#: What the layers of a grid are marked as.
OUTPUT = "comparison"
#: What is no flaw in a panel of truth: not black, so that its edges are seen on napari's black canvas.
GROUND = (0.2, 0.2, 0.2, 1.0)


def show_comparison(viewer: Viewer, film: Image, figure: Figure, colormap: str) -> list[Layer]:
    """Make or update the grid of `figure`, with a layer for each panel.

    Parameters
    ----------
    viewer
        Where to look for it and to add it.
    film
        Whose scale and units the grid has.
    figure
        Panels of greys become images, maps images in `colormap`, masks labels.
    colormap
        napari's name of the colours of a heatmap.

    Returns
    -------
    list of napari.layers.Layer
        Row by row.
    """
    before = [layer for layer in viewer.layers if layer.metadata.get(MARK, {}).get("output") == OUTPUT]
    origin = _below(film, [layer for layer in viewer.layers if layer not in before])
    grid: list[Layer] = []
    bare = replace(figure, columns=("",) * len(figure.columns))  # names would push the columns apart
    for named, place in zip(placed(figure), placed(bare), strict=True):
        known = {
            "name": named.name,
            "scale": np.array(place.scale) * film.scale[-2:],
            "translate": origin + np.array([place.top, place.left]) * film.scale[-2:],
        }
        present = next((layer for layer in before if _fits(layer, place)), None)
        if present is None:
            grid.append(_added(viewer, film, place, known, colormap))
        else:
            before.remove(present)
            _update(present, place, known)
            grid.append(present)
    for layer in before:
        viewer.layers.remove(layer)
    return grid


def _below(film: Image, others: list[Layer]) -> np.ndarray:
    """The first corner of the grid in the world: a tenth of the film below all that there is."""
    extents = [layer.extent.world[:, -2:] for layer in others if layer.extent.world.shape[1] >= 2]
    bottom = np.nanmax([extent[1, 0] for extent in extents])  # an empty layer has no extent
    rows = film.extent.world[:, -2]
    return np.array([bottom + (rows[1] - rows[0]) / 10, film.extent.world[0, -1]])


def _fits(layer: Layer, place: Place) -> bool:
    return bool(layer.metadata[MARK]["panel"] == place.panel.shown)


def _pixels(place: Place) -> np.ndarray:
    pixels = np.asarray(place.panel.pixels)
    return (pixels != 0).astype(np.uint8) if place.panel.shown == "mask" else pixels


def _update(layer: Layer, place: Place, known: dict[str, Any]) -> None:
    layer.data = _pixels(place)
    for name, value in known.items():
        setattr(layer, name, value)
    if place.panel.shown == "greys" and isinstance(layer, Image):
        layer.reset_contrast_limits()


def _added(viewer: Viewer, film: Image, place: Place, known: dict[str, Any], colormap: str) -> Layer:
    mark = {MARK: {"film": film.name, "output": OUTPUT, "panel": place.panel.shown}}
    known = {**known, "units": film.units[-2:], "metadata": mark}
    pixels = _pixels(place)
    if place.panel.shown == "mask":
        layer: Labels = viewer.add_labels(pixels, opacity=1, **known)
        layer.colormap = {0: GROUND, 1: "white", None: GROUND}
        return layer
    if place.panel.shown == "map":
        limits = (place.panel.low, place.panel.high)
        return viewer.add_image(pixels, colormap=colormap, contrast_limits=limits, **known)
    return viewer.add_image(pixels, **known)
