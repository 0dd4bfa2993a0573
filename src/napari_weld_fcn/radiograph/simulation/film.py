"""A whole simulated film: weld, flaws and marks, exposed, grained, windowed, with its truth.

Order of effects, as on a real film: thickness, blur, marks, grain, scanner, window to 8 or 16 bits, JPEG.

Simulated films on disk, laid out as GDXray lays out its welds.

Beside the radiographs stands `flaws.csv` with all that the simulation knows. Films are written one by one as
they are made, so that a series of any length needs the memory of one film.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.events import ALONE, JobControl, TileDone
from napari_weld_fcn.radiograph.gdxray.writing import MOST_FILMS, SeriesWriter
from napari_weld_fcn.radiograph.output import write_text
from napari_weld_fcn.radiograph.radiograph import Radiograph
from napari_weld_fcn.radiograph.simulation import marks
from napari_weld_fcn.radiograph.simulation.conditions import (
    Array,
    Conditions,
    draw_conditions,
    draw_window,
    field,
    log_uniform,
)
from napari_weld_fcn.radiograph.simulation.exposure import Place, Shown, expose, haze
from napari_weld_fcn.radiograph.simulation.flaws import draw_group
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.radiograph.simulation.site import Plan, Site, Weld, make_weld
from napari_weld_fcn.radiograph.simulation.truth import Flaw, tabulate, unmasked

#: Spacing of the knots of each octave of mottle, in pixels, with its standard deviation as a share of that of
#: the fine grain: octaves of films 2, 4, 6, 8 and 10 of GDXray's W0001, between their flaws.
MOTTLE = {4.0: 0.6, 8.0: 0.55, 16.0: 0.4, 32.0: 0.45}


@dataclass(frozen=True)
class SimulatedFilm:
    """A simulated radiograph with its truth.

    Attributes
    ----------
    radiograph
        uint8 or uint16 pixels ``(rows, columns)`` with their size.
    instances
        ``(rows, columns)`` int32: 0 background, n the flaw of that number.
    flaws
        Every flaw that was put in, seen or not.
    conditions
        How it was exposed.
    """

    radiograph: Radiograph
    instances: np.ndarray
    flaws: list[Flaw]
    conditions: Conditions

    @property
    def mask(self) -> np.ndarray:
        """``(rows, columns)`` bool: which pixels are flaw."""
        return np.asarray(self.instances > 0)


def simulate(
    settings: SimulationSettings | None = None,
    seed: int = 0,
    drawn: Mapping[marks.Mark, float] = marks.MARKS,
) -> SimulatedFilm:
    """Simulate one film; the same settings and seed give the same film.

    Parameters
    ----------
    settings
        Size and character of the film.
    seed
        Any whole number >= 0.
    drawn
        Marks on the film, in order, each with the share of films that carry it.

    Returns
    -------
    SimulatedFilm
        The radiograph, the instance image and the table of its flaws.
    """
    settings = settings or SimulationSettings()
    rng = np.random.default_rng([seed, 0x57E1D])
    conditions = draw_conditions(rng, settings)
    weld = make_weld(rng, settings, conditions)
    hard = conditions.noise > 2 and rng.random() < 0.5
    conditions = replace(conditions, window=draw_window(rng, weld.grey, hard))
    site = Site(rng, weld, conditions)
    plans = _plan(site, settings)
    shown = _shown(weld, conditions)
    loss, instances, exposed = expose(plans, site.shape, conditions, settings, shown, ground=weld.grey)
    instances = unmasked(instances, loss, conditions, settings)
    instances, flaws = tabulate(exposed, instances, conditions)
    pixels = _develop(site, weld.grey - loss - haze(plans, site.shape), settings, drawn)
    if settings.framing == "window":
        pixels, instances, flaws = _turn(rng, pixels, instances, flaws)
    name = f"simulated_{seed:04d}"
    radiograph = Radiograph(
        pixels,
        name=name,
        source="simulation",
        pixel_size_mm=conditions.pixel_size_mm,
        pixel_size_source="file",
    )
    return SimulatedFilm(radiograph, instances, flaws, conditions)


def _plan(site: Site, settings: SimulationSettings) -> list[Plan]:
    if site.rng.random() < settings.flawless_share:
        return []
    if settings.framing == "window":
        groups = int(site.rng.integers(1, 4))
    else:
        bead = settings.columns * 2 * site.weld.half_width * site.conditions.pixel_size_mm**2 / 1000.0
        groups = max(1, int(site.rng.poisson(settings.flaw_density * bead)))
    return [plan for _ in range(groups) for plan in draw_group(site)]


def _shown(weld: Weld, conditions: Conditions) -> Shown:
    def step(box: Place, darkening: Array) -> Array:
        behind = conditions.window.show(weld.grey[box])
        return np.asarray(np.abs(behind - conditions.window.show(weld.grey[box] - darkening)))

    return step


def _develop(
    site: Site, grey: Array, settings: SimulationSettings, drawn: Mapping[marks.Mark, float]
) -> np.ndarray:
    """Marks, grain, window, bits, JPEG."""
    rng, conditions = site.rng, site.conditions
    if rng.random() < 0.5:
        grey = _scattered(grey, float(rng.uniform(0.05, 0.4)), 60 * conditions.zoom)
    for mark, share in drawn.items():
        if rng.random() < share:
            mark(site, grey)
    if rng.random() < 0.3:
        marks.streaks(site, grey)
    grey += _grain(rng, grey, conditions)
    levels = conditions.window.show(grey)
    if conditions.jpeg_quality:
        buffer = io.BytesIO()
        Image.fromarray(np.rint(levels).astype(np.uint8)).save(
            buffer, "JPEG", quality=conditions.jpeg_quality
        )
        levels = np.asarray(Image.open(buffer), np.float32)
    if settings.depth_bits == 16:
        return np.rint(levels * 257).astype(np.uint16)
    return np.rint(levels).astype(np.uint8)


def _scattered(grey: Array, share: float, reach: float) -> Array:
    """Veil of scattered radiation: a share of the film is its own blur over `reach` pixels."""
    step = max(1, int(reach / 4))
    rows, columns = (np.clip(np.arange(step // 2, n + step, step), 0, n - 1) for n in grey.shape)
    coarse = gaussian_filter(grey[np.ix_(rows, columns)], reach / step, mode="nearest")
    veil = _stretched(_stretched(coarse, rows, grey.shape[0]).T, columns, grey.shape[1]).T
    return np.asarray((1 - share) * grey + share * veil, np.float32)


def _stretched(values: Array, at: np.ndarray, size: int) -> Array:
    """Rows of `values`, known at rows `at`, interpolated to all `size` rows."""
    after = np.clip(np.searchsorted(at, np.arange(size)), 1, len(at) - 1)
    before = after - 1
    gap = np.maximum(at[after] - at[before], 1)
    weight = np.clip((np.arange(size) - at[before]) / gap, 0, 1).astype(np.float32)[:, None]
    return np.asarray(values[before] * (1 - weight) + values[after] * weight)


def _grain(rng: np.random.Generator, grey: Array, conditions: Conditions) -> Array:
    noise = rng.standard_normal(grey.shape, dtype=np.float32)
    if conditions.grain > 0.35:
        noise = gaussian_filter(noise, conditions.grain, truncate=3.0, mode="wrap")
    if conditions.quantum > 0:  # the detector's own, finer than grain
        noise = noise / noise.std() + np.float32(conditions.quantum) * rng.standard_normal(
            noise.shape, np.float32
        )
    noise *= np.float32(conditions.noise / float(noise.std()))
    if conditions.mottle:
        noise += _mottle(rng, grey.shape, conditions)
    slope = conditions.noise_slope
    return noise * (1 + np.float32(slope) * (np.clip(grey, 0, 200) / 120 - 1))


def _mottle(rng: np.random.Generator, shape: tuple[int, ...], conditions: Conditions) -> Array:
    """Coarse grain, octave by octave, as measured beside the flaws of films of GDXray."""
    rows, columns = shape
    total = np.zeros((rows, columns), np.float32)
    widened = max(1.0, conditions.zoom) ** 0.5 * log_uniform(rng, 0.8, 1.25)
    for spacing, share in MOTTLE.items():
        strength = np.float32(conditions.mottle * conditions.noise * share * rng.uniform(0.6, 1.4))
        total += strength * field(rng, rows, columns, spacing * widened)
    return total


def _turn(
    rng: np.random.Generator, pixels: np.ndarray, instances: np.ndarray, flaws: list[Flaw]
) -> tuple[np.ndarray, np.ndarray, list[Flaw]]:
    """Turn a window as crops are turned, its table with it."""
    height, width = pixels.shape
    if rng.random() < 0.5:
        pixels, instances = pixels[:, ::-1], instances[:, ::-1]
        flaws = [replace(f, column=width - 1 - f.column) for f in flaws]
    if rng.random() < 0.5:
        pixels, instances = pixels[::-1], instances[::-1]
        flaws = [replace(f, row=height - 1 - f.row) for f in flaws]
    if height == width and rng.random() < 0.25:
        pixels, instances = pixels.T, instances.T
        flaws = [replace(f, row=f.column, column=f.row) for f in flaws]
    return np.ascontiguousarray(pixels), np.ascontiguousarray(instances), flaws


README = "{films} simulated weld radiographs, made by napari-weld-fcn; none is from GDXray."


def simulate_series(settings: SimulationSettings, films: int, seed: int) -> Iterator[SimulatedFilm]:
    """Simulate `films` films; film k of a seed is the same however many are made."""
    if not 1 <= films <= MOST_FILMS:
        raise SettingsError(f"{films} films were asked for, but a series holds 1 to {MOST_FILMS}.")
    for index in range(films):
        yield simulate(settings, seed * 100_000 + index)


def write_simulated(
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
