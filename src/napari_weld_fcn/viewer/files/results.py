"""A folder of results as layers again: film, heatmap and indications with their table.

Results are known by the `record.json` beside them, for any image may be called `..._labels.tif`. The film is
opened from where the record found it, as long as it has the same bytes and pixels; a prediction on another
film would be believed. What is missing is told in one sentence each, and the rest opens; it belongs to a film
of that name and those pixels, wherever that is opened from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

import pandas as pd
from napari import current_viewer
from napari.layers import Layer
from napari.utils.notifications import show_warning
from qtpy.QtCore import QTimer

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.prediction.saved import OutputFiles, entries_of, output_files
from napari_weld_fcn.prediction.survey import file_sha256, pixels_sha256
from napari_weld_fcn.radiograph.files import read
from napari_weld_fcn.radiograph.image_paths import RECORD_NAME
from napari_weld_fcn.viewer.belonging import (
    MARK,
    MARKED,
    SERIES_KEY,
    is_output_layer,
    mark_from_file,
    mark_of,
)
from napari_weld_fcn.viewer.files.saving import file_name
from napari_weld_fcn.viewer.files.series import read_layers
from napari_weld_fcn.viewer.layers import HEATMAP_OPACITY, over_film
from napari_weld_fcn.viewer.marks import mark_colors, narrow
from napari_weld_fcn.viewer.preferences import VIEW, ViewSettings, preferences, remembered
from napari_weld_fcn.viewer.showing import HIDDEN

#: Key of the metadata of indications whose outline has this thickness as soon as they are layers.
_OUTLINE = "napari-weld-fcn outline"
#: Key of the metadata of a film and its outputs that become layers together.
_TOGETHER = "napari-weld-fcn together"
#: Up to so many films are opened together.
MOST_FILMS = 12
OTHER = "another film than the one that was predicted; its results are shown alone."

LayerData = tuple[Any, dict[str, Any], str]


@dataclass(frozen=True)
class Result:
    """What was saved of one film: its entry in `record.json` and its files."""

    record: dict[str, Any]
    files: OutputFiles

    @property
    def name(self) -> str:
        """Of the film."""
        return str(self.record["input"]["name"])


def results_at(path: str | Path) -> list[Result]:
    """Say what was saved at `path`.

    Parameters
    ----------
    path
        A folder of results, or the heatmap or the labels of one.

    Returns
    -------
    list of Result
        Empty where `path` is nothing that this program saved.
    """
    path = Path(path)
    folder = path if path.is_dir() else path.parent
    try:
        records = entries_of((folder / RECORD_NAME).read_text(encoding="utf-8"))
        ours = [each for each in records if each["program"]["name"] == "napari-weld-fcn"]
        results = [Result(each, _files(folder, each["input"]["name"])) for each in ours]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return []
    if path.is_dir():
        return results
    return [each for each in results if path in (each.files.heatmap, each.files.labels)]


def read_results(path: str | list[str]) -> list[LayerData]:
    """Open what `results_at` found: of a folder film, heatmap and indications, else the file alone."""
    layers: list[LayerData] = []
    for each in [path] if isinstance(path, str) else path:
        results = results_at(each)
        if len(results) > MOST_FILMS:
            show_warning(
                f"{each}: holds results of {len(results)} films, too many to show at once; "
                "drop the heatmaps and labels of some of them."
            )
            continue
        for result in results:
            layers += _layers(result, Path(each), first=not layers)
    if current_viewer() is not None:
        QTimer.singleShot(0, _settle)
    return layers


def _files(folder: Path, name: str) -> OutputFiles:
    files = output_files(folder, name)
    return files if files.labels.is_file() else output_files(folder, file_name(name))


def _layers(result: Result, path: Path, first: bool) -> Iterator[LayerData]:
    """The layers of one film, hidden where it is not the first: choosing it in Predict shows them."""
    size = result.record.get("pixel_size_mm")
    view = ViewSettings(**remembered(VIEW, ViewSettings))
    makers = {"film": _film, "heatmap": _heatmap, "indications": _indications}
    wanted = {result.files.heatmap: ["heatmap"], result.files.labels: ["indications"]}
    together = token_hex(8)
    for output in wanted.get(path, makers):
        try:
            data, own, kind = makers[output](result, view)
        except RadiographError as fault:
            show_warning(str(fault))
            continue
        if size:
            own |= {"scale": (1,) * (data.ndim - 2) + (size, size)}
            own |= {"units": ("pixel",) * (data.ndim - 2) + ("mm", "mm")}
        own["metadata"] |= {_TOGETHER: together}
        if not first:
            own["metadata"] |= {HIDDEN: own.get("visible", True)}
            own["visible"] = False
        yield data, own, kind


def _film(result: Result, _: ViewSettings) -> LayerData:
    name, shape = result.name, tuple(result.record["input"]["shape"])
    path = _place_of(result)
    if path.is_dir():
        images = [layer for layer in read_layers(str(path)) if layer[-1] == "image"]
        stack = next((layer for layer in images if layer[0].shape == shape), None)
        if stack is None:
            raise RadiographError(f"{name}: {path} holds {OTHER}")
        pixels, own, _ = stack
    else:
        pixels, own = read(path).pixels, {"rgb": False, "metadata": {SERIES_KEY: [str(path)]}}
    if pixels_sha256(pixels) != result.record["input"]["sha256"]:
        raise RadiographError(f"{name}: {path} holds {OTHER}")
    return pixels, own | {"name": name, "visible": True}, "image"


def _place_of(result: Result) -> Path:
    """Where the film is: its file, or the folder of a series that was predicted as a stack."""
    source, name = result.record["input"]["source"], result.name
    beside = result.files.labels.parent
    places = [Path(source), beside / source, beside.parent / source] if source else []
    path: Path | None = next((place for place in places if place.exists()), None)
    if path is None:
        raise RadiographError(
            f"{name}: its film is not at {source or 'a file'} any more; its results are shown alone."
        )
    if path.is_file() and file_sha256(path) != result.record["input"]["file_sha256"]:
        raise RadiographError(
            f"{name}: {path} has other bytes than the film that was predicted; its results are shown alone."
        )
    return path


def _heatmap(result: Result, view: ViewSettings) -> LayerData:
    looks = {
        "name": f"{result.name} heatmap",
        "colormap": over_film(preferences().colormap),
        "contrast_limits": (0, 1),
        "opacity": HEATMAP_OPACITY,
        "blending": "translucent",
        "visible": view.heatmap,
        "rgb": False,
    }
    return read(result.files.heatmap).pixels, looks | _marked(result, "heatmap"), "image"


def _indications(result: Result, view: ViewSettings) -> LayerData:
    labels = narrow(read(result.files.labels).pixels)
    highest = int(labels.max(initial=0))
    looks: dict[str, Any] = {
        "name": f"{result.name} indications",
        "opacity": view.opacity,
        "colormap": mark_colors(highest, 0),
    }
    try:
        table = pd.read_csv(result.files.indications).set_index("label").reindex(range(highest + 1))
        looks["features"] = table.reset_index(names="index")
    except (OSError, ValueError, LookupError) as fault:
        show_warning(f"{result.files.indications.name}: the table cannot be read ({fault}).")
    marked = _marked(result, "indications")
    marked["metadata"][_OUTLINE] = view.outline
    return labels, looks | marked, "labels"


def _settle() -> None:
    """Do what no reader can ask napari for: tie outputs to the film they came with, outline indications."""
    viewer = current_viewer()
    layers = [] if viewer is None else list(viewer.layers)
    came = {layer.metadata[_TOGETHER]: layer for layer in layers if _is_film_with_outputs(layer)}
    for layer in layers:
        film = came.get(layer.metadata.pop(_TOGETHER, ""))
        if film is not None and is_output_layer(layer):
            layer.metadata[MARK] = mark_of(film, layer.metadata[MARK]["output"])
        if _OUTLINE in layer.metadata:
            layer.contour = layer.metadata.pop(_OUTLINE)


def _is_film_with_outputs(layer: Layer) -> bool:
    return _TOGETHER in layer.metadata and not is_output_layer(layer)


def _marked(result: Result, output: str) -> dict[str, Any]:
    return {"metadata": {MARK: mark_from_file(result.record, output), MARKED: result.record}}
