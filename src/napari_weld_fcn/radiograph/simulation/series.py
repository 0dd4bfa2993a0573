"""Simulated films on disk, laid out as GDXray lays out its welds.

`OUT/Welds/W0001` holds the radiographs, `OUT/Welds/W0002` the masks of the same numbers as 1-bit PNGs. Beside
the radiographs stand `ground_truth.txt`, one line a flaw with its box as GDXray writes boxes (image number,
x1, x2, y1, y2, from 1), and `flaws.csv` with all that the simulation knows. Films are written one by one as
they are made, so that a series of any length needs the memory of one film.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
from scipy.ndimage import find_objects

from napari_weld_fcn.errors import SettingsError, Stopped, WeldFcnError
from napari_weld_fcn.events import OnEvent, ShouldStop, TileDone, ignore, never
from napari_weld_fcn.radiograph.output import write_png, write_text
from napari_weld_fcn.radiograph.simulation.film import SimulatedFilm, simulate
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.radiograph.simulation.truth import Flaw

#: A GDXray image number has four digits.
MOST_FILMS = 9999


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
    on_event: OnEvent = ignore,
    should_stop: ShouldStop = never,
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
        If `should_stop` said so; the films written so far stand, with their tables.
    """
    images, masks = Path(folder) / "Welds" / "W0001", Path(folder) / "Welds" / "W0002"
    try:
        images.mkdir(parents=True, exist_ok=True)
        masks.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise WeldFcnError(f"{folder}: cannot hold a series ({fault.strerror}).") from fault
    written: list[Path] = []
    boxes: list[str] = []
    rows: list[dict[str, object]] = []
    try:
        for number, film in enumerate(films, start=1):
            path = images / f"W0001_{number:04d}.png"
            write_png(path, film.radiograph.pixels, film.radiograph.pixel_size_mm)
            write_png(masks / f"W0002_{number:04d}.png", film.mask)
            written.append(path)
            boxes.extend(_boxes(number, film.instances))
            rows.extend({"image": path.stem, **asdict(flaw)} for flaw in film.flaws)
            on_event(TileDone(number, max(total, number)))
            if should_stop():
                raise Stopped
    finally:
        write_text(images / "ground_truth.txt", "".join(boxes))
        write_text(images / "flaws.csv", _table(rows))
        write_text(images / "W0001_readme.txt", _readme(written))
    return written


def _boxes(number: int, instances: np.ndarray) -> Iterator[str]:
    """Lines `k x1 x2 y1 y2` as MATLAB's `save -ascii` writes them, from 1, both ends inside."""
    for box in find_objects(instances):
        if not box:  # a number whose pixels all went to a stronger flaw
            continue
        down, along = box
        values = (number, along.start + 1, along.stop, down.start + 1, down.stop)
        yield "".join(f"{value:16.7e}" for value in values) + "\n"


def _table(rows: list[dict[str, object]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["image", *(f.name for f in fields(Flaw))], lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)
    return text.getvalue()


def _readme(written: list[Path]) -> str:
    return (
        f"{len(written)} simulated weld radiographs, made by napari-weld-fcn; none is from GDXray.\n"
        "W0002 holds the masks, ground_truth.txt boxes (image x1 x2 y1 y2, from 1), flaws.csv every flaw.\n"
    )
