"""What is trained and scored: each network on its own crops, and what all of them must beat.

A training is a run folder of its own, so that what was killed is gone on with, and ends as it would have.

The leak gap, F1 on random crops less F1 by film, holds two things: what a network gains by having seen the
film, and how much harder the films are that were kept for the test. So the networks are scored a second time
on the crops that both protocols happen to test on: there the films are the same, and only what was trained on
differs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from napari_weld_fcn.dataset.pair import FLAW, IGNORED
from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.dataset.store import Dataset
from napari_weld_fcn.errors import ModelError, Stopped
from napari_weld_fcn.evaluation.benchmark.classical import HALF_DEPTH, RADIUS, top_hat
from napari_weld_fcn.evaluation.evaluate import evaluate
from napari_weld_fcn.evaluation.scores import ThresholdCounts, threshold_counts
from napari_weld_fcn.evaluation.settings import EvaluationSettings
from napari_weld_fcn.events import JobControl, TileDone, ignore
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.reproduction.findings import over_seeds
from napari_weld_fcn.reproduction.material import Material
from napari_weld_fcn.reproduction.plan import AT_RANDOM, BY_FILM, Plan, Protocol, Training, seen_share
from napari_weld_fcn.reproduction.settings import ReproductionSettings
from napari_weld_fcn.training.run import resume, train
from napari_weld_fcn.training.run_folder import RunFolder
from napari_weld_fcn.training.settings import TrainSettings


def do_training(
    training: Training,
    network: NetworkSettings,
    material: Material,
    run: Path,
    settings: ReproductionSettings,
    job: JobControl,
) -> dict[str, Any]:
    """Train, or go on training, and score the best model on the crops that were kept for the test.

    Returns
    -------
    dict
        What `Evaluation.as_dict` says, under ``test``; ``validation``, ``pairs`` shown in a pass, ``passes``
        and ``steps``; ``threads`` of the processor; ``note`` where the network learned nothing.

    Raises
    ------
    Stopped
        If `should_stop` said so; the run can be gone on with.
    DatasetError, ModelError
        If a file of the run or of the crops is damaged.
    """
    dataset, split = material.learned(training)
    passes = settings.passes(len(material.crops))
    note = ""
    try:
        wanted = TrainSettings(
            preset="paper", epochs=passes, batch=settings.batch, patience=0, seed=training.seed
        )
        _train(dataset, split, network, run, wanted, job)
    except ModelError as fault:
        if not _reached_the_end(run, passes):
            raise
        note = str(fault)
    folder = RunFolder(run)
    history = folder.history()
    found = evaluate(
        Model.load(folder.best),
        material.tested(material.division(training).test),
        EvaluationSettings(),
        job=job.heard_by(ignore),
    )
    best = max(history, key=lambda row: (row.f1, row.step))
    trained = sum(row.film not in split.films for row in dataset.rows)
    return {
        "test": found.as_dict(),
        "validation": {"f1": best.f1, "threshold": best.threshold, "pass": best.epoch},
        "pairs": trained,
        "passes": passes,
        "steps": history[-1].step,
        "threads": torch.get_num_threads(),
        "note": note,
    }


def _train(
    dataset: Dataset,
    split: SplitSettings,
    network: NetworkSettings,
    run: Path,
    settings: TrainSettings,
    job: JobControl,
) -> None:
    """Train in the folder `run`, or go on with what is there."""
    if RunFolder(run).settings_file.exists():
        result = resume(run, dataset, job=job)
    else:
        result = train(dataset, run, settings, network=network, split=split, job=job)
    if result.stopped:
        raise Stopped


def _reached_the_end(run: Path, passes: int) -> bool:
    """Whether a run that was refused had all its validations: it learned nothing, and that is a result."""
    folder = RunFolder(run)
    return folder.best.exists() and any(row.epoch >= passes for row in folder.history())


def same_crops(plan: Plan, material: Material, runs: Path, job: JobControl) -> dict[str, Any]:
    """Score the networks of both protocols on the crops that both are tested on, seed by seed.

    Returns
    -------
    dict
        By network: ``crops`` and ``flaw_pixels`` of each seed, ``by_film`` and ``random_crops`` (F1), and
        ``gap``. Seeds whose common crops show no flaw are left out.
    """
    told: dict[str, Any] = {}
    for number, network in enumerate(plan.both):
        scored = (_same_crops(network, seed, material, runs, job) for seed in plan.seeds)
        rows = [row for row in scored if row is not None]
        told[network] = {
            "seeds": rows,
            "gap": over_seeds([row["random_crops"] - row["by_film"] for row in rows]) if rows else None,
        }
        job.tell(TileDone(number + 1, len(plan.both)))
    return told


def _same_crops(
    network: str, seed: int, material: Material, runs: Path, job: JobControl
) -> dict[str, Any] | None:
    trainings = {protocol: Training(network, protocol, seed) for protocol in (BY_FILM, AT_RANDOM)}
    tested = [set(material.division(training).test) for training in trainings.values()]
    common = sorted(set.intersection(*tested))
    flaw = sum(material.places[i].flaw_pixels for i in common)
    if not flaw:
        return None
    dataset = material.tested(common)

    def f1(protocol: Protocol) -> float:
        model = Model.load(RunFolder(runs / trainings[protocol].name).best)
        found = evaluate(model, dataset, EvaluationSettings(resamples=0), job=job.heard_by(ignore))
        return found.pixels.f1

    return {
        "seed": seed,
        "crops": len(common),
        "flaw_pixels": flaw,
        "by_film": f1(BY_FILM),
        "random_crops": f1(AT_RANDOM),
    }


def classical(plan: Plan, material: Material, job: JobControl) -> dict[str, Any]:
    """Score a black top-hat on each protocol's test crops, at the depth that is best on these very crops."""
    told: dict[str, Any] = {"radius_px": RADIUS}
    wanted = [(BY_FILM, plan.seeds[0]), *((AT_RANDOM, seed) for seed in plan.seeds)]
    for number, (protocol, seed) in enumerate(wanted):
        division = material.division(Training(plan.first, protocol, seed))
        counts: ThresholdCounts | None = None
        for pair in material.tested(division.test):
            job.check()
            part = pair.mask != IGNORED
            more = threshold_counts(top_hat(pair.pixels)[part], pair.mask[part] == FLAW)
            counts = more if counts is None else counts + more
        assert counts is not None
        best = counts.best()
        depth = HALF_DEPTH * best.threshold / (1 - best.threshold)
        told.setdefault(protocol, []).append({"seed": seed, "depth": depth} | best.scores.as_dict())
        job.tell(TileDone(number + 1, len(wanted)))
    return told


def leaks(plan: Plan, material: Material) -> dict[str, Any]:
    """Say of each protocol what share of the tested pixels training crops show as well."""
    shares = {
        protocol: [
            seen_share(material.places, material.division(Training(plan.first, protocol, seed)))
            for seed in plan.seeds
        ]
        for protocol in (BY_FILM, AT_RANDOM)
    }
    return {protocol: over_seeds(values) for protocol, values in shares.items()}
