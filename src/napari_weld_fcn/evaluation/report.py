"""An evaluation on disk: tables that a spreadsheet opens, and one JSON with everything.

`films.csv` has a row for each film, `flaws.csv` one for each flaw that counts, `precision_recall.csv` and
`froc.csv` one for each threshold, `report.json` what `Evaluation.as_dict` gives.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from napari_weld_fcn.evaluation.evaluate import Evaluation, film_figures
from napari_weld_fcn.evaluation.film_scores import FilmScores
from napari_weld_fcn.evaluation.operating_point import ObjectCounts
from napari_weld_fcn.evaluation.scores import THRESHOLDS, ThresholdCounts
from napari_weld_fcn.radiograph.output import write_text

FILMS, FLAWS, CURVE, FROC, REPORT = (
    "films.csv",
    "flaws.csv",
    "precision_recall.csv",
    "froc.csv",
    "report.json",
)


def write_evaluation(folder: str | Path, evaluation: Evaluation) -> dict[str, Path]:
    """Write the tables, the curves and the report.

    Parameters
    ----------
    folder
        Must exist; older files of the same names are replaced.
    evaluation
        What is written.

    Returns
    -------
    dict
        Paths by ``films``, ``flaws``, ``precision_recall``, ``froc`` and ``report``; no curves where
        indications were compared as they were.

    Raises
    ------
    WeldFcnError
        If a file cannot be written.
    """
    texts = {
        FILMS: _csv(map(_film_row, evaluation.films)),
        FLAWS: _csv(asdict(flaw) | {"length_error_px": flaw.length_error_px} for flaw in evaluation.flaws),
        REPORT: json.dumps(evaluation.as_dict(), indent=2, allow_nan=False) + "\n",
    }
    if evaluation.has_curves:
        texts[CURVE] = _csv(curve_rows(evaluation.above))
        texts[FROC] = _csv(froc_rows(evaluation.objects))
    paths = {Path(name).stem: Path(folder) / name for name in texts}
    for path in paths.values():
        write_text(path, texts[path.name])
    return paths


def curve_rows(above: ThresholdCounts) -> Iterator[dict[str, float | int]]:
    """Give the precision-recall curve, a row for each threshold from 0.001 to 0.999."""
    for index in range(THRESHOLDS.size):
        yield {"threshold": (index + 1) / 1000} | above.scores(index).as_dict()


def froc_rows(objects: ObjectCounts) -> Iterator[dict[str, float | int | None]]:
    """Give the FROC curve, a row for each threshold that was tried."""
    for index, threshold in enumerate(objects.thresholds):
        found, calls = int(objects.found[index]), int(objects.false_calls[index])
        yield {
            "threshold": threshold,
            "found_share": found / objects.flaws if objects.flaws else None,
            "false_calls_per_film": calls / objects.films,
            "found": found,
            "flaws": objects.flaws,
            "false_calls": calls,
            "films": objects.films,
        }


def _film_row(film: FilmScores) -> dict[str, Any]:
    figures = film_figures(film)
    tolerant = figures.pop("tolerant")
    return figures | {f"f1_within_{pixels}_px": scores["f1"] for pixels, scores in tolerant.items()}


def _csv(rows: Iterable[Mapping[str, Any]]) -> str:
    listed = list(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(listed[0]) if listed else [], lineterminator="\n")
    if listed:
        writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in listed)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    return f"{value:.6g}" if isinstance(value, float) else value
