"""Layers as GDXray's files.

A Labels layer becomes a mask of one bit, the form of GDXray's W0002, or a TIFF that keeps its numbers. Image
layers with their labels become a series: folder, names, masks and boxes.

A series is written where there is none. Replacing one film by film would leave new films beside old masks
wherever it was interrupted.

Which layers make a film: an image, its labels, shapes and points, as napari hands them to a writer.

What belongs to an image is told by the names, never by the order: a mask under the wrong film teaches a wrong
truth. Where there is but one image everything is its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from napari.utils.notifications import show_warning
from numpy.typing import NDArray

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.gdxray.boxes import box_line, point_line
from napari_weld_fcn.radiograph.gdxray.folders import WELD_PIXEL_SIZE_MM, list_series
from napari_weld_fcn.radiograph.gdxray.writing import SeriesWriter
from napari_weld_fcn.radiograph.lazy import FilmStack, LazyFilm
from napari_weld_fcn.radiograph.output import write_png, write_tiff
from napari_weld_fcn.radiograph.radiograph import to_luminance
from napari_weld_fcn.viewer.pixel_sizes import pixel_edge_mm

TIFF_SUFFIXES = (".tif", ".tiff")


def write_labels(path: str, layer_data: list[LayerData]) -> list[str]:
    """Write a Labels layer as a mask or as an image of its numbers.

    Parameters
    ----------
    path
        ``.png`` gives a mask of one bit, in which True is any number but 0; ``.tif`` keeps the numbers.
    layer_data
        The layer; others are left out.

    Returns
    -------
    list of str
        The file.

    Raises
    ------
    RadiographError
        If a stack is to become a PNG.
    WeldFcnError
        If the file cannot be written; one of that name is then as it was.
    """
    data, meta, _ = next(layer for layer in layer_data if layer[2] == "labels")
    labels = exact(finest(data, meta))
    size = pixel_edge_mm(meta["scale"], meta["units"])
    if Path(path).suffix.lower() in TIFF_SUFFIXES:
        write_tiff(path, _narrow(labels), size, output=True)
    elif labels.ndim != 2:
        raise RadiographError(
            f"{path}: a PNG holds one plane, but {meta['name']} is a stack; save it as TIFF."
        )
    else:
        write_png(path, labels != 0, size)
    return [path]


def write_series(path: str, layer_data: list[LayerData]) -> list[str]:
    """Write image layers with their labels, boxes and points as a GDXray series.

    Parameters
    ----------
    path
        The folder that receives ``Welds/W0001`` and ``Welds/W0002``.
    layer_data
        Images, each plane of which is a film; Labels, Shapes and Points whose names begin with that of their
        image, or whatever they are called where there is but one image. Shapes and points become lines of
        `ground_truth.txt`; without them the flaws of the labels do. Vectors are left out.

    Returns
    -------
    list of str
        The radiographs' files.

    Raises
    ------
    RadiographError
        If `path` holds a series, it cannot be told which image a layer belongs to, or a layer cannot be read.
    WeldFcnError
        If a file cannot be written.
    """
    _refuse_series_in(Path(path))
    films = list(films_in_layers(layer_data))
    for film in films:
        if film.pixel_size_mm is None:
            show_warning(
                f"{film.name}: has no pixel size in mm and will be taken for a weld of GDXray, with "
                f"{WELD_PIXEL_SIZE_MM} mm; if that is wrong, set the layer's scale and units and save again."
            )
    with SeriesWriter(path, "{films} radiographs, written by napari-weld-fcn.") as series:
        for film in films:
            for plane, pixels in enumerate(planes_of(film)):
                grey = to_luminance(pixels) if film.rgb else pixels
                labels = labels_on(film, plane, grey.shape)
                lines = list(lines_on(film, plane, len(series.written) + 1))
                series.add(grey, labels, film.pixel_size_mm, lines or None, film.name_of(plane))
    return [str(file) for file in series.written]


def _refuse_series_in(folder: Path) -> None:
    for place in (folder, folder / "Welds"):
        with suppress(RadiographError):  # not there: nothing stands in the way
            found = list_series(place)
            if found:
                names = ", ".join(series.name for series in found)
                break
    else:
        return
    raise RadiographError(f"{folder}: holds a GDXray series already ({names}); choose a folder without one.")


def _narrow(labels: NDArray[Any]) -> NDArray[Any]:
    """The same numbers in the smallest type that image programs read as labels."""
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0:
        return labels
    fitting = (each for each in (np.uint8, np.uint16, np.int32) if highest <= np.iinfo(each).max)
    return labels.astype(next(fitting, labels.dtype), copy=False)


LayerData = tuple[Any, dict[str, Any], str]


@dataclass(frozen=True)
class FilmLayers:
    """An image layer with the layers that belong to it.

    Attributes
    ----------
    image
        Each plane of which is a film.
    labels
        Its truth, or None.
    marks
        Shapes and points on it.
    """

    image: LayerData
    labels: LayerData | None
    marks: list[LayerData]

    @property
    def name(self) -> str:
        """Of the image layer."""
        return str(self.image[1]["name"])

    @property
    def rgb(self) -> bool:
        """Whether it is coloured."""
        return bool(self.image[1].get("rgb"))

    @property
    def pixels(self) -> Any:
        """The image's array, in its finest resolution."""
        return finest(self.image[0], self.image[1])

    @property
    def stacked(self) -> bool:
        """Whether there are several planes."""
        return len(self.pixels.shape) - self.rgb > 2

    @property
    def pixel_size_mm(self) -> float | None:
        """Edge of one pixel, or None."""
        return pixel_edge_mm(self.image[1]["scale"], self.image[1]["units"])

    def name_of(self, plane: int) -> str:
        """Say which film the plane is."""
        return f"plane {plane} of {self.name}" if self.stacked else self.name


def films_in_layers(layer_data: list[LayerData]) -> Iterator[FilmLayers]:
    """Tell which layers belong to which image.

    Raises
    ------
    RadiographError
        If that cannot be told by their names, or an image has several labels.
    """
    images = [layer for layer in layer_data if layer[2] == "image"]
    others: dict[str, list[LayerData]] = {image[1]["name"]: [] for image in images}
    if len(others) < len(images):
        raise RadiographError(
            "Two of the images have one name; rename one, so that labels can be told apart."
        )
    for layer in layer_data:
        if layer[2] in ("labels", "shapes", "points"):
            others[_owner(layer, list(others))].append(layer)
        elif layer[2] != "image":
            show_warning(f"{layer[1]['name']}: is left out, for a GDXray series has no {layer[2]}.")
    for image in images:
        mine = others[image[1]["name"]]
        labels = [layer for layer in mine if layer[2] == "labels"]
        if len(labels) > 1:
            names = ", ".join(layer[1]["name"] for layer in labels)
            raise RadiographError(
                f"{image[1]['name']}: has several labels ({names}); save it with one of them."
            )
        marks = [layer for layer in mine if layer[2] != "labels"]
        yield FilmLayers(image, labels[0] if labels else None, marks)


def _owner(layer: LayerData, images: list[str]) -> str:
    name = str(layer[1]["name"])
    if len(images) == 1:
        return images[0]
    owners = [image for image in images if name == image or name.startswith(f"{image} ")]
    if not owners:
        raise RadiographError(
            f"{name}: belongs to none of the images; let its name begin with that of its image and a space."
        )
    return max(owners, key=len)


def finest(data: Any, meta: dict[str, Any]) -> Any:
    """Return the data of a layer in its finest resolution."""
    return data[0] if meta.get("multiscale") else data


def exact(data: Any) -> NDArray[Any]:
    """Return the pixels, or raise RadiographError where a viewer would show a damaged file as black."""
    return np.asarray(data.exact() if isinstance(data, LazyFilm | FilmStack) else data)


def planes_of(film: FilmLayers) -> Iterator[NDArray[Any]]:
    """Give the films one after the other, each in its own size."""
    data = film.pixels
    if isinstance(data, FilmStack):
        yield from (each.exact() for each in data.films)
    elif not film.stacked:
        yield exact(data)
    elif len(data.shape) - film.rgb > 3:
        raise RadiographError(f"{film.name}: has {len(data.shape)} dimensions, but a film is one plane.")
    else:
        yield from (np.asarray(plane) for plane in data)


def labels_on(film: FilmLayers, plane: int, shape: tuple[int, ...]) -> NDArray[Any] | None:
    """Return the labels of one plane, as a mask where they tell no flaws apart; None where there are none."""
    if film.labels is None:
        return None
    data = finest(film.labels[0], film.labels[1])
    if isinstance(data, FilmStack):
        data = data.films[plane]
    elif film.stacked:
        data = data[plane]
    if isinstance(data, LazyFilm) and not data.known:
        return None
    labels = exact(data)
    if isinstance(film.pixels, FilmStack):
        labels = labels[: shape[0], : shape[1]]
    if labels.shape != shape:
        raise RadiographError(
            f"{film.labels[1]['name']}: has shape {labels.shape}, but {film.name_of(plane)} {shape}."
        )
    numbers = labels[labels != 0]
    return labels != 0 if numbers.size == 0 or np.all(numbers == numbers[0]) else labels


def lines_on(film: FilmLayers, plane: int, number: int) -> Iterator[str]:
    """Give shapes and points on one plane as lines of `ground_truth.txt`."""
    for data, meta, kind in film.marks:
        for vertices in data if kind == "shapes" else np.atleast_2d(data)[:, np.newaxis]:
            places = _in_pixels(np.atleast_2d(np.asarray(vertices, float)), meta, film.image[1])
            if film.stacked and places.shape[1] > 2 and round(float(places[0, -3])) != plane:
                continue
            (top, left), (bottom, right) = places[:, -2:].min(axis=0), places[:, -2:].max(axis=0)
            if kind == "points":
                yield point_line(number, top, left)
            else:
                yield box_line(number, (top, left, bottom, right))


def _in_pixels(places: NDArray[Any], meta: dict[str, Any], image: dict[str, Any]) -> NDArray[Any]:
    """Places of a layer in the pixels of an image, where the two differ in scale and translation."""
    axes = min(places.shape[1], len(image["scale"]))
    own, other = (
        (np.asarray(each["scale"], float)[-axes:], np.asarray(each["translate"], float)[-axes:])
        for each in (meta, image)
    )
    return np.asarray((places[:, -axes:] * own[0] + own[1] - other[1]) / other[0])
