"""Compare two label images.

Pixels are compared as they are marked or not. Flaw by flaw, a label image is taken by its numbers, a mask and
a map of classes by their connected parts; stacks are scored by pixels alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from napari_weld_fcn.cli.app import plain_app
from napari_weld_fcn.cli.terminal import DONE, Terminal, guarded
from napari_weld_fcn.errors import RadiographError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Outlines by two people differ by about so much.
TOLERANCE_PX = 1

app = plain_app()


@app.command()
@guarded()
def score_labels(
    terminal: Terminal,
    prediction: Annotated[Path, typer.Argument(metavar="PREDICTION", help="Label image or mask")],
    truth: Annotated[
        Path, typer.Argument(metavar="TRUTH", help="Label image or mask; any value but 0 is a flaw")
    ],
) -> int:
    """Compare two label images, pixel by pixel and flaw by flaw."""
    from napari_weld_fcn.evaluation.scores import pixel_scores
    from napari_weld_fcn.radiograph.labels import read_labels

    images = [read_labels(path) for path in (prediction, truth)]
    marked, flaw = (image.values for image in images)
    cautions = list(dict.fromkeys(caution for image in images for caution in image.cautions))
    terminal.say(*(f"Warning: {caution}" for caution in cautions))
    if marked.shape != flaw.shape:
        raise RadiographError(
            f"{prediction} is {_size(marked)} pixels, but {truth} is {_size(flaw)}; "
            "only images of one size can be compared."
        )
    tolerant = pixel_scores(marked, flaw, TOLERANCE_PX)
    values: dict[str, Any] = dict(pixel_scores(marked, flaw).as_dict())
    values["tolerant"] = {"tolerance_px": TOLERANCE_PX} | tolerant.as_dict()
    sentences: list[str] = []
    if marked.ndim == 2:
        values["flaws"], sentences = _flaw_figures(marked, flaw)
    values["warnings"] = cautions
    terminal.result(values, _table(values), *sentences)
    return DONE


def _flaw_figures(marked: NDArray[Any], flaw: NDArray[Any]) -> tuple[dict[str, int], list[str]]:
    from napari_weld_fcn.evaluation.cases import numbered
    from napari_weld_fcn.evaluation.matches import MIN_IOU, match_flaws

    matches = match_flaws(numbered(marked), numbered(flaw))
    names = ("found", "missed", "indications", "false_calls", "merged", "split")
    flaws = matches.flaws.size
    return {"flaws": flaws} | {name: getattr(matches, name) for name in names}, [
        f"{matches.found} of {flaws} flaws found, "
        f"{matches.false_calls} of {matches.indications} indications are false calls.",
        f"A flaw is found if an indication of its own overlaps it with an IoU of at least {MIN_IOU:g}.",
    ]


def _size(pixels: NDArray[Any]) -> str:
    return " x ".join(str(edge) for edge in reversed(pixels.shape))


def _table(values: dict[str, Any]) -> Table:
    table = Table("pixels", "precision", "recall", "f1", "iou", "tp", "fp", "fn")
    for title, row in {"strict": values, f"within {TOLERANCE_PX} pixel": values["tolerant"]}.items():
        shares = (f"{row[name]:.3f}" for name in ("precision", "recall", "f1", "iou"))
        table.add_row(title, *shares, *(str(row[name]) for name in ("tp", "fp", "fn")))
    return table
