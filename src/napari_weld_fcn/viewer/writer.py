"""Layers as GDXray's files.

A Labels layer becomes a mask of one bit, the form of GDXray's W0002, or a TIFF that keeps its numbers. Image
layers with their labels become a series: folder, names, masks and boxes.

A series is written where there is none. Replacing one film by film would leave new films beside old masks
wherever it was interrupted.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from napari.utils.notifications import show_warning
from numpy.typing import NDArray

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.gdxray import WELD_PIXEL_SIZE_MM, SeriesWriter, list_series
from napari_weld_fcn.radiograph.output import write_png, write_tiff
from napari_weld_fcn.radiograph.radiograph import to_luminance
from napari_weld_fcn.viewer.film_layers import (
    LayerData,
    exact,
    films_of,
    finest,
    labels_on,
    lines_on,
    planes_of,
)
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
    films = list(films_of(layer_data))
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
