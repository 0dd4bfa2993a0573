"""`weld-fcn demo`: the whole way of a radiograph on a simulated film, whose truth is known."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from napari_weld_fcn.cli.predict import finish, found, make_folder
from napari_weld_fcn.cli.terminal import DONE, Terminal
from napari_weld_fcn.evaluation.scores import PixelScores, pixel_scores
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.outputs import write_outputs, write_record
from napari_weld_fcn.prediction.predict import Prediction, predict
from napari_weld_fcn.radiograph.files import read
from napari_weld_fcn.radiograph.radiograph import Radiograph
from napari_weld_fcn.radiograph.simulation.film import simulate
from napari_weld_fcn.radiograph.simulation.series import write_series
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings

#: How many rows of the table are shown; the file has all of them.
ROWS_SHOWN = 12
_COLUMNS = ("label", "row", "column", "length_mm", "width_mm", "peak_probability")


def run_demo(
    terminal: Terminal, out: Path, settings: SimulationSettings, seed: int, model: str, viewer: bool
) -> int:
    """Simulate a film, predict it, write everything into `out`, score it and show it."""
    loaded = Model.load(model)
    make_folder(out)
    with terminal.progress("demo", 2) as progress:
        progress.film("simulate")
        film = simulate(settings, seed)
        path = write_series([film], out)[0]
        progress.film_done()
        radiograph = read(path)
        prediction = predict(radiograph, loaded, on_event=progress.film("predict"))
        files = write_outputs(out, radiograph, prediction)
        record = write_record(out, [prediction])
    scores = pixel_scores(prediction.labels, film.mask)
    output = finish(str(path), files, prediction).as_json()
    values = {"model": model, "outputs": [output], "record": str(record), "score": scores.as_dict()}
    terminal.result(values, lambda console: _show(console, out, prediction, scores))
    if viewer and not terminal.json and _has_screen():
        _open_viewer(radiograph, prediction)
    return DONE


def _show(console: Console, out: Path, prediction: Prediction, scores: PixelScores) -> None:
    columns = [name for name in _COLUMNS if name in prediction.table]
    table = Table(*(name.replace("_", " ") for name in columns))
    for row in list(zip(*(prediction.table[name] for name in columns), strict=True))[:ROWS_SHOWN]:
        table.add_row(*(f"{value:.4g}" for value in row))
    count = len(prediction.table["label"])
    if count:
        console.print(table)
    if count > ROWS_SHOWN:
        console.print(f"... and {count - ROWS_SHOWN} more.")
    console.print(f"{found(count).capitalize()} in {prediction.seconds:.2f} s.")
    console.print(
        f"Against the simulated truth: pixel F1 {scores.f1:.2f}, "
        f"precision {scores.precision:.2f}, recall {scores.recall:.2f}."
    )
    console.print(f"The film, its truth and all outputs are in {out}.")


def _has_screen() -> bool:
    if os.environ.get("QT_QPA_PLATFORM") in ("offscreen", "minimal"):
        return False
    if platform.system() == "Linux":
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True


def _open_viewer(radiograph: Radiograph, prediction: Prediction) -> None:
    import napari

    from napari_weld_fcn.viewer.layers import show_heatmap, show_indications

    viewer: Any = napari.Viewer()
    film = viewer.add_image(radiograph.pixels, name=radiograph.name)
    show_heatmap(viewer, film, prediction.probability, "turbo")
    show_indications(viewer, film, prediction.labels, prediction.table)
    napari.run()
