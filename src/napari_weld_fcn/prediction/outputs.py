"""The files of a prediction, each written whole or not at all.

`NAME_heatmap.tif` (float32), `NAME_labels.tif` (integer), `NAME_indications.csv`, `NAME_overlay.png`; a stack
keeps its planes, and its overlay shows them one under the other. One `record.json` stands for the call.
Other files in the folder are left alone.

The picture of a prediction: the grey film, warm where it is probable, each indication outlined.

Readable at 4000 x 1500 without a legend: the film stays grey where nothing is probable, colour sets in with
the probability (blue to red, the map of the heatmap), and an outline runs around each indication, outside
of it, so that the flaw itself stays visible.

References
----------
A. Mikhailov, "Turbo, An Improved Rainbow Colormap for Visualization", Google AI Blog (2019); the polynomials
are those published with it (Apache 2.0).
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

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


#: Coefficients of rising powers for red, green and blue of turbo.
_TURBO = np.array(
    [
        [0.13572138, 4.61539260, -42.66032258, 132.13108234, -152.94239396, 59.28637943],
        [0.09140261, 2.19418839, 4.84296658, -14.18503333, 4.27729857, 2.82956604],
        [0.10667330, 12.64194608, -60.58204836, 110.36276771, -89.90310912, 27.34824973],
    ]
)
#: The largest share of colour, where a flaw is certain; the film must shine through.
_OPACITY = 0.55
#: Probabilities under this stay grey.
_FAINT = 0.02
#: Yellow, which is neither a grey of the film nor the red of what is certain.
OUTLINE = np.array([255, 230, 0], np.uint8)
_SHADES = 256
#: Share of the pixels that may be lost to black, and to white, when the greys are stretched.
_LOST = 0.002


def turbo(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return the colours ``(..., 3)`` of values in [0, 1], blue to red."""
    powers = np.clip(values, 0, 1)[..., None] ** np.arange(_TURBO.shape[1])
    colours: NDArray[np.uint8] = np.rint(np.clip(powers @ _TURBO.T, 0, 1) * 255).astype(np.uint8)
    return colours


def overlay(
    pixels: NDArray[Any], probability: NDArray[np.float32], labels: NDArray[np.integer]
) -> NDArray[np.uint8]:
    """Draw one plane.

    Parameters
    ----------
    pixels
        ``(rows, columns)``, any real dtype.
    probability
        ``(rows, columns)`` in [0, 1].
    labels
        ``(rows, columns)`` integers, 0 background.

    Returns
    -------
    numpy.ndarray
        ``(rows, columns, 3)`` uint8.
    """
    picture = np.repeat(stretched(pixels)[..., None], 3, axis=2)
    warm = probability > _FAINT
    shade = np.rint(probability[warm] * (_SHADES - 1)).astype(np.intp)
    share = (_OPACITY * np.sqrt(probability[warm]))[:, None]
    colour = turbo(np.linspace(0, 1, _SHADES))[shade]
    picture[warm] = np.rint(picture[warm] * (1 - share) + colour * share).astype(np.uint8)
    picture[outlines(labels)] = OUTLINE
    return picture


def outlines(labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return the pixels around each indication: background with a marked neighbour one step away."""
    marked = labels > 0
    around: NDArray[np.bool_] = ndimage.binary_dilation(marked, np.ones((3, 3), bool)) & ~marked
    return around


def stretched(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the greys over the scale of 8 bits, but for the darkest and brightest 0.2 %; NaN is black."""
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * 255
    step = max(1, int((pixels.size / 1e6) ** 0.5))
    seen = pixels[::step, ::step]
    seen = seen[np.isfinite(seen)]
    low, high = np.quantile(seen, [_LOST, 1 - _LOST]) if seen.size else (0.0, 0.0)
    scale = 255 / (high - low) if high > low else 0.0
    grey = np.subtract(pixels, low, dtype=np.float32) * np.float32(scale)
    shades: NDArray[np.uint8] = np.clip(np.nan_to_num(grey), 0, 255).astype(np.uint8)
    return shades
