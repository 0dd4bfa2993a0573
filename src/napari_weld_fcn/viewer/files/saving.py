"""A film's files from the viewer: the same as the command `predict` writes.

Films are saved one at a time, and two of one folder share its `record.json` as those of one command do. What
an earlier film was predicted with (another threshold, another model) then stands in its own entry.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_weld_fcn.errors import WeldFcnError
from napari_weld_fcn.prediction.saved import records_of
from napari_weld_fcn.radiograph.image_paths import RECORD_NAME
from napari_weld_fcn.radiograph.output import write_text
from napari_weld_fcn.radiograph.radiograph import Radiograph


def save(folder: str | Path, radiograph: Radiograph, prediction: Any) -> list[Path]:
    """Write heatmap, labels, table, overlay and record.

    Parameters
    ----------
    folder
        Must exist; files of the same names are replaced.
    radiograph
        Its name, as far as a file may be called so, begins the files' names.
    prediction
        The `Prediction` of it.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    WeldFcnError
        If a file cannot be written.
    """
    from napari_weld_fcn.prediction.outputs import write_outputs, write_record  # with PyTorch

    named = replace(radiograph, name=file_name(radiograph.name))
    files = write_outputs(folder, named, prediction)
    earlier = _whole_record(Path(folder) / RECORD_NAME)
    record = write_record(folder, [prediction])
    _keep(earlier, record, named.name)
    return [files.heatmap, files.labels, files.indications, files.overlay, record]


def file_name(layer: str) -> str:
    """A layer's name as a file's: what some system forbids becomes an underscore."""
    return re.sub(r"[^\w .+=()\[\]-]", "_", layer).strip(" .") or "film"


def _keep(earlier: dict[str, Any], path: Path, saved: str) -> None:
    """Put the entries of films saved earlier before that of the film called `saved`."""
    whole = _whole_record(path)
    common = {key: value for key, value in earlier.items() if key != "inputs"}
    own = {key: value for key, value in common.items() if key not in whole or whole[key] != value}
    others = [
        {**own, **entry}
        for entry in earlier.get("inputs", [])
        if file_name(entry["input"]["name"]).casefold() != saved.casefold()
    ]
    if others:
        merged = {**whole, "inputs": [*others, *whole["inputs"]]}
        write_text(path, json.dumps(merged, indent=2, allow_nan=False) + "\n")


def _whole_record(path: Path) -> dict[str, Any]:
    """What a folder's `record.json` holds; nothing where it is not there or not of this version."""
    from napari_weld_fcn.prediction.record import asked

    try:
        text = path.read_text(encoding="utf-8")
        for record in records_of(text):
            asked(record)
            str(record["input"]["name"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError, WeldFcnError):
        return {}
    whole: dict[str, Any] = json.loads(text)
    return whole
