"""Where a film's millimetres come from: the layer, its file, Preferences, or a figure that was typed.

A layer carries a scale, its file a header, and neither says which of the two a person trusts. So the size is
found in one place, in one order, and never without the words that the form shows beside it: what was typed
for this run, then the film's own (its scale, which came from the file or was set), then what Preferences say
of films that have none. A layer's name is no origin, and neither is a file that holds a film of another size
than the layer, which may be a thumbnail of it.

A layer is read in Qt's thread; the header of its file may be read in any.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from napari.layers import Image

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.files import notes_of, pixel_size_of, shape_of
from napari_weld_fcn.radiograph.radiograph import PixelSizeSource
from napari_weld_fcn.viewer.belonging import SERIES_KEY, rows_and_columns

FROM_LAYER, FROM_PREFERENCES, TYPED = "from the layer's scale", "from Preferences", "set by you"
ORIGINS: dict[str, str] = {"file": "from the file", "GDXray": "from GDXray"}
#: How far a scale may lie from the file's own size and still be that one.
SAME = 1e-3
#: What reading a file notes where its pixels are longer than wide.
_NOT_SQUARE = "not square"


@dataclass(frozen=True)
class PixelSize:
    """Edge of a pixel and where it comes from.

    Attributes
    ----------
    mm
        None where it is not known.
    source
        As in `Radiograph`.
    origin
        In words, after the figure; of a size that is not known, why.
    """

    mm: float | None = None
    source: PixelSizeSource = "none"
    origin: str = "no millimetres"

    def __str__(self) -> str:
        return f"{self.mm:.4g} mm a pixel, {self.origin}" if self.mm else f"not known: {self.origin}"


def size_of(film: Image, typed_mm: float | None = None, preferred_mm: float | None = None) -> PixelSize:
    """Return the size that is in force for a layer.

    Parameters
    ----------
    film
        The radiograph's layer.
    typed_mm
        What the form's field holds; 0 or None for nothing. It goes before everything.
    preferred_mm
        What Preferences hold; None for nothing. It stands in where nothing is known of the film's own size.
    """
    own = size_finder(film, preferred_mm)()
    if not typed_mm:
        return own
    instead = f" in place of {own.mm:.4g} {own.origin}" if own.mm else ""
    return PixelSize(typed_mm, "user", TYPED + instead)


def size_finder(film: Image, preferred_mm: float | None = None) -> Callable[[], PixelSize]:
    """Read what the layer tells now, and return what finds the rest in any thread.

    Parameters
    ----------
    film, preferred_mm
        As in `size_of`.
    """
    series = film.metadata.get(SERIES_KEY)
    path, shape = (series[0], None) if series else (film.source.path, rows_and_columns(film))
    return partial(_found, _edges_mm(film.scale, film.units), path, shape, preferred_mm)


def other_size(path: str, shape: tuple[int, ...]) -> str | None:
    """Say that a layer of `shape` has another size than the film in its file, or None where it has that."""
    in_file, (rows, columns) = _in_file(path)[1], shape[-2:]
    if in_file is None or in_file == (rows, columns):
        return None
    return (
        f"{Path(path).name}: holds a film of {in_file[0]} x {in_file[1]} pixels, but its layer has {rows} x "
        f"{columns}, so the file's pixel size is not used."
    )


def pixel_edge_mm(scale: Sequence[float], units: Sequence[Any]) -> float | None:
    """Edge of a pixel in mm from a layer's scale; None unless its units are lengths and its pixels square.

    Parameters
    ----------
    scale, units
        As the layer has them, for each of its axes; units are pint's.
    """
    edges = _edges_mm(scale, units)
    return edges[0] if edges and _square(edges) else None


def _edges_mm(scale: Sequence[float], units: Sequence[Any]) -> tuple[float, float] | None:
    """Height and width of a pixel where both are lengths."""
    edges = [
        abs(float(factor)) * float((1 * unit).to("mm").magnitude)
        for factor, unit in zip(scale[-2:], units[-2:], strict=True)
        if unit.is_compatible_with("mm")
    ]
    return (edges[0], edges[1]) if len(edges) == 2 else None


def _square(edges: tuple[float, float]) -> bool:
    return math.isclose(*edges, rel_tol=0.01) and edges[0] > 0


def _found(
    edges: tuple[float, float] | None,
    path: str | None,
    shape: tuple[int, int] | None,
    preferred_mm: float | None,
) -> PixelSize:
    if edges and not _square(edges):
        height, width = edges
        return PixelSize(origin=f"its pixels are not square ({height:.4g} x {width:.4g} mm), no millimetres")
    in_file = _in_file(path)[0] if path else PixelSize()
    if path and shape and other_size(path, shape):
        in_file = PixelSize(origin="its file holds a film of another size, no millimetres")
    if edges and not (in_file.mm and math.isclose(edges[0], in_file.mm, rel_tol=SAME)):
        return PixelSize(edges[0], "user", FROM_LAYER)
    if in_file == PixelSize() and preferred_mm:
        return PixelSize(preferred_mm, "user", FROM_PREFERENCES)
    return in_file


def _in_file(path: str) -> tuple[PixelSize, tuple[int, ...] | None]:
    try:
        return _in_header(path, Path(path).stat().st_mtime_ns)
    except (OSError, RadiographError):
        return PixelSize(), None


@lru_cache(maxsize=256)
def _in_header(path: str, _changed: int) -> tuple[PixelSize, tuple[int, ...]]:
    """What the command would find, and the size of its planes; kept, for the form asks at every change."""
    mm, source = pixel_size_of(path)
    size = PixelSize(mm, source, ORIGINS[source]) if mm else PixelSize()
    if not mm and any(_NOT_SQUARE in note for note in notes_of(path)):
        size = PixelSize(origin="the pixels in its file are not square, no millimetres")
    return size, shape_of(path)[0][-2:]
