"""Make the shipped models, from simulation alone: `python scripts/train_shipped.py RUN`.

Both models come from one seed. The run folder keeps each fit's state, so that a run that was cut short goes
on where it stopped. When both are fitted, their thresholds are chosen on validation films, they are scored on
films of other seeds, and the files are written with their cards.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import napari_weld_fcn
from napari_weld_fcn.evaluation.benchmark_films import benchmark_model, scored_films
from napari_weld_fcn.events import Event, StepDone, Validated
from napari_weld_fcn.network.model import Card, Model, Quality
from napari_weld_fcn.network.registry import build
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.radiograph.gdxray import WELD_PIXEL_SIZE_MM
from napari_weld_fcn.radiograph.simulation import SimulationSettings
from napari_weld_fcn.training.fit import fit
from napari_weld_fcn.training.patches import WINDOWS, batches
from napari_weld_fcn.training.settings import FitSettings, PatchSettings
from napari_weld_fcn.training.validation import choose_thresholds, validate, validation_films

SHIPPED = Path(napari_weld_fcn.__file__).parent / "network" / "shipped"
VALIDATION_FILMS = 48
FALSE_CALLS_PER_FILM = 1.0
MIN_SIZE_PX = 4.0
#: Sizes of the flaws in the patches, smallest and largest, pixels.
FLAW_SIZE_PX = (3.0, 260.0)
CAREFUL = (1.0, 1.5)


@dataclass(frozen=True)
class Recipe:
    """How one shipped model is made."""

    network: NetworkSettings
    fit: FitSettings
    patches: SimulationSettings


RECIPES = {
    "default": Recipe(
        NetworkSettings(kind="autoencoder", activation="relu"),
        FitSettings(steps=1500, batch=16, validate_every=150),
        WINDOWS,
    ),
    "fcn": Recipe(
        NetworkSettings(kind="fcn"),
        FitSettings(steps=900, batch=12, warm_up=100, validate_every=150),
        WINDOWS.model_copy(update={"rows": 112, "columns": 112}),
    ),
}


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


def card_of(
    name: str, recipe: Recipe, seed: int, thresholds: dict[str, float], scores: dict[str, Any]
) -> Card:
    """Describe a model; it is predicted with at its F1-best threshold."""
    return Card(
        name=name,
        network=recipe.network,
        threshold=thresholds["f1"],
        threshold_purpose="largest pixel F1 on simulated validation films",
        thresholds=thresholds,
        min_size_px=MIN_SIZE_PX,
        qualities={"fast": Quality(scales=(1.0,)), "careful": Quality(scales=CAREFUL)},
        pixel_size_mm=WELD_PIXEL_SIZE_MM,
        flaw_size_px=FLAW_SIZE_PX,
        scores=scores,
        recipe={
            "fit": recipe.fit.model_dump(),
            "patches": recipe.patches.model_dump(),
            "seen_as": PatchSettings().model_dump(exclude={"workers"}),
            "false_calls_per_film": FALSE_CALLS_PER_FILM,
        },
        data="simulated patches only (napari_weld_fcn.radiograph.simulation), none shown twice",
        seed=seed,
        version=napari_weld_fcn.__version__,
    )


def make(name: str, recipe: Recipe, run: Path, seed: int, validations: int = VALIDATION_FILMS) -> Model:
    """Fit one model, or finish a fit, and choose its thresholds."""
    torch.manual_seed(seed)
    settings = recipe.fit.model_copy(update={"seed": seed})
    network = build(recipe.network)
    films = validation_films(validations)

    def keep(averaged: torch.nn.Module, scores: Validated) -> None:
        card = card_of(name, recipe, seed, {"f1": scores.threshold}, {})
        Model.create(card, averaged).save(run / name / f"step_{scores.step:05d}.safetensors")

    result = fit(
        network,
        lambda start, stop: batches(start, stop, settings.batch, seed=seed, simulation=recipe.patches),
        lambda averaged, step: validate(averaged, films, step),
        settings,
        run / name,
        keep=keep,
        on_event=report,
    )
    chosen = choose_thresholds(result.network, films, FALSE_CALLS_PER_FILM, MIN_SIZE_PX)
    thresholds = {"f1": chosen.f1.threshold, "false_calls": chosen.false_calls.threshold}
    validation = {
        "films": len(films),
        "step": result.best.step,
        "at_f1": chosen.f1.scores.as_dict(),
        "at_false_calls": {
            "recall": chosen.false_calls.recall,
            "false_calls_per_film": chosen.false_calls.false_calls_per_film,
        },
    }
    return Model.create(card_of(name, recipe, seed, thresholds, {"validation": validation}), result.network)


def scored(model: Model, films: int) -> Model:
    """Add to a card what the model does on films that nothing was chosen on, and how long it takes."""
    figures = benchmark_model(model, scored_films(films))
    film = next(scored_films(1)).radiograph
    qualities = {}
    for name, quality in model.card.qualities.items():
        settings = PredictionSettings(quality=name)
        seconds = min(predict(film, model, settings).seconds for _ in range(3))
        qualities[name] = quality.model_copy(update={"seconds": round(seconds, 2), "scores": figures[name]})
    return Model.create(model.card.model_copy(update={"qualities": qualities}), model.network)


def main() -> None:
    """Fit, score and write the shipped models."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="folder for the fits' state; an unfinished run goes on")
    parser.add_argument("--models", nargs="+", choices=list(RECIPES), default=list(RECIPES))
    parser.add_argument("--output", type=Path, default=SHIPPED, help="where the model files go")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--films", type=int, default=40, help="films to score on; 0 leaves the scores out")
    options = parser.parse_args()
    torch.set_num_threads(multiprocessing.cpu_count())
    for name in options.models:
        started = time.monotonic()
        model = make(name, RECIPES[name], options.run, options.seed)
        if options.films:
            model = scored(model, options.films)
        options.output.mkdir(parents=True, exist_ok=True)
        model.save(options.output / f"{name}.safetensors")
        print(f"{name}: {(time.monotonic() - started) / 60:.1f} min", flush=True)


if __name__ == "__main__":
    main()
