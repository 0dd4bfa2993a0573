"""What opens with this plugin: GDXray (`series_reader`) and results (`results_reader`).

Files are claimed by GDXray's names and those of results alone, so that other images open without a question.
Folders have to be claimed for all, which is how napari offers them to plugins; what is neither GDXray's nor
results is refused and goes to whichever plugin is next.

Commands of the File menu that open GDXray without a question about plugins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari import Viewer
from napari.utils.notifications import show_warning
from qtpy.QtWidgets import QFileDialog, QInputDialog

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.gdxray.folders import SeriesFolder, list_series
from napari_weld_fcn.viewer.belonging import SERIES_KEY
from napari_weld_fcn.viewer.files.results import read_results, results_at
from napari_weld_fcn.viewer.files.series import NOTHING, read_layers
from napari_weld_fcn.viewer.preferences import PLUGIN

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


def open_folder(viewer: Viewer) -> None:
    """Ask for a folder of GDXray, and for a series where it holds several, and open that."""
    folder = QFileDialog.getExistingDirectory(viewer.window._qt_window, "Open GDXray folder")
    if folder:
        open_in(viewer, folder)


def open_in(viewer: Viewer, folder: str) -> None:
    """Open a folder of GDXray in `viewer`, asking for a series where it holds several.

    Parameters
    ----------
    viewer
        Receives the layers.
    folder
        Of a series, of a group, or the root.
    """
    try:
        chosen = _chosen(viewer, folder, list_series(folder))
        if chosen:
            viewer.open(chosen, plugin=PLUGIN)
    except RadiographError as fault:
        show_warning(str(fault))


def open_film_shown(viewer: Viewer) -> None:
    """Open the film shown of the series in the active layer as layers of its own."""
    layer = viewer.layers.selection.active
    films = layer.metadata.get(SERIES_KEY, ()) if layer is not None else ()
    if len(films) < 2:
        show_warning("Select the layer of a GDXray series that is shown as a stack.")
        return
    plane = round(float(layer.world_to_data(viewer.dims.point)[0]))
    path = films[min(max(plane, 0), len(films) - 1)]
    layer.visible = False
    viewer.open(path, plugin=PLUGIN)


def _chosen(viewer: Viewer, folder: str, series: list[SeriesFolder]) -> str | None:
    """The path to open; None where the user thought better of it."""
    if not series:
        raise RadiographError(f"{folder}: holds no images called as in GDXray, such as W0001_0003.png.")
    if len(series) == 1:
        return str(series[0].path)
    names = {
        f"{each.name} ({len(each.images())} images, in {each.path.parent.name})": each for each in series
    }
    answer, sure = QInputDialog.getItem(
        viewer.window._qt_window, "GDXray", "This folder holds several series. Open", list(names), 0, False
    )
    return str(names[answer].path) if sure else None
