"""The files of a prediction, each written whole or not at all.

`NAME_heatmap.tif` (float32), `NAME_labels.tif` (integer), `NAME_indications.csv`, `NAME_overlay.png`; a stack
keeps its planes, and its overlay shows them one under the other. One `record.json` stands for the call.
Other files in the folder are left alone.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.prediction.overlay import overlay
from napari_weld_fcn.prediction.predict import Prediction
from napari_weld_fcn.prediction.saved import OutputFiles, output_files
from napari_weld_fcn.radiograph.image_paths import RECORD_NAME
from napari_weld_fcn.radiograph.output import write_png, write_text, write_tiff
from napari_weld_fcn.radiograph.radiograph import Radiograph

_PER_INPUT = ("input", "planes", "region", "pixel_size_mm", "pixel_size_source", "min_size_px", "precision")
_SIGNIFICANT_DIGITS = 6


def write_outputs(folder: str | Path, radiograph: Radiograph, prediction: Prediction) -> OutputFiles:
    """Write heatmap, labels, table and overlay of one radiograph.

    Parameters
    ----------
    folder
        Must exist; older outputs of the same name are replaced.
    radiograph
        The input; its `name` begins the files' names.
    prediction
        Of that radiograph.

    Raises
    ------
    WeldFcnError
        If a file cannot be written.
    """
    files = output_files(folder, radiograph.name)
    size_mm = prediction.record["pixel_size_mm"]
    write_tiff(files.heatmap, prediction.probability, size_mm, output=True)
    write_tiff(files.labels, _narrow(prediction.labels), size_mm, output=True)
    write_text(files.indications, table_text(prediction.table))
    write_png(files.overlay, _picture(radiograph, prediction), output=True)
    return files


def table_text(table: dict[str, NDArray[Any]]) -> str:
    """Return a table as CSV: the names of its columns, then a row for each indication."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*([_cell(value) for value in column] for column in table.values()), strict=True))
    return text.getvalue()


def write_record(folder: str | Path, predictions: list[Prediction]) -> Path:
    """Write the one `record.json` of a call.

    Parameters
    ----------
    folder
        Must exist.
    predictions
        All by one model with the same settings, at least one.

    Returns
    -------
    Path
        A JSON object: what all have in common, and under ``inputs`` what each has of its own, how many
        indications and the warnings included.

    Raises
    ------
    WeldFcnError
        If it cannot be written.
    """
    common = {key: value for key, value in predictions[0].record.items() if key not in _PER_INPUT}
    inputs = [
        {key: each.record[key] for key in _PER_INPUT}
        | {
            "indications": len(each.table["label"]),
            "seconds": round(each.seconds, 3),
            "warnings": each.warnings,
        }
        for each in predictions
    ]
    path = Path(folder) / RECORD_NAME
    write_text(path, json.dumps(common | {"inputs": inputs}, indent=2, allow_nan=False) + "\n")
    return path


def _narrow(labels: NDArray[np.int32]) -> NDArray[np.integer]:
    """Take 16 bits where they hold every number: half the file, and readable by more programs."""
    return labels.astype(np.uint16) if labels.max() < 2**16 else labels


def _picture(radiograph: Radiograph, prediction: Prediction) -> NDArray[np.uint8]:
    shape = (radiograph.planes, *radiograph.pixels.shape[-2:])
    probability, labels = prediction.probability.reshape(shape), prediction.labels.reshape(shape)
    return np.concatenate(
        [
            overlay(np.asarray(radiograph.plane(index)), probability[index], labels[index])
            for index in range(radiograph.planes)
        ]
    )


def _cell(value: Any) -> str:
    if isinstance(value, (np.integer, int, str)):
        return str(value)
    return f"{float(value):.{_SIGNIFICANT_DIGITS}g}"
