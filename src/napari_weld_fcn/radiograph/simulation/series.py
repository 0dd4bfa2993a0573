"""Simulated films on disk, laid out as GDXray lays out its welds.

Beside the radiographs stands `flaws.csv` with all that the simulation knows. Films are written one by one as
they are made, so that a series of any length needs the memory of one film.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from pathlib import Path

from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.events import ALONE, JobControl, TileDone
from napari_weld_fcn.radiograph.gdxray.writing import MOST_FILMS, SeriesWriter
from napari_weld_fcn.radiograph.output import write_text
from napari_weld_fcn.radiograph.simulation.film import SimulatedFilm, simulate
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.radiograph.simulation.truth import Flaw

README = "{films} simulated weld radiographs, made by napari-weld-fcn; none is from GDXray."


def simulate_series(settings: SimulationSettings, films: int, seed: int) -> Iterator[SimulatedFilm]:
    """Simulate `films` films; film k of a seed is the same however many are made."""
    if not 1 <= films <= MOST_FILMS:
        raise SettingsError(f"{films} films were asked for, but a series holds 1 to {MOST_FILMS}.")
    for index in range(films):
        yield simulate(settings, seed * 100_000 + index)


def write_series(
    films: Iterable[SimulatedFilm],
    folder: str | Path,
    *,
    total: int = 0,
    job: JobControl = ALONE,
) -> list[Path]:
    """Write films as a GDXray series with its masks.

    Parameters
    ----------
    films
        In the order of their numbers, from 1.
    folder
        Receives ``Welds/W0001`` and ``Welds/W0002``; files of the same names are replaced.
    total
        How many films are expected, for progress.

    Returns
    -------
    list of Path
        The radiographs.

    Raises
    ------
    WeldFcnError
        If a file cannot be written.
    Stopped
        If the job was stopped; the films written so far stand, with their tables.
    """
    rows: list[dict[str, object]] = []
    with SeriesWriter(folder, README) as series:
        try:
            for number, film in enumerate(films, start=1):
                path = series.add(film.radiograph.pixels, film.instances, film.radiograph.pixel_size_mm)
                rows.extend({"image": path.stem, **asdict(flaw)} for flaw in film.flaws)
                job.tell(TileDone(number, max(total, number)))
                job.check()
        finally:
            write_text(series.images / "flaws.csv", _table(rows))
    return series.written


def _table(rows: list[dict[str, object]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["image", *(f.name for f in fields(Flaw))], lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)
    return text.getvalue()
