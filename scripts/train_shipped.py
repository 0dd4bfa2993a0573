"""Make the shipped models, from simulation alone: `python scripts/train_shipped.py RUN`.

Both models come from one seed. The run folder keeps each fit's state, so that a run that was cut short goes
on where it stopped. When both are fitted, their thresholds are chosen on validation films, they are scored on
films of other seeds, and the files are written with their cards.

A model learns in phases, for no patch is ever shown twice: with `--go-on` the next phase begins from the
averaged weights that are shipped, and with the patches after those that their card says were shown. With
`--pairs` the next phase teaches nothing but that marks change nothing else (`training.simulated.pairs`).
With `--average` no phase is fitted: the mean of the weights after several of them is shipped.
"""

from __future__ import annotations

import argparse
import copy
import multiprocessing
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

import napari_weld_fcn
from napari_weld_fcn.evaluation.benchmark.films import benchmark_model, scored_films
from napari_weld_fcn.events import Event, JobControl, StepDone, Validated
from napari_weld_fcn.network.model import Card, Model
from napari_weld_fcn.network.registry import build
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.radiograph.gdxray.folders import WELD_PIXEL_SIZE_MM
from napari_weld_fcn.radiograph.simulation.film import SimulatedFilm
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.training.data.sampling import Batch
from napari_weld_fcn.training.objective import Problem
from napari_weld_fcn.training.settings import FitSettings, PatchSettings
from napari_weld_fcn.training.simulated.pairs import marked_pairs, taught, taught_objective
from napari_weld_fcn.training.simulated.patches import WINDOWS, batch_of, batches
from napari_weld_fcn.training.simulated.validation import (
    Counted,
    choose_counted,
    choose_thresholds,
    validate,
    validation_films,
)
from napari_weld_fcn.training.trainer import fit

SHIPPED = Path(napari_weld_fcn.__file__).parent / "network" / "shipped"
VALIDATION_FILMS = 48
FALSE_CALLS_PER_FILM = 1.0
#: Sizes of the flaws in the patches, smallest and largest, pixels.
FLAW_SIZE_PX = (3.0, 260.0)


@dataclass(frozen=True)
class Recipe:
    """How one shipped model is made."""

    network: NetworkSettings
    fit: FitSettings
    patches: SimulationSettings
    seen: PatchSettings


RECIPES = {
    "default": Recipe(
        NetworkSettings(kind="unet", width=8, depth=4, activation="relu"),
        FitSettings(
            steps=2200,
            batch=10,
            learning_rate=6e-4,
            averaging=0.998,
            warm_up=50,
            precision="float32",
            validate_every=1100,
        ),
        WINDOWS.model_copy(update={"rows": 256, "columns": 256}),
        PatchSettings(),
    ),
    "fcn": Recipe(
        NetworkSettings(kind="fcn"),
        FitSettings(
            steps=2600,
            batch=12,
            learning_rate=3e-3,
            averaging=0.998,
            warm_up=50,
            precision="float32",
            validate_every=1300,
        ),
        WINDOWS.model_copy(update={"rows": 112, "columns": 112}),
        # Of three whole films of GDXray half of the windows of this size have less than 0.2 of the film's
        # spread, a twentieth less than 0.07, and means up to 1.7 spreads from the film's. This network has
        # nothing but normalised pixels to see contrast by.
        PatchSettings(spread_min=0.05, spread_max=1.2, shift=1.5),
    ),
}


#: The phase of pairs with marks and without.
PAIRS = FitSettings(
    steps=800,
    batch=12,
    learning_rate=3e-4,
    averaging=0.99,
    warm_up=30,
    precision="float32",
    validate_every=800,
)


def report(event: Event) -> None:
    """Print what a fit says."""
    if isinstance(event, StepDone) and event.done % 50 == 0:
        left = (event.seconds_left or 0) / 60
        print(f"step {event.done}/{event.total}  loss {event.loss:.4f}  {left:.0f} min left", flush=True)
    elif isinstance(event, Validated):
        print(
            f"validation at {event.step}: F1 {event.f1:.4f} precision {event.precision:.4f} "
            f"recall {event.recall:.4f} threshold {event.threshold:.3f}",
            flush=True,
        )


def phases_of(start: Model | None) -> list[dict[str, Any]]:
    """Return what a model has learned in so far, phase by phase; nothing for fresh weights."""
    return [] if start is None else list(start.card.recipe.get("phases", []))


def phase_of(scores: Validated, recipe: Recipe) -> dict[str, Any]:
    """Describe a phase that ended with `scores`."""
    return {
        "steps": scores.step,
        "patches_shown": scores.step * recipe.fit.batch,
        "patch": recipe.patches.rows,
        "learning_rate": recipe.fit.learning_rate,
        "validation_f1": round(scores.f1, 4),
    }


def steps_before(phases: list[dict[str, Any]], batch: int) -> int:
    """Return the first step, in batches of this size, whose patches no phase has shown."""
    return -(-sum(phase["patches_shown"] for phase in phases) // batch)


def card_of(
    name: str,
    recipe: Recipe,
    seed: int,
    thresholds: dict[str, float],
    scores: dict[str, Any],
    phases: list[dict[str, Any]],
    counted: Counted | None = None,
) -> Card:
    """Describe a model; it is predicted with at its F1-best threshold."""
    return Card(
        name=name,
        network=recipe.network,
        threshold=thresholds["f1"],
        threshold_purpose="largest pixel F1 on simulated validation films",
        thresholds=thresholds,
        **({} if counted is None else {"min_size_px": counted.min_size_px, "peak_odds": counted.peak_odds}),
        pixel_size_mm=WELD_PIXEL_SIZE_MM,
        flaw_size_px=FLAW_SIZE_PX,
        scores=scores,
        recipe={
            "fit": recipe.fit.model_dump(),
            "phases": phases,
            "patches": recipe.patches.model_dump(),
            "seen_as": recipe.seen.model_dump(exclude={"workers"}),
            "false_calls_per_film": FALSE_CALLS_PER_FILM,
        },
        data="simulated patches only (napari_weld_fcn.radiograph.simulation), none shown twice",
        seed=seed,
        version=napari_weld_fcn.__version__,
    )


def make(
    name: str,
    recipe: Recipe,
    run: Path,
    seed: int,
    validations: int = VALIDATION_FILMS,
    start: Model | None = None,
    pairs: bool = False,
) -> Model:
    """Fit one model, or finish a fit, and choose its thresholds; from fresh weights or those of `start`."""
    torch.manual_seed(seed)
    settings = recipe.fit.model_copy(update={"seed": seed})
    network = build(recipe.network) if start is None else copy.deepcopy(start.network).requires_grad_(True)
    before = phases_of(start)
    shown = settings.batch // 2 if pairs else settings.batch  # of a pair both patches have one number
    skipped = steps_before(before, shown)
    films = validation_films(validations)
    folder = run / name / f"phase_{len(before) + 1}"  # a fit that has ended is not gone on with

    def phases(scores: Validated) -> list[dict[str, Any]]:
        target = {"target": "what it said of the same patches without letters and pen strokes"}
        return [*before, phase_of(scores, recipe) | (target if pairs else {})]

    def keep(averaged: torch.nn.Module, scores: Validated, _: bool) -> None:
        card = card_of(name, recipe, seed, {"f1": scores.threshold}, {}, phases(scores))
        Model.create(card, averaged).save(folder / f"step_{scores.step:05d}.safetensors")

    def source(first: int, stop: int) -> Iterator[Batch]:
        return batches(
            skipped + first,
            min(stop, sys.maxsize - skipped) + skipped,
            shown,
            seed=seed,
            simulation=recipe.patches,
            settings=recipe.seen,
            make=marked_pairs if pairs else batch_of,
        )

    problem = Problem(
        taught(source, network) if pairs else source,
        lambda averaged, step: validate(averaged, films, step, recipe.seen),
        objective=taught_objective(settings) if pairs else None,
        freeze_statistics=pairs,
        keep=keep,
    )
    result = fit(network, problem, settings, folder, job=JobControl(report))
    return finished(name, recipe, seed, result.network, films, result.best, phases(result.best))


def finished(
    name: str,
    recipe: Recipe,
    seed: int,
    network: torch.nn.Module,
    films: list[SimulatedFilm],
    best: Validated,
    phases: list[dict[str, Any]],
) -> Model:
    """Choose what counts and the thresholds of a network, and write its card."""
    counted = choose_counted(network, films, best.threshold, recipe.seen)
    chosen = choose_thresholds(
        network, films, FALSE_CALLS_PER_FILM, counted.min_size_px, counted.peak_odds, recipe.seen
    )
    thresholds = {"f1": chosen.f1.threshold, "false_calls": chosen.false_calls.threshold}
    validation = {
        "films": len(films),
        "step": best.step,
        "at_f1": chosen.f1.scores.as_dict(),
        **{
            f"flaw_f1_by_{name}": {f"{value:g}": f1 for value, f1 in tried.items()}
            for name, tried in counted.tried.items()
        },
        "at_false_calls": {
            "recall": chosen.false_calls.recall,
            "false_calls_per_film": chosen.false_calls.false_calls_per_film,
        },
    }
    scores = {"validation": validation}
    card = card_of(name, recipe, seed, thresholds, scores, phases, counted)
    return Model.create(card, network)


def averaged(name: str, recipe: Recipe, models: list[Model], seed: int, validations: int) -> Model:
    """Take the mean of the weights of several phases of one learning, the longest one last."""
    network = copy.deepcopy(models[-1].network)
    states = [model.network.state_dict() for model in models]
    with torch.no_grad():
        for key, value in network.state_dict().items():
            if value.dtype.is_floating_point:
                value.copy_(torch.stack([state[key] for state in states]).mean(0))
    films = validation_films(validations)
    best = validate(network, films, 0, recipe.seen)
    mean_of = {"mean_of_phases": [len(phases_of(model)) for model in models], "patches_shown": 0}
    phases = [*phases_of(models[-1]), mean_of | {"validation_f1": round(best.f1, 4)}]
    return finished(name, recipe, seed, network, films, best, phases)


def scored(model: Model, films: int) -> Model:
    """Add to a card what the model does on films that nothing was chosen on, and how long it takes."""
    figures = benchmark_model(model, scored_films(films))
    film = next(scored_films(1)).radiograph
    seconds = min(predict(film, model).seconds for _ in range(3))
    scores = model.card.scores | {"test": {"seconds": round(seconds, 2)} | figures}
    return Model.create(model.card.model_copy(update={"scores": scores}), model.network)


def main() -> None:
    """Fit, score and write the shipped models."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="folder for the fits' state; an unfinished run goes on")
    parser.add_argument("--models", nargs="+", choices=list(RECIPES), default=list(RECIPES))
    parser.add_argument("--output", type=Path, default=SHIPPED, help="where the model files go")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--go-on",
        action="store_true",
        help="begin from the shipped weights, as the next phase of their learning",
    )
    parser.add_argument(
        "--pairs",
        action="store_true",
        help="go on with pairs of patches, with marks and without, of which the network is to say the same",
    )
    parser.add_argument(
        "--average",
        nargs="+",
        type=Path,
        metavar="MODEL",
        help="fit nothing: ship the mean of the weights of these models, phases of one learning in order",
    )
    parser.add_argument("--films", type=int, default=40, help="films to score on; 0 leaves the scores out")
    options = parser.parse_args()
    torch.set_num_threads(multiprocessing.cpu_count())
    for name in options.models:
        started = time.monotonic()
        if options.average:
            phases = [Model.load(path) for path in options.average]
            model = averaged(name, RECIPES[name], phases, options.seed, VALIDATION_FILMS)
        else:
            recipe = replace(RECIPES[name], fit=PAIRS) if options.pairs else RECIPES[name]
            start = Model.load(name) if options.go_on or options.pairs else None
            model = make(name, recipe, options.run, options.seed, start=start, pairs=options.pairs)
        if options.films:
            model = scored(model, options.films)
        options.output.mkdir(parents=True, exist_ok=True)
        model.save(options.output / f"{name}.safetensors")
        print(f"{name}: {(time.monotonic() - started) / 60:.1f} min", flush=True)


if __name__ == "__main__":
    main()
