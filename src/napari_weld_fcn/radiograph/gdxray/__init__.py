"""GDXray, the public database of radiographs: its names, its series, its truth.

Names are what most callers want, and they cost nothing; series are loaded when they are used (PEP 562),
because reading them needs `radiograph.files`, which itself needs the names.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_weld_fcn.radiograph.gdxray.names import (
    WELD_PIXEL_SIZE_MM,
    GDXrayName,
    parse_name,
    series_pixel_size_mm,
)

if TYPE_CHECKING:
    from napari_weld_fcn.radiograph.gdxray.film import GDXrayFilm
    from napari_weld_fcn.radiograph.gdxray.folders import SeriesFolder, list_series
    from napari_weld_fcn.radiograph.gdxray.series import GDXraySeries, open_series
    from napari_weld_fcn.radiograph.gdxray.writing import SeriesWriter

__all__ = [
    "WELD_PIXEL_SIZE_MM",
    "GDXrayFilm",
    "GDXrayName",
    "GDXraySeries",
    "SeriesFolder",
    "SeriesWriter",
    "list_series",
    "open_series",
    "parse_name",
    "series_pixel_size_mm",
]

_HOMES = {
    "GDXrayFilm": "film",
    "GDXraySeries": "series",
    "SeriesFolder": "folders",
    "SeriesWriter": "writing",
    "list_series": "folders",
    "open_series": "series",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
