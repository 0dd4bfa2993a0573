"""An image layer as a `Radiograph`, so that the widget predicts what the command would.

Of a file with several images napari shows the first, which may be a thumbnail of the film: then the file's
pixel size is not that of the layer.

What belongs to Qt's thread (the layer and its transforms) is read at once; what takes time (luminance, the
file's own pixel size) waits in a function that the job calls in its thread. The layer may be renamed, moved
or deleted meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Layer, Shapes

from napari_weld_fcn.errors import RadiographError, SettingsError
from napari_weld_fcn.prediction.tiles import Box
from napari_weld_fcn.radiograph.files import notes_of
from napari_weld_fcn.radiograph.radiograph import Radiograph
from napari_weld_fcn.viewer.belonging import file_of, rows_and_columns
from napari_weld_fcn.viewer.pixel_sizes import PixelSize, other_size, size_finder
from napari_weld_fcn.viewer.pixels import seen


def radiograph_of(film: Image, preferred_mm: float = 0.0) -> Callable[[], Radiograph]:
    """Return the function that makes the radiograph of a layer; it may be called in any thread.

    Parameters
    ----------
    film
        Grey or RGB(A), one plane or a stack of planes; of several resolutions the finest is taken.
    preferred_mm
        Its pixel size where it has none of its own, as in `pixel_sizes.size_of`; 0 for none.

    Raises
    ------
    RadiographError
        By the function, where the layer is no radiograph.
    """
    data = film.data[0] if film.multiscale else film.data
    return partial(_radiograph, data, film.rgb, film.name, file_of(film), size_finder(film, preferred_mm))


def region_of(shapes: Shapes, film: Image) -> Box:
    """The pixels of `film` whose centres lie in the first shape, cut at the film's border.

    Parameters
    ----------
    shapes
        The layer with the rectangle; of another shape, its bounding box counts.
    film
        The layer to predict; both may be scaled and moved.

    Raises
    ------
    SettingsError
        If there is no shape, or it lies beside the film.
    """
    if not len(shapes.data):
        raise SettingsError(f"{shapes.name}: there is no rectangle in this layer; draw one around the weld.")
    corners = np.asarray(shapes.data[0], dtype=float)
    world = np.array([shapes.data_to_world(corner)[-2:] for corner in corners])
    pixels = np.array([_to_pixel(film, point) for point in world])
    rows, columns = rows_and_columns(film)
    top, left = np.ceil(pixels.min(axis=0)).astype(int)
    bottom, right = np.floor(pixels.max(axis=0)).astype(int) + 1
    top, left, bottom, right = max(top, 0), max(left, 0), min(bottom, rows), min(right, columns)
    if bottom <= top or right <= left:
        raise SettingsError(f"{shapes.name}: its rectangle lies outside {film.name}; move it onto the film.")
    return Box(int(top), int(left), int(bottom), int(right))


def _radiograph(
    data: Any, rgb: bool, name: str, path: str | None, find_size: Callable[[], PixelSize]
) -> Radiograph:
    pixels = seen(data, rgb, path)
    size = find_size()
    return Radiograph(
        pixels,
        name,
        source=str(path or name),
        pixel_size_mm=size.mm,
        pixel_size_source=size.source,
        notes=_notes_in_file(path, pixels.shape),
    )


def _notes_in_file(path: str | None, shape: tuple[int, ...]) -> tuple[str, ...]:
    """What the command would tell of the file, and whether the layer has another size than the film in it."""
    if path is None or not Path(path).is_file():
        return ()
    try:
        notes = notes_of(path)
    except RadiographError:
        return ()
    other = other_size(path, shape)
    return (*notes, other) if other else notes


def _to_pixel(layer: Layer, world: np.ndarray) -> np.ndarray:
    """Rows and columns of a point of the plane shown, in the layer's pixels."""
    point = np.zeros(max(layer.ndim, 2))
    point[-2:] = world
    return np.asarray(layer.world_to_data(point), dtype=float)[-2:]
