"""Heatmaps and indications as layers of napari, and nothing else that a layer must know.

Outputs lie exactly on the film they belong to: they carry its scale, translation, units and axis labels,
because a layer in pixels beside one in millimetres is drawn elsewhere. A layer that is there already is
updated in place; removing it and adding another costs seconds and loses the user's colours.

The labels are kept in 16 bits where they fit: napari then draws them straight from memory, ten times
faster than 32 bits, which is what lets them follow the threshold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from napari import Viewer
from napari.layers import Image, Labels, Layer
from napari.utils import Colormap
from napari.utils.colormaps import CyclicLabelColormap, ensure_colormap
from napari.utils.colormaps.standardize_color import transform_color
from numpy.typing import NDArray

from napari_weld_fcn.evaluation.agreement import FALSE, HIT, MISSED

#: Key of a layer's metadata that says which film an output belongs to, and which output it is.
MARK = "napari-weld-fcn"

#: Key of the metadata of heatmap and indications: the threshold and the minimum size they were marked with.
MARKED = "napari-weld-fcn marked"

HEATMAP_OPACITY = 0.6

#: Colours of what was found, marked in vain and missed; Okabe and Ito's, which all eyes tell apart.
AGREEMENT_COLORS = {HIT: "#009e73", FALSE: "#d55e00", MISSED: "#56b4e9"}
AGREEMENT_OPACITY = 0.7

#: Probability from which on the heatmap is as opaque as its layer.
OPAQUE_FROM = 0.3
INDICATIONS_OPACITY = 0.6
MAP_OPACITY = 0.8

#: What the features table need not show: the number stands in ``index``, the plane in the picture.
_HIDDEN = ("label",)


def is_output(layer: Layer) -> bool:
    """Whether this plugin made `layer`, so that it is no film to predict."""
    return MARK in layer.metadata


def films(viewer: Viewer) -> list[Image]:
    """The image layers of `viewer` that may be radiographs, from top to bottom."""
    return [layer for layer in reversed(viewer.layers) if isinstance(layer, Image) and not is_output(layer)]


def show_heatmap(viewer: Viewer, film: Image, probability: NDArray[np.float32], colormap: str) -> Image:
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
    """
    present = earlier_output(viewer, film, "heatmap", probability.shape)
    if isinstance(present, Image):
        present.data = probability
        _place(present, film)
        return present
    heatmap = viewer.add_image(
        probability,
        name=f"{film.name} heatmap",
        colormap=over_film(colormap),
        contrast_limits=(0, 1),
        opacity=HEATMAP_OPACITY,
        blending="translucent",
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


def show_indications(viewer: Viewer, film: Image, labels: NDArray[Any], table: Mapping[str, Any]) -> Labels:
    """Make or update the layer ``NAME indications`` over `film`, with its table as features.

    Parameters
    ----------
    viewer
        Where to look for it and to add it.
    film
        The layer that was predicted.
    labels
        Integers as `film` has pixels, 0 background.
    table
        Columns of equal length, one row for each number from 1 to n.
    """
    present = earlier_output(viewer, film, "indications", labels.shape)
    if isinstance(present, Labels):
        present.data = narrow(labels, len(table["label"]))
        present.features = features(table)
        _place(present, film)
        return present
    return viewer.add_labels(
        narrow(labels, len(table["label"])),
        name=f"{film.name} indications",
        features=features(table),
        opacity=INDICATIONS_OPACITY,
        metadata={MARK: mark_of(film, "indications")},
        **placement(film),
    )


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
        _place(present, film)
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
        What `evaluation.agreement` gives, for each of its pixels.
    """
    present = earlier_output(viewer, film, "agreement", picture.shape)
    if isinstance(present, Labels):
        present.data = picture
        _place(present, film)
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


def _place(layer: Layer, film: Layer) -> None:
    """Put a layer that is there over `film`, which may have been moved or rescaled since."""
    for name, value in placement(film, layer.ndim).items():
        setattr(layer, name, value)


def narrow(labels: NDArray[Any], count: int) -> NDArray[Any]:
    """The same `count` labels in the smallest type that napari draws at once."""
    return labels.astype(np.uint16 if count < 2**16 else np.int32, copy=False)


def features(table: Mapping[str, Any]) -> pd.DataFrame:
    """A table of indications as the features of a Labels layer.

    Parameters
    ----------
    table
        Columns of equal length with a column ``label`` that counts from 1.

    Returns
    -------
    pandas.DataFrame
        Row k is label k: row 0, the background, holds 0 and NaN. napari finds a label's row by ``index``,
        and its features table finds it by position; only so do both agree.
    """
    numbers = np.asarray(table["label"])
    columns: dict[str, Any] = {"index": np.concatenate([[0], numbers]).astype(np.int64)}
    for name, values in table.items():
        if name not in _HIDDEN:
            columns[name] = np.concatenate([[np.nan], np.asarray(values, dtype=np.float64)])
    return pd.DataFrame(columns)


def mark_of(film: Image, output: str) -> dict[str, Any]:
    """Of which film an output is; two films may have borne one name, so the layer itself is noted."""
    return {"film": film.name, "layer": film.unique_id, "output": output}


def earlier_output(viewer: Viewer, film: Image, output: str, shape: tuple[int, ...]) -> Layer | None:
    """The layer that an earlier prediction of `film` left, if it still fits.

    An output whose film is gone belongs to the film of the same name that was opened since.
    """
    present = {layer.unique_id for layer in viewer.layers}
    fitting = [
        layer
        for layer in viewer.layers
        if layer.metadata.get(MARK, {}).get("output") == output and layer.data.shape == shape
    ]
    for layer in fitting:
        if layer.metadata[MARK].get("layer") == film.unique_id:
            return layer
    for layer in fitting:
        mark = layer.metadata[MARK]
        if mark.get("film") == film.name and mark.get("layer") not in present:
            layer.metadata[MARK] = mark_of(film, output)
            return layer
    return None


def over_film(name: str) -> Colormap:
    """Napari's colormap `name`, clear where the probability is nothing, so that the film shows through.

    Opacity alone would lay the map's lowest colour, turbo's dark blue, over the whole film.
    """
    levels = np.linspace(0, 1, 256)
    colors = np.array(ensure_colormap(name).map(levels))
    colors[:, 3] = np.clip(levels / OPAQUE_FROM, 0, 1)
    return Colormap(colors, name=f"{name} over film")
