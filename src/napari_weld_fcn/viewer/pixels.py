"""The pixels of an image layer: as the command would see them, and what tells them from another film's.

napari shows the numbers of a file as they are stored, also where 0 is white, they are places in a palette or
say how much ink there is; the command sees grey.

Names and sizes are the same for many films, so what was left behind on a film that is opened again is known
by pixels. A fingerprint is taken once of each layer: of all pixels where they are few, else of some. Results
on disk name all pixels by their SHA-256, which costs more and is asked for only where such results are met.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.prediction.survey import pixels_sha256
from napari_weld_fcn.radiograph.files import as_seen
from napari_weld_fcn.radiograph.film_stack import FilmStack
from napari_weld_fcn.radiograph.lazy import LazyFilm
from napari_weld_fcn.radiograph.radiograph import Radiograph, to_luminance

#: A fingerprint is of about so many pixels at most; a usual film has fewer.
SAMPLE = 1 << 23

#: Keys of the metadata of a film's layer, where what was found of its pixels is kept.
_FINGERPRINT, _SHA256 = "napari-weld-fcn fingerprint", "napari-weld-fcn SHA-256"


def seen(data: Any, rgb: bool, path: str | None) -> Any:
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


def fingerprint(film: Image) -> str:
    """Return what tells the pixels of a layer from another film's, found once for the layer."""
    return _kept(film, _FINGERPRINT, _fingerprint)


def sha256_of(film: Image, path: str | None) -> str:
    """Return the SHA-256 that a record has of a layer's pixels, found once for the layer.

    Empty where they are no radiograph; `path` is that of `seen`.
    """

    def find(film: Image) -> str:
        try:
            pixels = seen(film.data[0] if film.multiscale else film.data, film.rgb, path)
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
        return as_seen(path, data)
    except RadiographError:
        return data
