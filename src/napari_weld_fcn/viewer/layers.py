"""Heatmaps and other outputs as layers of napari, and nothing else that a layer must know.

Outputs lie exactly on the film they belong to: they carry its scale, translation, units and axis labels,
because a layer in pixels beside one in millimetres is drawn elsewhere. A layer that is there already is
updated in place; removing it and adding another costs seconds and loses the user's colours.

The exposed film as a rectangle over the picture, where something was left out of a prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari import Viewer
from napari.layers import Image, Labels, Layer, Shapes
from napari.utils import Colormap
from napari.utils.colormaps import CyclicLabelColormap, ensure_colormap
from napari.utils.colormaps.standardize_color import transform_color
from numpy.typing import NDArray

from napari_weld_fcn.evaluation.matches import FALSE, HIT, MISSED
from napari_weld_fcn.viewer.belonging import MARK, earlier_output, mark_of
from napari_weld_fcn.viewer.preferences import DEFAULT_VIEW, ViewSettings

HEATMAP_OPACITY = 0.6

#: Colours of what was found, called falsely and missed; Okabe and Ito's, which all eyes tell apart.
AGREEMENT_COLORS = {HIT: "#009e73", FALSE: "#d55e00", MISSED: "#56b4e9"}
AGREEMENT_OPACITY = 0.7

#: Probability from which on the heatmap is as opaque as its layer.
OPAQUE_FROM = 0.3
MAP_OPACITY = 0.8


def show_heatmap(
    viewer: Viewer,
    film: Image,
    probability: NDArray[np.float32],
    colormap: str,
    view: ViewSettings = DEFAULT_VIEW,
) -> Image:
    """Make or update the layer ``NAME heatmap`` over `film`.

    Parameters
    ----------
    viewer
        Where to look for it and to add it.
    film
        The layer that was predicted.
    probability
        ``(rows, columns)`` or ``(planes, rows, columns)`` in [0, 1].
    colormap
        napari's name of the colours; a layer that is there keeps its own.
    view
        Whether it is shown at once; a layer that is there stays as it is.
    """
    present = earlier_output(viewer, film, "heatmap", probability.shape)
    if isinstance(present, Image):
        present.data = probability
        place(present, film)
        return present
    heatmap = viewer.add_image(
        probability,
        name=f"{film.name} heatmap",
        colormap=over_film(colormap),
        contrast_limits=(0, 1),
        opacity=HEATMAP_OPACITY,
        blending="translucent",
        visible=view.heatmap,
        metadata={MARK: mark_of(film, "heatmap")},
        **placement(film),
    )
    show_color_bar(viewer, heatmap)
    return heatmap


def show_color_bar(viewer: Viewer, heatmap: Image) -> None:
    """Show the colour bar of one heatmap and of no other, for the bars of several hide the films."""
    for layer in viewer.layers:
        if isinstance(layer, Image) and layer.metadata.get(MARK, {}).get("output") == "heatmap":
            layer.colorbar.visible = layer == heatmap


def show_map(
    viewer: Viewer,
    film: Image,
    output: str,
    values: NDArray[np.float32],
    limit: float,
    colors: Colormap,
    visible: bool,
) -> Image:
    """Make or update the layer ``NAME output`` of one plane over `film`.

    Parameters
    ----------
    viewer
        Where to look for it and to add it.
    film
        The layer that was looked at.
    output
        What the map is of; there is one layer for each.
    values
        ``(rows, columns)`` of at least 0.
    limit
        The value where the colours end.
    colors
        From 0 to `limit`.
    visible
        Whether it is shown at once; a layer that is there stays as it is.
    """
    present = earlier_output(viewer, film, output, values.shape)
    if isinstance(present, Image):
        present.data = values
        present.contrast_limits_range = (0, max(limit, float(values.max())))
        present.contrast_limits = (0, limit)
        place(present, film)
        return present
    return viewer.add_image(
        values,
        name=f"{film.name} {output}",
        colormap=colors,
        contrast_limits=(0, limit),
        opacity=MAP_OPACITY,
        blending="translucent",
        visible=visible,
        metadata={MARK: mark_of(film, output)},
        **placement(film, values.ndim),
    )


def show_agreement(viewer: Viewer, film: Image, picture: NDArray[np.uint8]) -> Labels:
    """Make or update the layer ``NAME agreement`` over `film`, in three colours.

    Parameters
    ----------
    viewer
        Where to look for it and to add it.
    film
        The layer that was scored.
    picture
        What `evaluation.examples` gives, for each of its pixels.
    """
    present = earlier_output(viewer, film, "agreement", picture.shape)
    if isinstance(present, Labels):
        present.data = picture
        place(present, film)
        return present
    return viewer.add_labels(
        picture,
        name=f"{film.name} agreement",
        colormap=_agreement_colors(),
        opacity=AGREEMENT_OPACITY,
        metadata={MARK: mark_of(film, "agreement")},
        **placement(film),
    )


def _agreement_colors() -> CyclicLabelColormap:
    """A colour for each of 256 numbers; a table by number costs napari seconds when it is first shown."""
    colors = np.zeros((256, 4), np.float32)
    for value, color in AGREEMENT_COLORS.items():
        colors[value] = transform_color(color)[0]
    return CyclicLabelColormap(colors=colors, name="agreement")


def placement(film: Layer, ndim: int | None = None) -> dict[str, Any]:
    """The keywords that put another layer of the same pixels exactly over `film`.

    Parameters
    ----------
    film
        The layer below.
    ndim
        2 for a layer of one plane of a stack; it is not turned as a turned stack would be.
    """
    if ndim is not None and ndim < film.ndim:
        names = ("scale", "translate", "units", "axis_labels")
        return {name: getattr(film, name)[-ndim:] for name in names}
    return {
        "scale": film.scale,
        "translate": film.translate,
        "rotate": film.rotate,
        "shear": film.shear,
        "affine": film.affine,
        "units": film.units,
        "axis_labels": film.axis_labels,
    }


def place(layer: Layer, film: Layer) -> None:
    """Put a layer that is there over `film`, which may have been moved or rescaled since.

    What is as it should be is left alone: each change draws the layer anew, its outlines too. Units of the
    same kind that somebody gave the layer stay, and its place is told in them.
    """
    for name, value in _in_units_of(layer, placement(film, layer.ndim)).items():
        if not np.array_equal(_figures(getattr(layer, name)), _figures(value)):
            setattr(layer, name, value)


def _in_units_of(layer: Layer, known: dict[str, Any]) -> dict[str, Any]:
    """The same place in the layer's own units, where those measure the same as the film's."""
    pairs = list(zip(known["units"], layer.units, strict=True))
    if "affine" in known and not np.array_equal(_figures(known["affine"]), np.eye(layer.ndim + 1)):
        return known
    if not all(unit.is_compatible_with(own) for unit, own in pairs):
        return known
    factors = np.array([float((1 * unit).to(own).magnitude) for unit, own in pairs])
    moved = {name: np.asarray(known[name]) * factors for name in ("scale", "translate")}
    return known | moved | {"units": layer.units}


def _figures(value: Any) -> NDArray[Any]:
    """A property of a layer's place as an array; an affine transform by its matrix."""
    return np.asarray(getattr(value, "affine_matrix", value))


def over_film(name: str) -> Colormap:
    """Napari's colormap `name`, clear where the probability is nothing, so that the film shows through.

    Opacity alone would lay the map's lowest colour, turbo's dark blue, over the whole film.
    """
    levels = np.linspace(0, 1, 256)
    colors = np.array(ensure_colormap(name).map(levels))
    colors[:, 3] = np.clip(levels / OPAQUE_FROM, 0, 1)
    return Colormap(colors, name=f"{name} over film")


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
