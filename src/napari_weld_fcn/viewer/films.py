"""The films of a viewer with their truth, ready to be cropped in a job.

What belongs to Qt's thread (layers and their transforms) is read when a `Source` is made; what takes time
waits in `Source.reads`. A stack of films of different sizes, as a long GDXray series is shown, gives each
film in its own size: what fills the smaller ones up is no film.

An image layer as a `Radiograph`, so that the widget predicts what the command would.

Of a file with several images napari shows the first, which may be a thumbnail of the film: then the file's
pixel size is not that of the layer.

What belongs to Qt's thread (the layer and its transforms) is read at once; what takes time (luminance, the
file's own pixel size) waits in a function that the job calls in its thread. The layer may be renamed, moved
or deleted meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer, Shapes

from napari_weld_fcn.errors import RadiographError, SettingsError
from napari_weld_fcn.radiograph.files import notes_of
from napari_weld_fcn.radiograph.gdxray.folders import parse_name
from napari_weld_fcn.radiograph.lazy import FilmStack, LazyFilm
from napari_weld_fcn.radiograph.radiograph import Box, Radiograph, plane_name
from napari_weld_fcn.viewer.belonging import SERIES_KEY, file_of, pixels_seen, rows_and_columns
from napari_weld_fcn.viewer.files.saving import file_name
from napari_weld_fcn.viewer.pixel_sizes import PixelSize, other_size, size_finder

#: What a labels layer of the film `NAME` may be called, besides its number in GDXray's series of masks.
TRUTH_NAMES = ("{} mask", "{} truth", "{} labels", "{} flaws", "{}_mask", "{}_labels", "{} - Labels")


@dataclass(frozen=True)
class Part:
    """What `dataset.crops` takes: a radiograph, its truth and the rectangles on it."""

    radiograph: Radiograph
    truth: Any
    rectangles: np.ndarray | None


@dataclass(frozen=True)
class Source:
    """A layer of the viewer.

    Attributes
    ----------
    name
        Of the layer.
    reads
        Read its film, or each film of a series shown as a stack; may be called in any thread. They raise
        RadiographError where the layer is no radiograph or a file is damaged.
    """

    name: str
    reads: tuple[Callable[[], Part], ...]


def source_of(
    film: Image,
    truth: Labels | None,
    shapes: Shapes | None,
    *,
    copied: bool = False,
    preferred_mm: float | None = None,
) -> Source:
    """Take what a job needs from a film's layer, its labels and the rectangles.

    Parameters
    ----------
    film
        The layer to crop.
    truth
        Labels of the same shape; None where there are none.
    shapes
        Whose shapes count, by their bounding boxes; both layers may be scaled and moved.
    copied
        Whether labels in memory are copied, so that what is painted later changes nothing.
    preferred_mm
        The pixel size of a film that has none of its own; None for none.
    """
    labels = None if truth is None else _finest(truth)
    if copied and isinstance(labels, np.ndarray):
        labels = labels.copy()
    rectangles = rectangles_on(film, shapes)
    stack = _finest(film)
    if not isinstance(stack, FilmStack):
        return Source(film.name, (partial(_whole, radiograph_of(film, preferred_mm), labels, rectangles),))
    find_size = size_finder(film, preferred_mm)
    reads = []
    for place, (pixels, name) in enumerate(zip(stack.films, _names(film, stack), strict=True)):
        own = None if rectangles is None else rectangles[np.rint(rectangles[:, 0]) == place, 1:]
        reads.append(partial(_one_of_stack, pixels, name, find_size, labels, place, own))
    return Source(film.name, tuple(reads))


def films_in(film: Image) -> list[tuple[str, tuple[int, ...]]]:
    """Return what the film of a layer, or each film of a stack, is called in a run, and its shape."""
    stack, shape, name = _finest(film), plane_shape(film), file_name(film.name)
    if isinstance(stack, FilmStack):
        shapes = [tuple(pixels.shape) for pixels in stack.films]
        return list(zip(_names(film, stack), shapes, strict=True))
    if len(shape) == 3:
        return [(plane_name(name, plane), shape[1:]) for plane in range(shape[0])]
    return [(name, shape)]


def _names(film: Image, stack: FilmStack) -> list[str]:
    """What the films of a stack are called: as their files are, where these are known."""
    files = [Path(path).stem for path in film.metadata.get(SERIES_KEY, ())]
    more = range(len(files), len(stack.films))
    return [*files[: len(stack.films)], *(plane_name(file_name(film.name), place) for place in more)]


def _whole(read: Callable[[], Radiograph], truth: Any, rectangles: np.ndarray | None) -> Part:
    radiograph = read()
    name = file_name(radiograph.name)
    return Part(replace(radiograph, name=name, film=name), _exact(truth), rectangles)


def _one_of_stack(
    pixels: LazyFilm,
    name: str,
    find_size: Callable[[], PixelSize],
    truth: Any,
    place: int,
    rectangles: np.ndarray | None,
) -> Part:
    own, size = plane_of(truth, place, pixels.shape), find_size()
    radiograph = Radiograph(
        pixels.exact(), name, source=name, pixel_size_mm=size.mm, pixel_size_source=size.source
    )
    return Part(radiograph, _exact(own), rectangles)


def plane_of(truth: Any, place: int, shape: tuple[int, ...]) -> Any:
    """The truth of one film of a stack in the film's own size; None where there is none."""
    if truth is None:
        return None
    if isinstance(truth, FilmStack):
        return truth.films[place]
    return truth[place][: shape[0], : shape[1]]


def rectangles_on(film: Image, shapes: Shapes | None) -> np.ndarray | None:
    """Return the bounding boxes of `shapes` in pixels of `film`, ``(n, 4)``, of a stack ``(n, 5)``."""
    if shapes is None:
        return None
    boxes = []
    for vertices in shapes.data:
        points = np.array([_on(film, shapes.data_to_world(vertex)) for vertex in np.asarray(vertices, float)])
        corners = np.concatenate([points.min(axis=0)[-2:], points.max(axis=0)[-2:]])
        plane = [points[0, -3]] if film.ndim > 2 else []
        boxes.append([*plane, *corners])
    return np.array(boxes, float).reshape(-1, 5 if film.ndim > 2 else 4)


def boxes_of(film: Image, layers: Iterable[Layer]) -> Shapes | None:
    """Return the layer of the boxes that came with a film of GDXray; None where there are none."""
    files = film.metadata.get(SERIES_KEY)
    shapes = (layer for layer in layers if isinstance(layer, Shapes))
    return next((layer for layer in shapes if files and layer.metadata.get(SERIES_KEY) == files), None)


def labels_for(film: Image, layers: list[Labels]) -> list[Labels]:
    """Return the labels layers whose shape is that of `film`."""
    shape = plane_shape(film)
    return [layer for layer in layers if tuple(_finest(layer).shape) == shape]


def truth_of(film: Image, layers: list[Labels]) -> Labels | None:
    """Return the labels layer that its name makes the truth of `film`; None where there is none.

    Parameters
    ----------
    film
        Called `NAME`; its truth is called `NAME mask`, `NAME truth` or the like, or as GDXray calls the mask
        of an image: `W0002_0003` is that of `W0001_0003`.
    layers
        The labels of the viewer, of which those of another shape do not count.
    """
    fitting = {layer.name: layer for layer in labels_for(film, layers)}
    for pattern in TRUTH_NAMES:
        if pattern.format(film.name) in fitting:
            return fitting[pattern.format(film.name)]
    own = parse_name(film.name)
    for name, layer in fitting.items():
        other = parse_name(name)
        if own and other and (own.group, own.number) == (other.group, other.number):
            return layer
    return None


def _exact(data: Any) -> Any:
    """The data, or its pixels where a viewer would show a damaged file as black and no truth as no flaw."""
    if isinstance(data, LazyFilm) and not data.known:
        return None
    return data.exact() if isinstance(data, LazyFilm | FilmStack) else data


def _finest(layer: Layer) -> Any:
    return layer.data[0] if layer.multiscale else layer.data


def plane_shape(layer: Image | Labels) -> tuple[int, ...]:
    """Return the shape of a layer without its colours, in its finest resolution."""
    shape = tuple(_finest(layer).shape)
    return shape[:-1] if getattr(layer, "rgb", False) else shape


def _on(film: Image, world: Any) -> np.ndarray:
    """A point of the world, of whatever dimensions, in pixels of the film."""
    point = np.zeros(film.ndim)
    shared = min(film.ndim, len(world))
    point[-shared:] = np.asarray(world, float)[-shared:]
    return np.asarray(film.world_to_data(point), float)


def radiograph_of(film: Image, preferred_mm: float | None = None) -> Callable[[], Radiograph]:
    """Return the function that makes the radiograph of a layer; it may be called in any thread.

    Parameters
    ----------
    film
        Grey or RGB(A), one plane or a stack of planes; of several resolutions the finest is taken.
    preferred_mm
        Its pixel size where it has none of its own, as in `pixel_sizes.size_of`; None for none.

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
    pixels = pixels_seen(data, rgb, path)
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
