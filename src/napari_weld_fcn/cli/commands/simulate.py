"""Simulate films with their truth, laid out as GDXray."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_weld_fcn.cli.app import plain_app
from napari_weld_fcn.cli.options import Out, Seed, Size, film_size, size_default
from napari_weld_fcn.cli.terminal import DONE, Terminal, guarded
from napari_weld_fcn.events import TileDone
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings

FILM_SIZE = size_default(SimulationSettings)

app = plain_app()


@app.command()
@guarded(SimulationSettings, leave_out=("rows", "columns"))
def simulate_films(
    terminal: Terminal,
    out: Out,
    films: Annotated[int, typer.Option(min=1, max=9999, help="How many films")] = 10,
    size: Size = FILM_SIZE,
    seed: Seed = 0,
    *,
    given: dict[str, Any],
) -> int:
    """Simulate films with their truth, laid out as GDXray: OUT/Welds/W0001 and W0002."""
    from napari_weld_fcn.radiograph.output import make_folder
    from napari_weld_fcn.radiograph.simulation.film import simulate_series, write_simulated

    made = simulate_series(SimulationSettings(**given, **film_size(size)), films, seed)
    make_folder(out)
    with terminal.progress("simulate", 1) as progress:
        job = progress.film("simulate")
        job.tell(TileDone(0, films))
        written = write_simulated(made, out, total=films, job=job)
    series = written[0].parent
    values = {
        "films": [str(path) for path in written],
        "masks": [str(_mask_of(path)) for path in written],
        "truth": str(series / "flaws.csv"),
    }
    terminal.result(values, f"{len(written)} films in {series}, their masks in W0002 beside it.")
    return DONE


def _mask_of(film: Path) -> Path:
    return film.parent.with_name("W0002") / film.name.replace("W0001", "W0002", 1)
