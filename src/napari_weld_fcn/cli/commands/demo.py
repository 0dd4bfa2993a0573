"""Simulate a film, predict it, measure what is found."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from napari_weld_fcn.cli.app import plain_app
from napari_weld_fcn.cli.commands.predict import finish
from napari_weld_fcn.cli.options import ModelName, Out, Seed, Size, film_size, size_default
from napari_weld_fcn.cli.terminal import DONE, Terminal, guarded, log
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings

if TYPE_CHECKING:
    from napari_weld_fcn.prediction.predict import Prediction
    from napari_weld_fcn.radiograph.radiograph import Radiograph

#: How many rows of the table are shown; the file has all of them.
ROWS_SHOWN = 12
_TRIAL_SECONDS = 60
_COLUMNS = ("label", "row", "column", "length_mm", "width_mm", "peak_probability")

FILM_SIZE = size_default(SimulationSettings)

app = plain_app()


@app.command()
@guarded()
def show_demo(
    terminal: Terminal,
    out: Out = Path("weld-fcn-demo"),
    size: Size = FILM_SIZE,
    seed: Seed = 0,
    model: ModelName = "default",
    viewer: Annotated[bool, typer.Option(help="Open napari when there is a screen")] = True,
) -> int:
    """Simulate a film, predict it, measure what is found; open napari if there is a screen."""
    from napari_weld_fcn.evaluation.scores import pixel_scores
    from napari_weld_fcn.network.model import Model
    from napari_weld_fcn.prediction.outputs import write_outputs, write_record
    from napari_weld_fcn.prediction.predict import predict
    from napari_weld_fcn.radiograph.files import read
    from napari_weld_fcn.radiograph.output import make_folder
    from napari_weld_fcn.radiograph.simulation.film import simulate, write_simulated

    settings = SimulationSettings(flawless_share=0.0, **film_size(size))  # there is to be something to find
    loaded = Model.load(model)
    make_folder(out)
    with terminal.progress("demo", 2) as progress:
        progress.film("simulate")
        film = simulate(settings, seed)
        path = write_simulated([film], out)[0]
        progress.film_done()
        radiograph = read(path)
        prediction = predict(radiograph, loaded, job=progress.film("predict"))
        files = write_outputs(out, radiograph, prediction)
        record = write_record(out, [prediction])
    scores = pixel_scores(prediction.labels, film.mask)
    done = finish(str(path), files, prediction)
    values = {"model": model, "outputs": [done.as_json()], "record": str(record), "score": scores.as_dict()}
    terminal.result(
        values,
        *([_table(prediction)] if done.count else []),
        *([f"... and {done.count - ROWS_SHOWN} more."] if done.count > ROWS_SHOWN else []),
        f"{done.summary.capitalize()}, in {prediction.seconds:.2f} s.",
        f"Against the simulated truth: pixel F1 {scores.f1:.2f}, "
        f"precision {scores.precision:.2f}, recall {scores.recall:.2f}.",
        f"The film, its truth and all outputs are in {out}.",
    )
    if viewer and not terminal.json and _has_screen():
        _open_viewer(terminal, radiograph, prediction)
    return DONE


def _table(prediction: Prediction) -> Table:
    columns = [name for name in _COLUMNS if name in prediction.table]
    table = Table(*(name.replace("_", " ") for name in columns))
    for row in list(zip(*(prediction.table[name] for name in columns), strict=True))[:ROWS_SHOWN]:
        table.add_row(*(f"{value:.4g}" for value in row))
    return table


def _has_screen() -> bool:
    if os.environ.get("QT_QPA_PLATFORM") in ("offscreen", "minimal"):
        return False
    if platform.system() == "Linux":
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True


def _open_viewer(terminal: Terminal, radiograph: Radiograph, prediction: Prediction) -> None:
    """Show film, heatmap and indications in napari with the Predict widget; a sentence where it lacks Qt."""
    try:
        import_module("qtpy.QtWidgets")
    except ImportError as fault:
        log.info("no Qt: %s", fault)
        terminal.say('napari opens no window without Qt; `pip install "napari-weld-fcn[all]"` installs one.')
        return
    if not _window_can_open():
        terminal.say("napari opens no window: the screen that is named here cannot be reached.")
        return
    import napari

    viewer: Any = napari.Viewer()
    fill(viewer, radiograph, prediction)
    napari.run()


def _window_can_open() -> bool:
    """Try in another process, because Qt ends the one in which it finds no screen."""
    trial = [sys.executable, "-c", "from qtpy.QtWidgets import QApplication; QApplication([])"]
    try:
        return subprocess.run(trial, capture_output=True, timeout=_TRIAL_SECONDS).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def fill(viewer: Any, radiograph: Radiograph, prediction: Prediction) -> None:
    """Lay film, heatmap and indications over each other, in mm where the pixel size is known."""
    from napari_weld_fcn.viewer.layers import show_heatmap
    from napari_weld_fcn.viewer.marks import note_marks, show_indications
    from napari_weld_fcn.viewer.preferences import PLUGIN, preferences

    size = radiograph.pixel_size_mm
    placement = {"scale": (size, size), "units": ("mm", "mm")} if size else {}
    film = viewer.add_image(radiograph.pixels, name=radiograph.name, **placement)
    heatmap = show_heatmap(viewer, film, prediction.probability, preferences().colormap)
    indications = show_indications(viewer, film, prediction.labels, prediction.table)
    note_marks((heatmap, indications), prediction.record)
    viewer.window.add_plugin_dock_widget(PLUGIN, "Predict")
