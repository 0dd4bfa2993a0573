"""Real films with masks: what a model finds on them, beside classical detectors and on altered copies.

    python benchmarks/real_films.py [DATA] [--model default fcn] [--films 2 6] [--columns N] [--quick]
                                    [--alterations exact "JPEG 50"] [--markdown] [--json FILE]

DATA is a folder in GDXray's form with masks: the database itself, one series of it, or what `weld-fcn
simulate` writes. Without DATA the real radiographs of the tests are taken, where they are (CONTRIBUTING.md).

Nothing is chosen on these films for a model: threshold and minimum size are those that it ships with. The
top-hat and the LoG stand beside it at the thresholds that are best on these very films. What an alteration
costs is the pixel F1 of a film as it is less that of its altered copy, whose marks are brought back to the
film's own pixels. With `--quick` the models stand alone, without intervals and copies.

Figures alone are printed and written, and nothing is written into the repository.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_weld_fcn.errors import WeldFcnError
from napari_weld_fcn.evaluation.benchmark.alterations import ALTERATIONS, Alteration, alterations_named
from napari_weld_fcn.evaluation.benchmark.detectors import CLASSICAL, Judged, judge_classical, judge_model
from napari_weld_fcn.evaluation.cases import Case, Source, sources
from napari_weld_fcn.evaluation.settings import EvaluationSettings
from napari_weld_fcn.events import Event, JobControl, Message
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.radiograph.gdxray.folders import list_series
from napari_weld_fcn.radiograph.gdxray.series import open_series

REPOSITORY = Path(__file__).resolve().parents[1]
#: Where the real tests look.
REAL = Path(os.environ.get("WELD_FCN_REAL_DATA") or REPOSITORY.parent / "shared" / "data") / "gdxray_five"
#: False calls a film at which the FROC curve is told.
FALSE_CALLS = (2, 5, 10, 20, 50)

Rows = list[list[str]]
Layout = Callable[[Sequence[Sequence[str]]], str]


def main() -> None:
    """Judge, print, write."""
    asked = arguments()
    data = asked.data or REAL
    if asked.data is None and not data.is_dir():
        print(f"There are no real films in {data}: give their folder (see CONTRIBUTING.md).")
        return
    films = films_in(data, asked.films, asked.columns)
    judged = judge(asked, films)
    print(shown(judged, asked.altered, markdown if asked.markdown else columns))
    if asked.json:
        asked.json.write_text(json.dumps([each.as_dict() for each in judged], indent=1) + "\n")


def judge(asked: argparse.Namespace, films: Sequence[Source]) -> list[Judged]:
    """The models, then the classical detectors at the first model's minimum size."""
    settings = EvaluationSettings(resamples=0) if asked.quick else EvaluationSettings()
    models = [Model.load(name) for name in asked.model]
    judged = [judge_model(model, films, settings, asked.altered, job=JobControl(tell)) for model in models]
    if asked.quick:
        return judged
    size = models[0].card.min_size_px
    return judged + [judge_classical(name, films, size, settings, job=JobControl(tell)) for name in CLASSICAL]


# What is read


def films_in(data: Path, numbers: Sequence[int], width: int) -> list[Source]:
    """Films with masks below `data`: all, or those of these numbers; `width` columns of each, 0 for all."""
    series = [open_series(folder) for folder in list_series(data)]
    masked = [film for each in series if not each.is_mask for film in each if film.has_mask]
    films = [film for film in masked if not numbers or film.number in numbers]
    if not films:
        which = f" of the numbers {', '.join(map(str, numbers))}" if numbers else ""
        raise SystemExit(
            f"{data}: there is no film{which} with a mask; a series such as W0001 needs its masks beside it."
        )
    read = list(sources(films))
    return (
        [Source(film.name, lambda film=film: middle(film.read(), width)) for film in read] if width else read
    )


def middle(case: Case | None, width: int) -> Case | None:
    """The columns in the middle of a film, as a film of their own."""
    if case is None:
        return None
    first = max(0, (case.instances.shape[1] - width) // 2)
    part = np.s_[:, first : first + width]
    radiograph = replace(case.radiograph, pixels=case.radiograph.pixels[part])
    return replace(case, radiograph=radiograph, instances=case.instances[part])


# What is shown


def shown(judged: Sequence[Judged], altered: Sequence[Alteration], lay_out: Layout) -> str:
    """All tables: detectors, FROC, films, alterations."""
    figures = [each.as_dict() for each in judged]
    parts = [lay_out(detectors(figures)), lay_out(froc(judged))]
    for each in figures:
        parts.append(f"{each['name']}, threshold {each['threshold']:.3f}:\n\n{lay_out(by_film(each))}")
    for each in figures:
        if each["altered"]:
            parts.append(
                f"{each['name']}, cost of alterations in pixel F1:\n\n{lay_out(costs(each, altered))}"
            )
    return "\n\n".join(parts)


def detectors(figures: Sequence[dict[str, Any]]) -> Rows:
    """A row for each detector, all films pooled."""
    head = "detector|pixel F1|within 1 px|lowest film|found one to one|<0.3 mm|0.3-0.5|0.5-0.8|>=0.8|>=0.5"
    rows = [[*head.split("|"), "false calls a film", "a metre"]]
    for each in figures:
        pooled, flaws = each["pooled"], each["flaws"]
        bounds = pooled["intervals"].get("f1")
        rows.append(
            [
                each["name"],
                share(pooled["f1"]) + (f" ({bounds[0]:.2f}-{bounds[1]:.2f})" if bounds else ""),
                share(pooled["tolerant"]["1"]["f1"]),
                share(min(film["f1"] for film in each["films"])),
                f"{percent(flaws['found'])} of {flaws['flaws']}",
                *sizes(flaws),
                number(flaws["false_calls_per_film"]),
                number(flaws["false_calls_per_metre"]),
            ]
        )
    return rows


def sizes(flaws: dict[str, Any]) -> list[str]:
    """Shares found under 0.3, 0.5 and 0.8 mm, from 0.8 mm on, and from 0.5 mm on."""
    if not flaws["large"] or "by_size_mm" not in flaws:
        return ["-"] * 5
    over_half, over_most = (row["found"] for row in flaws["large"])
    return [percent(row["found"]) for row in flaws["by_size_mm"][:3]] + [
        percent(over_most),
        percent(over_half),
    ]


def froc(judged: Sequence[Judged]) -> Rows:
    """The largest share of flaws found with so many false calls a film at most."""
    rows = [["found with false calls a film", *map(str, FALSE_CALLS)]]
    for each in judged:
        points = [each.evaluation.objects.largest_recall(calls) for calls in FALSE_CALLS]
        rows.append([each.name, *(percent(point.recall if point.within else None) for point in points)])
    return rows


def by_film(figures: dict[str, Any]) -> Rows:
    """A row for each film."""
    head = "film|pixel F1|within 1 px|precision|recall|flaws|found|>=0.5 mm|false calls|a metre"
    rows = [head.split("|")]
    for film in figures["films"]:
        each = [film["f1"], film["tolerant"]["1"]["f1"], film["precision"], film["recall"]]
        rows.append(
            [
                film["film"],
                *map(share, each),
                str(film["flaws"]),
                percent(film["found"] / film["flaws"] if film["flaws"] else None),
                percent(film["large"][0]["found"] if film["large"] else None),
                str(film["false_calls"]),
                number(film["false_calls"] / film["metres"] if film["metres"] else None),
            ]
        )
    return rows


def costs(figures: dict[str, Any], altered: Sequence[Alteration]) -> Rows:
    """A row for each alteration and one for each kind: mean cost, the largest of a film, and each film's."""
    films = [film["film"] for film in figures["films"]]
    rows = [["alteration", "mean", "largest", *films, "pooled F1", "found", "false calls a film"]]
    for kind in (True, False):
        names = [each.name for each in altered if each.exact == kind]
        for name in names:
            each = figures["altered"][name]
            told = [share(each["f1"]), percent(each["found"]), number(each["false_calls_per_film"])]
            rows.append([name, *map(cost, [each["mean_cost"], each["largest_cost"], *each["costs"]]), *told])
        if names:
            every = [figures["altered"][name]["costs"] for name in names]
            told = [np.mean(every), np.max(every), *np.max(every, axis=0)]
            rows.append(["all exact ones" if kind else "all lossy ones", *map(cost, told), "", "", ""])
    return rows


def cost(value: float) -> str:
    """Three digits with a sign; what rounds to nothing has none of its own."""
    return f"{round(value, 3) + 0.0:+.3f}"


def share(value: float) -> str:
    """Three digits."""
    return f"{value:.3f}"


def percent(value: float | None) -> str:
    """Whole percent, or a dash."""
    return "-" if value is None else f"{100 * value:.0f} %"


def number(value: float | None) -> str:
    """One digit behind the point, or a dash."""
    return "-" if value is None else f"{value:.1f}"


def columns(rows: Sequence[Sequence[str]]) -> str:
    """For a terminal: columns of equal width, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in rows]
    return "\n".join("  ".join(row).rstrip() for row in cells)


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """For a page."""
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|---" * len(rows[0]) + "|", *body])


def tell(event: Event) -> None:
    """Say on standard error how far it is."""
    if isinstance(event, Message):
        print(f"{time.perf_counter() - START:6.0f} s  {event.text}", file=sys.stderr, flush=True)


START = time.perf_counter()


def arguments() -> argparse.Namespace:
    """What is asked for; `altered` are the alterations."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "data", nargs="?", type=Path, metavar="DATA", help="folder in GDXray's form, with masks"
    )
    parser.add_argument("--model", nargs="+", default=["default"], metavar="NAME|FILE")
    parser.add_argument(
        "--films", nargs="+", type=int, default=[], metavar="N", help="numbers; all if not given"
    )
    parser.add_argument("--columns", type=int, default=0, help="only so many in the middle of each film")
    parser.add_argument("--quick", action="store_true", help="models alone, without intervals and copies")
    kinds = ", ".join(each.name for each in ALTERATIONS)
    parser.add_argument(
        "--alterations", nargs="*", metavar="NAME", help=f"all if not given; exact, lossy, or any of: {kinds}"
    )
    parser.add_argument("--markdown", action="store_true", help="tables as they stand in the pages")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all figures; not in the repository")
    asked = parser.parse_args()
    if asked.json and asked.json.resolve().is_relative_to(REPOSITORY):
        parser.error(
            f"{asked.json} lies in the repository, where nothing about real films is written by itself"
        )
    every = ["exact", "lossy"] if asked.alterations is None else asked.alterations
    asked.altered = () if asked.quick else alterations_named(every)
    return asked


if __name__ == "__main__":
    try:
        main()
    except WeldFcnError as fault:
        raise SystemExit(str(fault)) from None
    except KeyboardInterrupt:
        print("Stopped; nothing was written.", file=sys.stderr)
        raise SystemExit(130) from None
