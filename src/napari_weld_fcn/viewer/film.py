"""An image layer as a `Radiograph`, so that the widget predicts what the command would.

napari shows the numbers of a TIFF as they are stored, also where 0 is white or they are places in a palette;
the command sees grey, and so does the job.

What belongs to Qt's thread (the layer and its transforms) is read at once; what takes time (luminance, the
file's own pixel size) waits in a function that the job calls in its thread. The layer may be renamed, moved
or deleted meanwhile.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Layer, Shapes

from napari_weld_fcn.errors import RadiographError, SettingsError
from napari_weld_fcn.prediction.tiles import Box
from napari_weld_fcn.radiograph.files import as_seen, pixel_size_of
from napari_weld_fcn.radiograph.film_stack import FilmStack
from napari_weld_fcn.radiograph.gdxray import parse_name
from napari_weld_fcn.radiograph.lazy import LazyFilm
from napari_weld_fcn.radiograph.radiograph import PixelSizeSource, Radiograph, to_luminance

PixelSize = tuple[float | None, PixelSizeSource]


def radiograph_of(film: Image) -> Callable[[], Radiograph]:
    """Return the function that makes the radiograph of a layer; it may be called in any thread.

    Parameters
    ----------
    film
        Grey or RGB(A), one plane or a stack of planes; of several resolutions the finest is taken. Its pixel
        size is that of its scale where the layer is in units of length, else that of its file.

    Raises
    ------
    RadiographError
        By the function, where the layer is no radiograph.
    """
    data = film.data[0] if film.multiscale else film.data
    return partial(_radiograph, data, film.rgb, film.name, film.source.path, _size_in_layer(film))


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
    rows, columns = _shape(film)
    top, left = np.ceil(pixels.min(axis=0)).astype(int)
    bottom, right = np.floor(pixels.max(axis=0)).astype(int) + 1
    top, left, bottom, right = max(top, 0), max(left, 0), min(bottom, rows), min(right, columns)
    if bottom <= top or right <= left:
        raise SettingsError(f"{shapes.name}: its rectangle lies outside {film.name}; move it onto the film.")
    return Box(int(top), int(left), int(bottom), int(right))


def pixel_edge_mm(scale: Sequence[float], units: Sequence[Any]) -> float | None:
    """Edge of a pixel in mm from a layer's scale; None unless its units are lengths and its pixels square.

    Parameters
    ----------
    scale, units
        As the layer has them, for each of its axes; units are pint's.
    """
    edges = [
        abs(float(factor)) * float((1 * unit).to("mm").magnitude)
        for factor, unit in zip(scale[-2:], units[-2:], strict=True)
        if unit.is_compatible_with("mm")
    ]
    if len(edges) == 2 and math.isclose(*edges, rel_tol=0.01) and edges[0] > 0:
        return edges[0]
    return None


def _radiograph(data: Any, rgb: bool, name: str, path: str | None, size: PixelSize) -> Radiograph:
    if isinstance(data, LazyFilm | FilmStack):
        data = data.exact()
    pixels = to_luminance(np.asarray(data)) if rgb else _as_seen(data, path)
    size_mm, source = size if size[0] else _size_in_file(path, name)
    return Radiograph(pixels, name, source=str(path or name), pixel_size_mm=size_mm, pixel_size_source=source)


def _as_seen(data: Any, path: str | None) -> Any:
    """What the command would see, where the layer still shows its file's own numbers."""
    if path is None or not Path(path).is_file():
        return data
    try:
        return as_seen(path, data)
    except RadiographError:
        return data


def _size_in_layer(film: Image) -> PixelSize:
    edge = pixel_edge_mm(film.scale, film.units)
    return (edge, "user") if edge else (None, "none")


def _size_in_file(path: str | None, name: str) -> PixelSize:
    """What the command would find: the file's own pixel size, or GDXray's."""
    if path and Path(path).is_file():
        try:
            return pixel_size_of(path)
        except RadiographError:
            return None, "none"
    gdxray = parse_name(name)
    if gdxray is not None and gdxray.pixel_size_mm:
        return gdxray.pixel_size_mm, "GDXray"
    return None, "none"


def _shape(film: Image) -> tuple[int, int]:
    data = film.data[0] if film.multiscale else film.data
    shape = data.shape[:-1] if film.rgb else data.shape
    return int(shape[-2]), int(shape[-1])


def _to_pixel(layer: Layer, world: np.ndarray) -> np.ndarray:
    """Rows and columns of a point of the plane shown, in the layer's pixels."""
    point = np.zeros(max(layer.ndim, 2))
    point[-2:] = world
    return np.asarray(layer.world_to_data(point), dtype=float)[-2:]
