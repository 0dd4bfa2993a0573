"""Which layers are films, where they come from, and which outputs belong to which film.

An output notes the layer of its film. Once that is gone, or where the output came from a file, it belongs to
a film that has the name *and the pixels*: a name is soon given to another film, and what was painted on one
must never be shown on another.

The pixels of an image layer: as the command would see them, and what tells them from another film's.

napari shows the numbers of a file as they are stored, also where 0 is white, they are places in a palette or
say how much ink there is; the command sees grey.

Names and sizes are the same for many films, so what was left behind on a film that is opened again is known
by pixels. A fingerprint is taken once of each layer: of all pixels where they are few, else of some. Results
on disk name all pixels by their SHA-256, which costs more and is asked for only where such results are met.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
from napari import Viewer
from napari.layers import Image, Layer

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.prediction.survey import pixels_sha256
from napari_weld_fcn.radiograph.files import as_read
from napari_weld_fcn.radiograph.lazy import FilmStack, LazyFilm
from napari_weld_fcn.radiograph.radiograph import Radiograph, to_luminance

#: Key of a layer's metadata that says which film an output belongs to, and which output it is.
MARK = "napari-weld-fcn"

#: Key of a layer's metadata that says where its films come from.
SERIES_KEY = "napari-weld-fcn GDXray"

#: Key of the metadata of heatmap and indications: the record of how they were marked.
MARKED = "napari-weld-fcn marked"


def is_output_layer(layer: Layer) -> bool:
    """Whether this plugin made `layer`, so that it is no film to predict."""
    return MARK in layer.metadata


def is_copy(layer: Layer) -> bool:
    """Whether `layer` was duplicated from another, whose metadata it has."""
    return layer.source.parent is not None


def films(viewer: Viewer) -> list[Image]:
    """The image layers of `viewer` that may be radiographs, from top to bottom."""
    return [
        layer for layer in reversed(viewer.layers) if isinstance(layer, Image) and not is_output_layer(layer)
    ]


def rows_and_columns(film: Image) -> tuple[int, int]:
    """Return the size of a film's planes in its finest resolution."""
    data = film.data[0] if film.multiscale else film.data
    shape = data.shape[:-1] if film.rgb else data.shape
    return int(shape[-2]), int(shape[-1])


def file_of(film: Image) -> str | None:
    """The film's own file, also where a folder was opened; of a series as a stack the folder of its films."""
    files = [Path(file) for file in film.metadata.get(SERIES_KEY, ())]
    if files:
        return str(files[0] if len(files) == 1 else files[0].parent)
    return None if film.source.path is None else str(film.source.path)


def mark_of(film: Image, output: str) -> dict[str, Any]:
    """Of which film an output is: the layer, and what knows the film again when that layer is gone."""
    return {"film": film.name, "layer": film.unique_id, "pixels": film_fingerprint(film), "output": output}


def mark_from_file(record: Mapping[str, Any], output: str) -> dict[str, Any]:
    """Of which film an output is that was saved with `record`."""
    return {"film": record["input"]["name"], "sha256": record["input"]["sha256"], "output": output}


def film_of(viewer: Viewer, output: Layer) -> Image | None:
    """The film that an output belongs to: the layer itself, or where that is gone the same film."""
    mark = output.metadata.get(MARK, {})
    there = films(viewer)
    own = [film for film in there if film.unique_id == mark.get("layer")]
    return next(iter(own or [film for film in there if _is_film(film, mark)]), None)


def belongs(output: Layer, film: Image) -> bool:
    """Whether an output is of `film`: of its layer, or of the same film in a layer that is gone."""
    mark = output.metadata.get(MARK, {})
    return mark.get("layer") == film.unique_id or _is_film(film, mark)


def rename_outputs(viewer: Viewer, film: Image) -> None:
    """Let the outputs of a film that was renamed follow, unless they have names of their own."""
    for layer in viewer.layers:
        mark = layer.metadata.get(MARK, {})
        if mark.get("layer") == film.unique_id and mark["film"] != film.name:
            if layer.name == f"{mark['film']} {mark['output']}":
                layer.name = f"{film.name} {mark['output']}"
            layer.metadata[MARK] = mark_of(film, mark["output"])


def earlier_output(
    viewer: Viewer, film: Image, output: str, shape: tuple[int, ...] | None = None
) -> Layer | None:
    """The layer that an earlier prediction of `film` left, if it still fits.

    An output whose film is gone belongs to the same film where that was opened again; where no shape is
    given, as for shapes drawn on a film, each fits. A duplicate counts only where its original is gone.
    """
    rename_outputs(viewer, film)
    present = {layer.unique_id for layer in viewer.layers}
    fitting = [
        layer
        for layer in viewer.layers
        if layer.metadata.get(MARK, {}).get("output") == output
        and (shape is None or layer.data.shape == shape)
    ]
    fitting.sort(key=is_copy)
    for layer in fitting:
        if layer.metadata[MARK].get("layer") == film.unique_id:
            return layer
    for layer in fitting:
        mark = layer.metadata[MARK]
        if mark.get("layer") not in present and _is_film(film, mark):
            layer.metadata[MARK] = mark_of(film, output)
            return layer
    return None


def _is_film(film: Image, mark: Mapping[str, Any]) -> bool:
    """Whether a film is the one that is noted, whatever its layer."""
    if film.name != mark.get("film"):
        return False
    if "sha256" in mark:
        return bool(mark["sha256"] == sha256_of(film, file_of(film)))
    return bool(mark.get("pixels") == film_fingerprint(film))


#: A fingerprint is of about so many pixels at most; a usual film has fewer.
SAMPLE = 1 << 23

#: Keys of the metadata of a film's layer, where what was found of its pixels is kept.
_FINGERPRINT, _SHA256 = "napari-weld-fcn fingerprint", "napari-weld-fcn SHA-256"


def pixels_seen(data: Any, rgb: bool, path: str | None) -> Any:
    """Return what the command would see of a layer's data.

    Parameters
    ----------
    data
        Of its finest resolution.
    rgb
        Whether its last axis is colour.
    path
        The file that it came from; None where that is not known.

    Raises
    ------
    RadiographError
        If the pixels cannot be read.
    """
    if isinstance(data, LazyFilm | FilmStack):
        data = data.exact()
    as_in_command = _as_seen(data, path)
    return to_luminance(np.asarray(data)) if rgb and as_in_command is data else as_in_command


def film_fingerprint(film: Image) -> str:
    """Return what tells the pixels of a layer from another film's, found once for the layer."""
    return _kept(film, _FINGERPRINT, _fingerprint)


def sha256_of(film: Image, path: str | None) -> str:
    """Return the SHA-256 that a record has of a layer's pixels, found once for the layer.

    Empty where they are no radiograph; `path` is that of `pixels_seen`.
    """

    def find(film: Image) -> str:
        try:
            pixels = pixels_seen(film.data[0] if film.multiscale else film.data, film.rgb, path)
            return pixels_sha256(Radiograph(pixels).pixels)
        except RadiographError:
            return ""

    return _kept(film, _SHA256, find)


def _fingerprint(film: Image) -> str:
    """Of the coarsest resolution, which is there already; of planes in files the first and the last."""
    shape = (film.data[0] if film.multiscale else film.data).shape
    pixels = film.data[-1] if film.multiscale else film.data
    in_files = len(pixels.shape) - film.rgb > 2 and not isinstance(pixels, np.ndarray)
    found = [_sampled(part, film.rgb) for part in ((pixels[0], pixels[-1]) if in_files else (pixels,))]
    return " ".join([str(tuple(shape)), *(pixels_sha256(part) for part in found)])


def _sampled(pixels: Any, rgb: bool) -> np.ndarray:
    """All pixels, or of many every n-th of every n-th row, as ``(..., columns)``."""
    every = slice(None, None, isqrt(int(np.prod(pixels.shape)) // SAMPLE) + 1)
    key = (..., every, every, slice(None)) if rgb else (..., every, every)
    sample = np.asarray(pixels[key])
    return sample.reshape(-1, sample.shape[-1])


def _kept(film: Image, key: str, find: Callable[[Image], str]) -> str:
    """What `find` gives, kept in the layer until it is given other pixels."""
    if key not in film.metadata:
        film.metadata[key] = find(film)
        film.events.data.connect(_forget)
    return str(film.metadata[key])


def _forget(event: Any) -> None:
    for key in (_FINGERPRINT, _SHA256):
        event.source.metadata.pop(key, None)


def _as_seen(data: Any, path: str | None) -> Any:
    """What the command would see, where the layer still shows its file's own numbers."""
    if path is None or not Path(path).is_file():
        return data
    try:
        return as_read(path, data)
    except RadiographError:
        return data
