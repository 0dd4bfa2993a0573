"""The paper's preset and the recommended one on films that they never saw, beside a black top-hat.

    python benchmarks/unseen_films.py [--films 10 --size 4000x1500 --seed 7 --minutes 40 --window 128
                                      --folder FOLDER]
    python benchmarks/unseen_films.py --run tuned --minutes 14 [--start-from default --keep 0.2]

Films are simulated as `weld-fcn simulate` does it. The last two judge; the others train, and of these one
chooses checkpoint and threshold. Both presets are trained at the same time, each with half of the processor,
so that other work on the machine slows both alike. Windows are smaller than the paper's crops: whole films
have no lack of them, and in the same time a network takes four times the steps. The top-hat has the threshold
that is best on the very films that it is judged on, and the shipped model, which saw none of them, stands
beside them. `--run tuned` trains a shipped model further on the same films, with its own windows; several
`--run` share the processor. With `--folder` the runs are kept there, and finished ones are not trained again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from napari_weld_fcn.cli.options import film_size
from napari_weld_fcn.dataset.films import LabelledFilm
from napari_weld_fcn.dataset.pair import mask_of
from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.evaluation.benchmark.classical import top_hat
from napari_weld_fcn.evaluation.evaluate import evaluate
from napari_weld_fcn.evaluation.scores import ThresholdCounts, threshold_counts
from napari_weld_fcn.evaluation.settings import EvaluationSettings
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.radiograph.simulation.film import SimulatedFilm, simulate_series
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.training.run import NOTHING, train
from napari_weld_fcn.training.run_folder import RunFolder
from napari_weld_fcn.training.settings import TrainSettings

#: Films that judge.
UNSEEN = 2
NAMES = ("paper", "recommended")
#: The run that starts from a shipped model.
TUNED = "tuned"


def simulated(options: argparse.Namespace) -> list[SimulatedFilm]:
    """All films, in their order."""
    settings = SimulationSettings(**film_size(options.size))
    return list(simulate_series(settings, options.films, options.seed))


def fit(options: argparse.Namespace) -> None:
    """Train one preset, or a shipped model, on all films but the unseen ones."""
    films = [LabelledFilm(film.radiograph, mask_of(film.mask)) for film in simulated(options)[:-UNSEEN]]
    settings = TrainSettings(minutes=options.minutes, keep=options.keep, patience=0)
    start_from = options.start_from
    if options.fit != TUNED:
        settings = settings.model_copy(update={"preset": options.fit, "window": options.window})
        start_from = NOTHING
    share = SplitSettings(validation_share=1 / len(films))
    train(films, options.folder / options.fit, settings, split=share, start_from=start_from)


def fit_all(options: argparse.Namespace) -> None:
    """Train side by side, in processes of their own."""
    threads = max(1, (os.cpu_count() or 1) // len(options.run))
    started = []
    for name in options.run:
        if RunFolder(options.folder / name).best.exists():
            continue
        given = ["--films", options.films, "--size", options.size, "--seed", options.seed]
        given += ["--minutes", options.minutes, "--window", options.window]
        given += ["--start-from", options.start_from, "--keep", options.keep]
        given += ["--folder", options.folder, "--fit", name]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        command = [sys.executable, __file__, *map(str, given)]
        started.append(subprocess.Popen(command, env=environment))
    if any(process.wait() for process in started):
        raise SystemExit("A training failed.")


def judged(model: Model, films: list[SimulatedFilm]) -> dict[str, object]:
    """Score a model at its own threshold; `best_f1` is at the one that is best on these films."""
    told = evaluate(model, films, EvaluationSettings(resamples=0)).as_dict()
    flaws, best = told["flaws"], told["best_f1"]
    return {
        **{name: told["pooled"][name] for name in ("f1", "precision", "recall")},
        "each": [film["f1"] for film in told["films"]],
        "found": flaws["found"],
        "flaws": flaws["flaws"],
        "false_calls": flaws["false_calls"],
        "threshold": model.card.threshold,
        "best_f1": best["f1"],
        "best_threshold": best["threshold"],
    }


def classical(films: list[SimulatedFilm]) -> dict[str, object]:
    """Score the top-hat at its best threshold."""
    counts: ThresholdCounts | None = None
    for film in films:
        more = threshold_counts(top_hat(np.asarray(film.radiograph.pixels)), film.mask)
        counts = more if counts is None else counts + more
    assert counts is not None
    best = counts.best()
    return {"f1": best.scores.f1, "precision": best.scores.precision, "recall": best.scores.recall}


def main() -> None:
    """Print a row for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--films", type=int, default=10)
    parser.add_argument("--size", default="4000x1500")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--window", type=int, default=128, help="edge of the windows that are drawn, pixels")
    parser.add_argument("--run", action="append", choices=(*NAMES, TUNED), help="instead of both presets")
    parser.add_argument("--start-from", default="default", help="the shipped model that is tuned")
    parser.add_argument("--keep", type=float, default=TrainSettings().keep, help="of the tuned model")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--fit", choices=(*NAMES, TUNED), help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.run = options.run or list(NAMES)
    if options.fit:
        fit(options)
        return
    with tempfile.TemporaryDirectory() as folder:
        options.folder = options.folder or Path(folder)
        fit_all(options)
        unseen = simulated(options)[-UNSEEN:]
        rows: dict[str, dict[str, object]] = {"top-hat, best threshold": classical(unseen)}
        rows[f"{options.start_from}, as shipped"] = judged(Model.load(options.start_from), unseen)
        for name in options.run:
            run = RunFolder(options.folder / name)
            rows[name] = judged(Model.load(run.best), unseen)
            rows[name]["steps"] = max(row.step for row in run.history())
    for name, row in rows.items():
        print(f"{name:24s} " + "  ".join(f"{key} {_shown(value)}" for key, value in row.items()))
    print(json.dumps(rows))


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return ", ".join(map(_shown, value)) if isinstance(value, list) else str(value)


if __name__ == "__main__":
    main()
