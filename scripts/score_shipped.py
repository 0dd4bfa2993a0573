"""Score a model on simulated films of a fixed seed, and print the table that its card keeps.

    python scripts/score_shipped.py [--films 40 --size 4000x1500 --model default --json FILE]

The films have seeds of their own, far from those of any fitting. Beside the model stands a black top-hat
at the depth that suits it best.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_weld_fcn.evaluation.benchmark_films import DEPTHS, benchmark_films
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.radiograph.simulation.film import SimulatedFilm, simulate
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings

#: Seed of the first film.
FIRST_SEED = 9_000_000


def main() -> None:
    """Score and print."""
    asked = _arguments()
    model = Model.load(asked.model)
    settings = PredictionSettings(quality=asked.quality)
    figures = benchmark_films(
        _films(asked),
        lambda film: predict(film.radiograph, model=model, settings=settings).probability,
        threshold=asked.threshold or model.card.threshold,
        min_size_px=model.card.min_size_px if asked.min_size is None else asked.min_size,
        top_hat_depths=DEPTHS if asked.top_hat else (),
    )
    figures = {"model": asked.model, "quality": asked.quality, "seed": asked.seed} | figures
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1) + "\n")
    print("\n".join(table(asked.model, figures)))


def table(name: str, figures: dict[str, Any]) -> list[str]:
    """Lay out the figures of a model, with the top-hat's beside them where there are any.

    Parameters
    ----------
    name
        Heading of the model's columns.
    figures
        As `benchmark_films` returns them.
    """
    beside = figures.get("top_hat")
    columns = [(name, figures)] + ([("top-hat", beside)] if beside else [])
    lines = [
        f"{figures['films']} films, {figures['metres']:.2f} m of weld, "
        f"{figures['flaws']} visible flaws of at least {figures['min_size_px']:g} pixels"
    ]
    if beside:
        lines.append(
            f"top-hat: radius {beside['radius_px']} pixels, best depth {beside['depth']:g} grey levels"
        )
    lines += ["", _line("", *(heading for heading, _ in columns))]
    for title, path in _TOTALS:
        lines.append(_line(title, *(_figure(of, path) for _, of in columns)))
    for heading, key in (
        ("found (marked) by class", "by_class"),
        ("found (marked) by length, mm", "by_size_mm"),
    ):
        lines += ["", _line(heading, *("" for _ in columns))]
        lines += [_line(_row_name(row), *_shares(row, key, columns)) for row in figures[key]]
    return lines


_TOTALS = (
    ("threshold", ("threshold",)),
    ("pixel F1", ("pixels", "f1")),
    ("pixel precision", ("pixels", "precision")),
    ("pixel recall", ("pixels", "recall")),
    ("pixel F1, 1 pixel of tolerance", ("pixels_within_1", "f1")),
    ("flaws found", ("found",)),
    ("flaws found or half covered", ("marked",)),
    ("false calls a film", ("false_calls_per_film",)),
    ("false calls a metre of weld", ("false_calls_per_metre",)),
    ("indications over several flaws", ("merged",)),
    ("flaws in several indications", ("split",)),
)


def _figure(figures: dict[str, Any], path: tuple[str, ...]) -> str:
    value: Any = figures
    for key in path:
        value = value[key]
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


def _row_name(row: dict[str, Any]) -> str:
    if "iso6520" in row:
        return f"  {row['iso6520']:>4} {row['name']} ({row['flaws']})"
    upper = f"{row['from']:g}-{row['to']:g}" if row["to"] else f"over {row['from']:g}"
    return f"  {upper} ({row['flaws']})"


def _shares(row: dict[str, Any], key: str, columns: list[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    which = "iso6520" if key == "by_class" else "from"
    for _, figures in columns:
        own = next(other for other in figures[key] if other[which] == row[which])
        yield "-" if own["found"] is None else f"{own['found']:.2f} ({own['marked']:.2f})"


def _line(title: str, *cells: str) -> str:
    return f"{title:<40}" + "".join(f"{cell:>16}" for cell in cells)


def _films(asked: argparse.Namespace) -> Iterator[SimulatedFilm]:
    columns, rows = (int(edge) for edge in asked.size.split("x"))
    settings = SimulationSettings(rows=rows, columns=columns)
    start = time.perf_counter()
    for index in range(asked.films):
        yield simulate(settings, asked.seed + index)
        print(f"film {index + 1} of {asked.films}, {time.perf_counter() - start:.0f} s", file=sys.stderr)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="default", help="name or file")
    parser.add_argument("--films", type=int, default=40)
    parser.add_argument("--size", default="4000x1500", help="columns x rows, pixels")
    parser.add_argument("--seed", type=int, default=FIRST_SEED, help="of the first film")
    parser.add_argument("--quality", choices=("fast", "careful"), default="fast")
    parser.add_argument("--threshold", type=float, default=0.0, help="0 takes the model's own")
    parser.add_argument("--min-size", type=float, help="pixels; the model's own where not given")
    parser.add_argument("--no-top-hat", dest="top_hat", action="store_false")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    return parser.parse_args()


if __name__ == "__main__":
    main()
