"""Whose marks are seen: those of the film that is chosen, for several films lie over each other.

What is hidden here, and whether it was seen before, is noted in the layer itself: what a person hid stays
hidden when its film is chosen again. Films that lie beside each other in napari's grid are all seen, with
their marks.

From one indication to the next, with the camera on it.

The selected label of the indications layer is the one truth about where the user is: the buttons of the
form, the keys ``-`` and ``=`` of Labels and a row picked in the features table all set it, and whoever sets
it, the camera follows. Numbers have gaps, because they stay with their indications.

What is drawn leaves nothing behind, so that removing a layer does not end napari.

Vispy switches the vertex arrays of a program on to draw it, and never off. Shapes need six of them, images
two. Once a Shapes layer is removed and its buffers are gone, four arrays stay on that point nowhere, and the
next image is drawn with them: undefined in OpenGL, and a segmentation fault in Mesa's software renderer. It
takes no more than rectangles that were drawn and deleted, so no order of layers avoids it. Here each program
switches off what it switched on.

The same renderer ends when a layer's program is deleted before another program was drawn: an image and its
labels, the image removed, and the view moved. Here a program is deleted after the next one was drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from napari import Viewer
from napari.layers import Image, Labels, Layer

from napari_weld_fcn.viewer.belonging import MARK, film_of, films
from napari_weld_fcn.viewer.layers import AREA

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


#: Where a context keeps the programs that are to be deleted.
_DELETED = "programs to delete"


@cache
def leave_nothing_behind() -> None:
    """Have every program of Vispy clear up after drawing; a second call does nothing."""
    from vispy.gloo import glir

    rest, delete = glir.GlirProgram._post_draw, glir.GlirProgram.delete

    def post_draw(program: Any) -> None:
        for buffer, place, *_ in program._attributes.values():
            if buffer:
                glir.gl.glDisableVertexAttribArray(place)
        rest(program)
        for deleted in program._parser.env.pop(_DELETED, ()):
            delete(deleted)

    def delete_later(program: Any) -> None:
        program._parser.env.setdefault(_DELETED, []).append(program)

    glir.GlirProgram._post_draw = post_draw
    glir.GlirProgram.delete = delete_later
