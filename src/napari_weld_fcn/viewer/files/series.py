"""GDXray in napari: films, masks, boxes and points as layers.

A series of a few films becomes layers for each film, of which the first film's are shown. A longer one
becomes one stack with a slider, because napari takes a fifth of a second for each layer and 68 films have to
open in one. Films of several sizes can be stacked only by filling up the smaller ones, so more of them stay
apart. Either way a film is read when it is shown, and never before.

What is missing or damaged is told in one message each, and the rest opens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from napari.utils.notifications import show_warning

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.gdxray.film import GDXrayFilm
from napari_weld_fcn.radiograph.gdxray.folders import SeriesFolder, list_series
from napari_weld_fcn.radiograph.gdxray.series import GDXraySeries, open_series
from napari_weld_fcn.radiograph.lazy import FilmStack, LazyFilm
from napari_weld_fcn.viewer.belonging import SERIES_KEY
from napari_weld_fcn.viewer.showing import leave_nothing_behind

#: Up to so many films of a series become layers of their own: where they have one size, and where they do not
#: and a stack would have to fill up the smaller ones.
SEPARATE_FILMS, SEPARATE_SIZES = 4, 12
#: A folder with more series than this is opened series by series, by the user.
MOST_SERIES = 12

BOX_COLOR = "yellow"

LayerData = tuple[Any, dict[str, Any], str]
NOTHING: list[Any] = [(None,)]


def read_layers(path: str | list[str]) -> list[Any]:
    """Open images, series, groups or a root of GDXray.

    Parameters
    ----------
    path
        An image called as in GDXray, the folder of a series or of a group, or the root; or a list of them.

    Returns
    -------
    list of layer data
        napari's ``[(None,)]``, no layers, where nothing can be opened: the message that says why must not
        come with a traceback.
    """
    leave_nothing_behind()
    layers: list[LayerData] = []
    for each in [path] if isinstance(path, str) else path:
        for series in _opened(each):
            for problem in series.problems:
                show_warning(problem)
            layers += _layers(series, first=not layers)
    return layers or NOTHING


def _opened(path: str) -> Iterator[GDXraySeries]:
    """Every series of `path`; one that cannot be opened is told."""
    try:
        for each in _listed(path):
            try:
                yield open_series(each)
            except RadiographError as fault:
                show_warning(str(fault))
    except RadiographError as fault:
        show_warning(str(fault))


def _listed(path: str) -> Sequence[str | SeriesFolder]:
    if Path(path).is_file():
        return [path]
    found = list_series(path)
    if len(found) > MOST_SERIES:
        names = ", ".join(series.name for series in found[:3])
        raise RadiographError(
            f"{path}: holds {len(found)} series ({names}, ...), too many to show at once; open one's folder."
        )
    return found


def _layers(series: GDXraySeries, first: bool) -> list[LayerData]:
    films = series.films
    limits = _contrast_limits(films[0])
    one_size = len({film.shape for film in films}) == 1
    if len(films) > (SEPARATE_FILMS if one_size else SEPARATE_SIZES):
        return _together(series, limits, first)
    layers = []
    for number, film in enumerate(films):
        layers += _alone(film, series.is_mask, limits, first and number == 0)
    return layers


def _alone(film: GDXrayFilm, is_mask: bool, limits: tuple[float, float], visible: bool) -> list[LayerData]:
    """A film as layers of its own."""
    size = film.pixel_size_mm
    common: dict[str, Any] = {"visible": visible, "metadata": {SERIES_KEY: [str(film.path)]}}
    if size is not None:
        common |= {"scale": (size, size), "units": ("mm", "mm")}
    if is_mask:
        return [_labels_layer(_labels(film), film.name, common)]
    layers = [_image_layer(_pixels(film), film.name, limits, common)]
    if film.has_mask:
        layers.append(_labels_layer(_labels(film), f"{film.name} mask", common))
    return layers + _mark_layers([film], film.name, common)


def _together(series: GDXraySeries, limits: tuple[float, float], visible: bool) -> list[LayerData]:
    """The films of a long series as planes of one stack."""
    films = series.films
    sizes = {film.pixel_size_mm for film in films}
    size = sizes.pop() if len(sizes) == 1 else None
    common: dict[str, Any] = {
        "visible": visible,
        "metadata": {SERIES_KEY: [str(film.path) for film in films]},
        "axis_labels": ("film", "row", "column"),
    }
    if size is not None:
        common |= {"scale": (1, size, size), "units": ("pixel", "mm", "mm")}
    masks = FilmStack([_labels(film) for film in films])
    if series.is_mask:
        return [_labels_layer(masks, series.name, common)]
    layers = [_image_layer(FilmStack([_pixels(film) for film in films]), series.name, limits, common)]
    if any(film.has_mask for film in films):
        layers.append(_labels_layer(masks, f"{series.name} mask", common))
    return layers + _mark_layers(films, series.name, common)


def _image_layer(pixels: Any, name: str, limits: tuple[float, float], common: dict[str, Any]) -> LayerData:
    own = {"name": name, "contrast_limits": limits, "rgb": False, "multiscale": False}
    return pixels, {**common, **own}, "image"


def _labels_layer(labels: Any, name: str, common: dict[str, Any]) -> LayerData:
    return labels, {**common, "name": name, "multiscale": False}, "labels"


def _pixels(film: GDXrayFilm) -> LazyFilm:
    return LazyFilm(film.shape, film.dtype, lambda: film.radiograph().pixels, show_warning)


def _labels(film: GDXrayFilm) -> LazyFilm:
    """The flaws of a film by their numbers where these are known, else 1 for flaw; 0 where it has no mask."""
    many = max(film.instance_paths, default=0) >= np.iinfo(np.uint8).max

    def load() -> Any:
        labels = film.labels()
        return np.zeros(film.shape, np.uint8) if labels is None else labels

    dtype = np.dtype(np.int32 if many else np.uint8)
    return LazyFilm(film.shape, dtype, load, show_warning, known=film.has_mask)


def _contrast_limits(film: GDXrayFilm) -> tuple[float, float]:
    """What 8 bits span; deeper films seldom use their range, so the first one is read, as it is shown."""
    if film.dtype.itemsize == 1:
        return 0, 1 if film.dtype == np.bool_ else 255
    try:
        pixels = film.radiograph().pixels
    except RadiographError:  # told when it is shown
        return 0, 1
    lowest, highest = float(pixels.min()), float(pixels.max())
    return lowest, highest if highest > lowest else lowest + 1


def _mark_layers(films: Sequence[GDXrayFilm], name: str, common: dict[str, Any]) -> list[LayerData]:
    """Boxes as Shapes and points as Points; with the film's place in the stack where there are several."""
    edge = max(max(film.shape) for film in films)
    boxes: list[Any] = []
    points: list[Any] = []
    for plane, film in enumerate(films):
        for mark in film.marks:
            corners = mark.corners
            if len(films) > 1:
                corners = np.insert(corners, 0, plane, axis=1)
            (points if len(corners) == 1 else boxes).append(corners)
    layers: list[LayerData] = []
    if boxes:
        looks = {"edge_color": BOX_COLOR, "face_color": "transparent", "edge_width": max(1.0, edge / 600)}
        shapes = {"name": f"{name} boxes", "shape_type": "polygon", **looks}
        layers.append((boxes, {**common, **shapes}, "shapes"))
    if points:
        looks = {"border_color": BOX_COLOR, "face_color": "transparent", "size": max(3.0, edge / 100)}
        layers.append((np.concatenate(points), {**common, "name": f"{name} points", **looks}, "points"))
    return layers
