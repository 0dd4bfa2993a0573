"""A film's files from the viewer: the same as the command `predict` writes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

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
    record = write_record(folder, [prediction])
    return [files.heatmap, files.labels, files.indications, files.overlay, record]


def file_name(layer: str) -> str:
    """A layer's name as a file's: what some system forbids becomes an underscore."""
    return re.sub(r"[^\w .+=()\[\]-]", "_", layer).strip(" .") or "film"
