"""`weld-fcn score`: the figures of two label images.

Pixels are compared as they are marked or not. Flaw by flaw, a label image is taken by its numbers, a mask and
a map of classes by their connected parts; stacks are scored by pixels alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from napari_weld_fcn.cli.terminal import DONE, Terminal
from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.evaluation.cases import numbered
from napari_weld_fcn.evaluation.matches import MIN_IOU, match_flaws
from napari_weld_fcn.evaluation.scores import pixel_scores
from napari_weld_fcn.radiograph.labels import read_labels

#: Outlines by two people differ by about so much.
TOLERANCE_PX = 1


def run_score(terminal: Terminal, prediction: Path, truth: Path) -> int:
    """Compare two files."""
    images = [read_labels(path) for path in (prediction, truth)]
    marked, flaw = (image.values for image in images)
    cautions = list(dict.fromkeys(caution for image in images for caution in image.cautions))
    for caution in cautions:
        terminal.say(f"Warning: {caution}")
    if marked.shape != flaw.shape:
        raise RadiographError(
            f"{prediction} is {_size(marked)} pixels, but {truth} is {_size(flaw)}; "
            "only images of one size can be compared."
        )
    tolerant = pixel_scores(marked, flaw, TOLERANCE_PX)
    values: dict[str, Any] = dict(pixel_scores(marked, flaw).as_dict())
    values["tolerant"] = {"tolerance_px": TOLERANCE_PX} | tolerant.as_dict()
    if marked.ndim == 2:
        values["flaws"] = _flaw_figures(numbered(marked), numbered(flaw))
    values["warnings"] = cautions
    terminal.result(values, lambda console: _show(console, values))
    return DONE


def _flaw_figures(labels: NDArray[Any], instances: NDArray[Any]) -> dict[str, int]:
    matches = match_flaws(labels, instances)
    return {
        "flaws": matches.flaws.size,
        "found": matches.found,
        "missed": matches.missed,
        "indications": matches.indications,
        "false_calls": matches.false_calls,
        "merged": matches.merged,
        "split": matches.split,
    }


def _size(pixels: NDArray[Any]) -> str:
    return " x ".join(str(edge) for edge in reversed(pixels.shape))


def _show(console: Console, values: dict[str, Any]) -> None:
    names = ("precision", "recall", "f1", "iou", "tp", "fp", "fn")
    table = Table("pixels", *names)
    rows = {"strict": values, f"within {TOLERANCE_PX} pixel": values["tolerant"]}
    for title, row in rows.items():
        table.add_row(title, *(f"{row[name]:.3f}" if name in names[:4] else str(row[name]) for name in names))
    console.print(table)
    if "flaws" in values:
        figures = values["flaws"]
        console.print(
            f"{figures['found']} of {figures['flaws']} flaws found, "
            f"{figures['false_calls']} of {figures['indications']} indications are false calls."
        )
        console.print(
            f"Found is a flaw that an indication of its own overlaps with an IoU of at least {MIN_IOU:g}."
        )
