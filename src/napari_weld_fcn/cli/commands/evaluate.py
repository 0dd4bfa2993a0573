"""Score a model on films whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from napari_weld_fcn.cli.app import plain_app
from napari_weld_fcn.cli.options import length, length_default
from napari_weld_fcn.cli.terminal import DONE, WRONG_INPUT, Terminal, guarded
from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.evaluation.settings import EvaluationSettings

if TYPE_CHECKING:
    from napari_weld_fcn.dataset.store import Dataset
    from napari_weld_fcn.evaluation.evaluate import Evaluation
    from napari_weld_fcn.radiograph.gdxray.series import GDXraySeries

#: So many of the films that are left out are named.
_NAMED = 3
#: Where a pixel size comes from, in words.
_ORIGINS = {"file": "from the file", "GDXray": "from GDXray", "user": "as given"}

app = plain_app()


@app.command()
@guarded(EvaluationSettings, leave_out=("min_size", "min_size_unit"))
def evaluate_model(
    terminal: Terminal,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model's name or its file")],
    truth: Annotated[
        Path,
        typer.Argument(
            metavar="DATASET|SERIES", help="Dataset folder of crops, or GDXray series that has masks"
        ),
    ],
    output: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Folder for tables, curves and report; may exist")
    ] = None,
    min_size: Annotated[
        str,
        typer.Option(
            metavar="MM|PX",
            help="Smallest length of an indication and of a flaw that counts, such as 0.3mm or 4px; "
            "0 takes the model's own",
        ),
    ] = length_default(EvaluationSettings),
    *,
    given: dict[str, Any],
) -> int:
    """Score a model on films whose truth is known: pixels, flaws, false calls, for each film and pooled."""
    from napari_weld_fcn.evaluation.evaluate import evaluate
    from napari_weld_fcn.evaluation.report import write_evaluation
    from napari_weld_fcn.network.model import Model
    from napari_weld_fcn.prediction import cautions
    from napari_weld_fcn.radiograph.output import make_folder

    settings = EvaluationSettings(**given, **length(min_size))
    loaded = Model.load(model)
    films = _films(terminal, truth)
    if output is not None:
        if output.exists() and truth.is_dir() and output.samefile(truth):
            raise SettingsError(f"{output}: holds the films that are scored; give another folder.")
        make_folder(output)
    with terminal.progress("evaluate", 1) as progress:
        found = evaluate(loaded, films, settings, job=progress.film("evaluate"))
    if settings.polarity == "either":
        terminal.say(cautions.both_polarities(found.model))
    if found.left_out:
        terminal.say(_left_out(found.left_out))
    written = {} if output is None else write_evaluation(output, found)
    values = found.as_dict() | {"files": {name: str(path) for name, path in written.items()}}
    where = [] if output is None else [f"Tables, curves and report are in {output}."]
    terminal.result(values, _films_table(values), *_sentences(found, values), *where)
    return WRONG_INPUT if found.faults else DONE


def _films(terminal: Terminal, path: Path) -> Dataset | GDXraySeries:
    from napari_weld_fcn.dataset.store import Dataset, open_truth

    truth = open_truth(path)
    if not isinstance(truth, Dataset) and truth.is_mask:
        raise SettingsError(f"{path}: holds masks only; give the series of their films.")
    terminal.say(*(truth.cautions() if isinstance(truth, Dataset) else truth.problems))
    return truth


def _left_out(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"Without truth of their own, so left out: {', '.join(names[:_NAMED])}{more}."


def _films_table(values: dict[str, Any]) -> Table:
    table = Table("film", "precision", "recall", "F1", "IoU", "±1 px", "found", "false", padding=(0, 0))
    for film in values["films"]:
        table.add_row(film["film"], *_scores(film), *_calls(film, film["found"]))
    table.add_section()
    found = sum(film["found"] for film in values["films"])
    table.add_row("all", *_scores(values["pooled"]), *_calls(values["flaws"], found))
    for column in table.columns:
        column.no_wrap = True
    return table


def _scores(row: dict[str, Any]) -> list[str]:
    figures = [row[name] for name in ("precision", "recall", "f1", "iou")]
    return [f"{figure:.3f}" for figure in [*figures, row["tolerant"]["1"]["f1"]]]


def _calls(row: dict[str, Any], found: int) -> tuple[str, str]:
    return f"{found} of {row['flaws']}", str(row["false_calls"])


def _at_false_calls(point: dict[str, Any]) -> str:
    calls = "call" if point["asked"] == 1 else "calls"
    kept = "" if point["kept"] else " (no threshold keeps to it)"
    return (
        f"For {point['asked']:g} false {calls} a film{kept}: threshold {point['threshold']:g}, "
        f"{point['found']:.1%} of flaws found, {point['false_calls_per_film']:.2g} false calls a film."
    )


def _pixel_sizes(films: list[dict[str, Any]]) -> str:
    """Say by which pixel sizes films were measured, and where these come from."""
    known = {(film["pixel_size_mm"], film["pixel_size_source"]) for film in films if film["pixel_size_mm"]}
    told = [f"{size:g} mm ({_ORIGINS.get(source, source)})" for size, source in sorted(known)[:_NAMED]]
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    return f"Metres and cm² are by a pixel size of {', '.join(told) or 'each crop'}{more}."


def _sentences(found: Evaluation, values: dict[str, Any]) -> list[str]:
    flaws, best, point = values["flaws"], values["best_f1"], values["at_false_calls"]
    bounds = values["pooled"]["intervals"].get("f1")
    rates = [f"{flaws['false_calls_per_film']:.2g} a film"]
    for unit, name in (("metre of weld", "metre"), ("cm²", "cm2")):
        if flaws[f"false_calls_per_{name}"] is not None:
            rates.append(f"{flaws[f'false_calls_per_{name}']:.2g} a {unit}")
    confidence = f"{found.settings.confidence:.0%} over films"
    spread = f" ({confidence}: {bounds[0]:.3f} to {bounds[1]:.3f})" if bounds else ""
    lines = [
        f"Threshold {values['threshold']:g}: F1 {values['pooled']['f1']:.3f}{spread}.",
        f"False calls: {', '.join(rates)}. Indications that merge flaws: {flaws['merged']}; "
        f"flaws that are split: {flaws['split']}.",
    ]
    if flaws["false_calls_per_cm2"] is not None:
        lines.append(_pixel_sizes(values["films"]))
    if flaws["clean_films"]:
        called = flaws["clean_films_called"]
        lines.append(f"Films without flaws: {flaws['clean_films']}, of which {called} were called.")
    if flaws["flaws"]:
        lines += [
            f"Best F1 on these films, without a minimum size: {best['f1']:.3f} at threshold "
            f"{best['threshold']:g}.",
            _at_false_calls(point),
        ]
    error = flaws["length_error"]
    if error["flaws"]:
        lines.append(
            f"Lengths of found flaws are off by {error['mean_px']:+.1f} pixels on average, "
            f"{error['median_absolute_px']:.1f} in the median."
        )
    return lines
