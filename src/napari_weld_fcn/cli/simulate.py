"""`weld-fcn simulate`: a series of films with their truth."""

from __future__ import annotations

from pathlib import Path

from napari_weld_fcn.cli.predict import make_folder
from napari_weld_fcn.cli.terminal import DONE, Terminal
from napari_weld_fcn.events import TileDone
from napari_weld_fcn.radiograph.simulation.series import simulate_series, write_series
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings


def run_simulate(terminal: Terminal, out: Path, settings: SimulationSettings, films: int, seed: int) -> int:
    """Write `films` simulated films, their masks and their tables below `out`."""
    make_folder(out)
    with terminal.progress("simulate", 1) as progress:
        on_event = progress.film("simulate")
        on_event(TileDone(0, films))
        written = write_series(simulate_series(settings, films, seed), out, total=films, on_event=on_event)
    series = written[0].parent
    values = {
        "films": [str(path) for path in written],
        "masks": [str(_mask_of(path)) for path in written],
        "truth": str(series / "flaws.csv"),
    }
    terminal.result(
        values,
        lambda console: console.print(f"{len(written)} films in {series}, their masks in W0002 beside it."),
    )
    return DONE


def _mask_of(film: Path) -> Path:
    return film.parent.with_name("W0002") / film.name.replace("W0001", "W0002", 1)
