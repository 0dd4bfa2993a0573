"""What opens with this plugin: GDXray (`series_reader`) and results (`results_reader`).

Files are claimed by GDXray's names and those of results alone, so that other images open without a question.
Folders have to be claimed for all, which is how napari offers them to plugins; what is neither GDXray's nor
results is refused and goes to whichever plugin is next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.gdxray import list_series
from napari_weld_fcn.viewer.results_reader import read_results, results_at
from napari_weld_fcn.viewer.series_reader import NOTHING, read_layers

Reader = Callable[[str | list[str]], list[Any]]


def get_reader(path: str | list[str]) -> Reader | None:
    """Return what reads `path`, or None where that is neither GDXray's nor results.

    Parameters
    ----------
    path
        An image called as in GDXray, the folder of a series or of a group, or the root; a folder of results,
        or a heatmap or labels in one; or a list of them.
    """
    paths = [path] if isinstance(path, str) else path
    if all(results_at(each) for each in paths):
        return lambda results: read_results(results) or NOTHING
    try:
        return read_layers if all(list_series(each) for each in paths) else None
    except RadiographError:
        return None
