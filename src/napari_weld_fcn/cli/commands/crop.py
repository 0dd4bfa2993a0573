"""Cut crops with their masks out of films, as a dataset.

Films are read, cut and written one by one. One that is damaged is reported and the others are still cut; one
that gives no crop (no flaw to cut around, no rectangle on it) is told and is no fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_weld_fcn.cli.app import plain_app
from napari_weld_fcn.cli.options import Out
from napari_weld_fcn.cli.terminal import Progress, Terminal, guarded, log
from napari_weld_fcn.dataset.settings import PRESETS, CropSettings
from napari_weld_fcn.errors import SettingsError, WeldFcnError

if TYPE_CHECKING:
    from napari_weld_fcn.dataset.pair import Pair
    from napari_weld_fcn.dataset.plan import Rectangles
    from napari_weld_fcn.radiograph.gdxray.film import GDXrayFilm

#: What `--rois` may say instead of naming a file.
AREAS = ("grid", "bead", "flaws")


app = plain_app()


@app.command()
@guarded(CropSettings, leave_out=("rois", "labels"))
def crop_films(
    terminal: Terminal,
    series: Annotated[Path, typer.Argument(metavar="SERIES", help="GDXray series, root or film")],
    out: Out,
    preset: Annotated[
        str, typer.Option(metavar="NAME", help=f"Start from these settings: {', '.join(PRESETS)}")
    ] = "",
    rois: Annotated[
        str,
        typer.Option(
            metavar="FILE|grid|bead|flaws",
            help="Where to cut; FILE has rectangles: a Shapes layer that napari saved as CSV, or GDXray's "
            f"ground_truth.txt  [default: {CropSettings.model_fields['rois'].default}]",
        ),
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same jitter")] = 0,
    *,
    given: dict[str, Any],
) -> int:
    """Cut crops with their masks out of films; a dataset folder is written."""
    from napari_weld_fcn.dataset.plan import read_rectangles
    from napari_weld_fcn.dataset.store import write_dataset

    settings = crop_settings(preset, rois, given)
    rectangles = read_rectangles(rois) if settings.rois == "rectangles" else None
    films, faults = _films(terminal, series)
    count = _Count()
    with terminal.progress("crop", len(films)) as progress:
        pairs = _pairs(terminal, progress, films, settings, rectangles, seed, faults)
        written = write_dataset(count.seen(pairs), out)
    values = {
        "dataset": str(out),
        "pairs": written,
        "films": len(count.films),
        "with_flaw": count.with_flaw,
        "flaw_fraction": count.flaw / max(count.pixels, 1),
        "errors": faults,
    }
    terminal.result(
        values,
        f"{written} crops of {len(count.films)} film{'s' * (len(count.films) != 1)} in {out}; "
        f"{count.with_flaw} show flaws, which are {values['flaw_fraction']:.2%} of all pixels.",
    )
    return terminal.code(faults)


def crop_settings(preset: str, rois: str, given: dict[str, Any]) -> CropSettings:
    """Return the settings of a preset, changed by what was given besides.

    Parameters
    ----------
    preset
        Its name; empty for none.
    rois
        ``grid``, ``bead`` or ``flaws``; anything else is a file of rectangles. Empty takes the preset's.
    given
        Values of the other fields.

    Raises
    ------
    SettingsError
        If there is no such preset.
    """
    if preset and preset not in PRESETS:
        raise SettingsError(f"--preset {preset}: there is no such preset; give {' or '.join(PRESETS)}.")
    base = PRESETS.get(preset, CropSettings()).model_dump()
    plain = CropSettings().model_dump()
    changed = {name: value for name, value in given.items() if value != plain[name]}
    area = {"rois": rois if rois in AREAS else "rectangles"} if rois else {}
    return CropSettings(**{**base, **changed, **area})


class _Count:
    """What passes by: films, crops with some flaw, pixels."""

    def __init__(self) -> None:
        self.with_flaw = self.flaw = self.pixels = 0
        self.films: set[str] = set()

    def seen(self, pairs: Iterator[Pair]) -> Iterator[Pair]:
        from napari_weld_fcn.dataset.pair import FLAW

        for pair in pairs:
            flaw = int((pair.mask == FLAW).sum())
            self.with_flaw += flaw > 0
            self.flaw += flaw
            self.pixels += pair.mask.size
            self.films.add(pair.film)
            yield pair


def _films(terminal: Terminal, path: Path) -> tuple[list[tuple[int, GDXrayFilm]], list[dict[str, str]]]:
    """Return the films with their places in their series, and what could not be opened."""
    from napari_weld_fcn.radiograph.gdxray.folders import SeriesFolder, list_series
    from napari_weld_fcn.radiograph.gdxray.series import open_series

    faults: list[dict[str, str]] = []
    films: list[tuple[int, GDXrayFilm]] = []
    listed = list_series(path) if path.is_dir() else []
    if path.is_dir() and not listed:
        raise SettingsError(
            f"{path}: holds no images called as in GDXray, which tells films from masks; call them "
            "W0001/W0001_0001.png, with masks W0002/W0002_0001.png beside it. Films in images/ with masks/ "
            "are trained on and evaluated as they are."
        )
    folders: Sequence[SeriesFolder | Path] = listed or [path]
    for folder in folders:
        try:
            opened = open_series(folder)
        except WeldFcnError as fault:
            if not isinstance(folder, SeriesFolder):
                raise
            faults.append(terminal.fault(folder.path, fault))
            continue
        if opened.is_mask:
            raise SettingsError(f"{path}: holds masks only; give the series of their films.")
        terminal.say(*opened.problems)
        there = sum(map(len, folder.images().values())) if isinstance(folder, SeriesFolder) else 0
        if isinstance(folder, SeriesFolder) and there > len(opened):
            left_out = f"{folder.path}: {there - len(opened)} of its {there} images are left out."
            faults.append({"input": str(folder.path), "error": left_out})
        films += enumerate(opened)
    return films, faults


def _pairs(
    terminal: Terminal,
    progress: Progress,
    films: list[tuple[int, GDXrayFilm]],
    settings: CropSettings,
    rectangles: Rectangles | None,
    seed: int,
    faults: list[dict[str, str]],
) -> Iterator[Pair]:
    from napari_weld_fcn.dataset.crops import crop

    for place, film in films:
        job = progress.film(film.name)
        boxes = film.boxes if len(film.boxes) else None
        corners = boxes if rectangles is None else rectangles.of(place, film.number)
        try:
            yield from crop(film.radiograph(), film.mask(), settings, corners, seed, job=job)
        except Exception as fault:  # whatever one film does, the others are done
            faults.append(terminal.fault(film.path, fault))
        log.info("%s: cropped", film.path)
        progress.film_done()
