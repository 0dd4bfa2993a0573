"""Score a model on the simulated films that every card is scored on, and print the table that it keeps.

    python scripts/score_shipped.py [--films 40 --size 4000x1500 --model default --json FILE]
    python scripts/score_shipped.py --checkpoints RUN/default --real FOLDER

Beside the model stands a black top-hat at the depth that suits it best.

The second form tells how far the last checkpoints of one training lie apart on real radiographs, each at its
own threshold: what one training reaches by luck is no merit. Nothing is chosen by it. FOLDER is that of the
real tests, see CONTRIBUTING.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from napari_weld_fcn.evaluation.benchmark.films import (
    DEPTHS,
    FIRST_SCORED,
    SCORED_FILMS,
    benchmark_model,
    scored_films,
)
from napari_weld_fcn.evaluation.scores import PixelScores, pixel_scores, pooled
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.radiograph.files import read
from napari_weld_fcn.radiograph.simulation.film import SimulatedFilm

#: How many of the last checkpoints are compared.
LAST = 5

#: Real radiographs with their masks, below the folder of the real tests.
CROP = [("pore_crop/image.png", "pore_crop/mask.png")]
TILES = [
    (f"tiles/Welds/W0001/W0001_{film:04d}.png", f"tiles/Welds/W0002/W0002_{film:04d}.png")
    for film in (2, 4, 6, 8, 10)
]


def main() -> None:
    """Score and print."""
    asked = _arguments()
    if asked.checkpoints:
        print("\n".join(spread(asked.checkpoints, asked.real)))
        return
    model = Model.load(asked.model)
    figures = benchmark_model(
        model,
        _films(asked),
        threshold=asked.threshold,
        min_size_px=asked.min_size,
        top_hat_depths=DEPTHS if asked.top_hat else (),
    )
    figures = {"model": asked.model, "seed": asked.seed} | figures
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1) + "\n")
    print("\n".join(table(asked.model, figures)))


def spread(checkpoints: Path, real: Path) -> list[str]:
    """Lay out pixel F1 of a training's last checkpoints on real radiographs, and how far they lie apart.

    Parameters
    ----------
    checkpoints
        Folder with ``step_*.safetensors``.
    real
        Folder of the real tests.
    """
    files = sorted(checkpoints.glob("step_*.safetensors"))[-LAST:]
    if not files:
        raise SystemExit(f"{checkpoints}: there is no step_*.safetensors in this folder.")
    lines, reached = [_line("checkpoint", "threshold", "crop F1", "tiles F1")], []
    for file in files:
        model = Model.load(file)
        reached.append([pooled(_on(model, real, pairs)).f1 for pairs in (CROP, TILES)])
        lines.append(_line(file.stem, *(f"{value:.3f}" for value in (model.card.threshold, *reached[-1]))))
    apart = np.ptp(np.array(reached), axis=0)
    return [*lines, _line("largest less smallest", "", *(f"{value:.3f}" for value in apart))]


def _on(model: Model, real: Path, pairs: list[tuple[str, str]]) -> list[PixelScores]:
    return [
        pixel_scores(predict(read(real / image), model).labels, read(real / mask).pixels)
        for image, mask in pairs
    ]


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
    settings = SCORED_FILMS.model_copy(update={"rows": rows, "columns": columns})
    start = time.perf_counter()
    for number, film in enumerate(scored_films(asked.films, settings, asked.seed), start=1):
        yield film
        print(f"film {number} of {asked.films}, {time.perf_counter() - start:.0f} s", file=sys.stderr)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="default", help="name or file")
    parser.add_argument("--films", type=int, default=40)
    parser.add_argument(
        "--size", default=f"{SCORED_FILMS.columns}x{SCORED_FILMS.rows}", help="columns x rows, pixels"
    )
    parser.add_argument("--seed", type=int, default=FIRST_SCORED, help="of the first film")
    parser.add_argument("--threshold", type=float, default=0.0, help="0 takes the model's own")
    parser.add_argument("--min-size", type=float, help="pixels; the model's own where not given")
    parser.add_argument("--no-top-hat", dest="top_hat", action="store_false")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--checkpoints", type=Path, help="folder of a training's step_*.safetensors")
    parser.add_argument("--real", type=Path, help="folder of real radiographs, for --checkpoints")
    asked = parser.parse_args()
    if bool(asked.checkpoints) != bool(asked.real):
        parser.error("--checkpoints and --real go together")
    return asked


if __name__ == "__main__":
    main()
