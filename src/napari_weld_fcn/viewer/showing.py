"""Whose marks are seen: those of the film that is chosen, for several films lie over each other.

What is hidden here, and whether it was seen before, is noted in the layer itself: what a person hid stays
hidden when its film is chosen again. Films that lie beside each other in napari's grid are all seen, with
their marks.
"""

from __future__ import annotations

import numpy as np
from napari import Viewer
from napari.layers import Image, Layer

from napari_weld_fcn.viewer.belonging import MARK, film_of, films
from napari_weld_fcn.viewer.exposed import AREA

#: Key of the metadata of a layer whose film is not chosen: whether it is seen where its film is.
HIDDEN = "napari-weld-fcn hidden"

#: The key that shows and hides the heatmap; neither napari nor any kind of layer has a use for it.
HEATMAP_KEY = "H"

_MARKS = ("heatmap", "indications", AREA)


def show_marks_of(viewer: Viewer, film: Image) -> None:
    """Show the heatmap, the indications and the film area of one film and of no other.

    A film that has some is brought to light itself; one without may be one of many that were just opened.

    Parameters
    ----------
    viewer
        Whose layers.
    film
        The one that is chosen.
    """
    if viewer.canvas.grid.enabled:
        return
    marks = [layer for layer in viewer.layers if layer.metadata.get(MARK, {}).get("output") in _MARKS]
    own = [layer for layer in marks if film_of(viewer, layer) == film]
    for layer in marks:
        _show_again(layer) if layer in own else _hide(layer)
    if own or HIDDEN in film.metadata:
        film.metadata.pop(HIDDEN, None)
        film.visible = True
        above = viewer.layers[viewer.layers.index(film) + 1 :]
        for other in films(viewer):
            if other in above and other.visible and _overlap(other, film):
                _hide(other)


def toggle_heatmap(viewer: Viewer) -> None:
    """Show or hide the heatmap of the film that is looked at."""
    heatmaps = [
        layer
        for layer in viewer.layers
        if layer.metadata.get(MARK, {}).get("output") == "heatmap" and HIDDEN not in layer.metadata
    ]
    shown = any(layer.visible for layer in heatmaps)
    for layer in heatmaps:
        layer.visible = not shown


def _hide(layer: Layer) -> None:
    layer.metadata.setdefault(HIDDEN, bool(layer.visible))
    if layer.visible:
        layer.visible = False


def _show_again(layer: Layer) -> None:
    if layer.metadata.pop(HIDDEN, False):
        layer.visible = True


def _overlap(one: Layer, other: Layer) -> bool:
    """Whether two layers share a part of the plane."""
    (low, high), (other_low, other_high) = (np.array(each.extent.world)[:, -2:] for each in (one, other))
    return bool((np.minimum(high, other_high) > np.maximum(low, other_low)).all())
