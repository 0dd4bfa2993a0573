"""What the scores say together: the leak, the activations, and the detector that all must beat.

The leak gap is the F1 on random crops less the F1 by film, seed by seed. It holds two things: what a network
gains by having seen the film, and how much harder the films are that were kept for the test. So it is given
a second time on the crops that both protocols happen to test on: there the films are the same, and only what
was trained on differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from napari_weld_fcn.dataset.pair import FLAW, IGNORED
from napari_weld_fcn.errors import Stopped
from napari_weld_fcn.evaluation.benchmark.classical import HALF_DEPTH, RADIUS, top_hat
from napari_weld_fcn.evaluation.evaluate import evaluate
from napari_weld_fcn.evaluation.scores import ThresholdCounts, threshold_counts
from napari_weld_fcn.evaluation.settings import EvaluationSettings
from napari_weld_fcn.events import JobControl, OnEvent, ShouldStop, TileDone
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.reproduction.plan import AT_RANDOM, BY_FILM, Plan, Training
from napari_weld_fcn.reproduction.protocols import Protocol, seen_share
from napari_weld_fcn.reproduction.trainings import Material
from napari_weld_fcn.training.run_folder import RunFolder


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Return mean, smallest, largest and standard deviation of some seeds' figures, and these."""
    return {
        "mean": mean(values),
        "smallest": min(values),
        "largest": max(values),
        "deviation": stdev(values) if len(values) > 1 else None,
        "values": list(values),
    }


def same_crops(
    plan: Plan, material: Material, runs: Path, on_event: OnEvent, should_stop: ShouldStop
) -> dict[str, Any]:
    """Score the networks of both protocols on the crops that both are tested on, seed by seed.

    Returns
    -------
    dict
        By network: ``crops`` and ``flaw_pixels`` of each seed, ``by_film`` and ``random_crops`` (F1), and
        ``gap``. Seeds whose common crops show no flaw are left out.
    """
    told: dict[str, Any] = {}
    for number, network in enumerate(plan.both):
        rows = []
        for seed in plan.seeds:
            row = _same_crops(network, seed, material, runs, should_stop)
            rows += [] if row is None else [row]
        told[network] = {
            "seeds": rows,
            "gap": spread([row["random_crops"] - row["by_film"] for row in rows]) if rows else None,
        }
        on_event(TileDone(number + 1, len(plan.both)))
    return told


def _same_crops(
    network: str, seed: int, material: Material, runs: Path, should_stop: ShouldStop
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
        found = evaluate(
            model, dataset, EvaluationSettings(resamples=0), job=JobControl(should_stop=should_stop)
        )
        return found.pixels.f1

    return {
        "seed": seed,
        "crops": len(common),
        "flaw_pixels": flaw,
        "by_film": f1(BY_FILM),
        "random_crops": f1(AT_RANDOM),
    }


def classical(plan: Plan, material: Material, on_event: OnEvent, should_stop: ShouldStop) -> dict[str, Any]:
    """Score a black top-hat on each protocol's test crops, at the depth that is best on these very crops."""
    told: dict[str, Any] = {"radius_px": RADIUS}
    wanted = [(BY_FILM, plan.seeds[0]), *((AT_RANDOM, seed) for seed in plan.seeds)]
    for number, (protocol, seed) in enumerate(wanted):
        division = material.division(Training(plan.first, protocol, seed))
        counts: ThresholdCounts | None = None
        for pair in material.tested(division.test):
            if should_stop():
                raise Stopped
            part = pair.mask != IGNORED
            more = threshold_counts(top_hat(pair.pixels)[part], pair.mask[part] == FLAW)
            counts = more if counts is None else counts + more
        assert counts is not None
        best = counts.best()
        depth = HALF_DEPTH * best.threshold / (1 - best.threshold)
        told.setdefault(protocol, []).append({"seed": seed, "depth": depth} | best.scores.as_dict())
        on_event(TileDone(number + 1, len(wanted)))
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
    return {protocol: spread(values) for protocol, values in shares.items()}


def gaps(plan: Plan, f1: Mapping[Training, float]) -> dict[str, Any]:
    """Return the leak gap of each network that was trained by both protocols."""
    return {
        network: spread([f1[at_random] - f1[by_film] for by_film, at_random in plan.both_ways(network)])
        for network in plan.both
    }


def summary(plan: Plan, scores: Mapping[Training, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the spread over seeds of each score, by network and protocol."""
    told: dict[str, Any] = {}
    for network, protocol in dict.fromkeys((training.network, training.protocol) for training in scores):
        own = [scores[Training(network, protocol, seed)]["test"]["pooled"] for seed in plan.seeds]
        told.setdefault(network, {})[protocol] = {
            name: spread([float(each[name]) for each in own]) for name in ("f1", "precision", "recall", "iou")
        } | {"f1_within_1_px": spread([float(each["tolerant"]["1"]["f1"]) for each in own])}
    return told
