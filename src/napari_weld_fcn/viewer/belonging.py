"""Which layers are films, where they come from, and which outputs belong to which film.

An output notes the layer of its film. Once that is gone, or where the output came from a file, it belongs to
a film that has the name *and the pixels*: a name is soon given to another film, and what was painted on one
must never be shown on another.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari import Viewer
from napari.layers import Image, Layer

from napari_weld_fcn.viewer.pixels import fingerprint, sha256_of

#: Key of a layer's metadata that says which film an output belongs to, and which output it is.
MARK = "napari-weld-fcn"

#: Key of a layer's metadata that says where its films come from.
SERIES_KEY = "napari-weld-fcn GDXray"

#: Key of the metadata of heatmap and indications: the record of how they were marked.
MARKED = "napari-weld-fcn marked"


def is_output(layer: Layer) -> bool:
    """Whether this plugin made `layer`, so that it is no film to predict."""
    return MARK in layer.metadata


def is_copy(layer: Layer) -> bool:
    """Whether `layer` was duplicated from another, whose metadata it has."""
    return layer.source.parent is not None


def films(viewer: Viewer) -> list[Image]:
    """The image layers of `viewer` that may be radiographs, from top to bottom."""
    return [layer for layer in reversed(viewer.layers) if isinstance(layer, Image) and not is_output(layer)]


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
    return {"film": film.name, "layer": film.unique_id, "pixels": fingerprint(film), "output": output}


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
    return bool(mark.get("pixels") == fingerprint(film))
