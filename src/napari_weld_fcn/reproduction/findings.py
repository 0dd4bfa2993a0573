"""All numbers of an experiment, as one value that JSON holds, and what may be concluded from them.

The sentences are made from the numbers, so that a report of a small scale does not claim what only a large
one shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import mean, stdev
from typing import Any

from napari_weld_fcn.reproduction.parts import Part
from napari_weld_fcn.reproduction.plan import BY_FILM, Plan, Training
from napari_weld_fcn.reproduction.settings import ReproductionSettings

#: Flaws that must all be found to show 90 % at a confidence of 95 %; so many if one is missed.
_ALL_FOUND, _ONE_MISSED = 29, 46


def over_seeds(values: Sequence[float]) -> dict[str, Any]:
    """Return mean, smallest, largest and standard deviation of some seeds' figures, and these."""
    return {
        "mean": mean(values),
        "smallest": min(values),
        "largest": max(values),
        "deviation": stdev(values) if len(values) > 1 else None,
        "values": list(values),
    }


@dataclass(frozen=True)
class Findings:
    """What an experiment found.

    Attributes
    ----------
    plan, settings
        What it was.
    source
        ``simulated`` or ``GDXray``.
    parts
        What was done, with its time.
    scores
        By training, as `trainings.do_training` gives them.
    leak
        By protocol: what share of the tested pixels training crops show.
    top_hat, same_crops, figures
        As `trainings.classical`, `trainings.same_crops` and `pictures.draw_figures` give them.
    environment
        With what it was computed.
    """

    plan: Plan
    settings: ReproductionSettings
    source: str
    parts: tuple[Part, ...]
    scores: Mapping[Training, Mapping[str, Any]]
    leak: Mapping[str, Any]
    top_hat: Mapping[str, Any]
    same_crops: Mapping[str, Any]
    figures: Mapping[str, Any]
    environment: Mapping[str, Any]

    @cached_property
    def summary(self) -> dict[str, Any]:
        """By network and protocol: the spread over seeds of each score."""
        told: dict[str, Any] = {}
        for network, protocol in dict.fromkeys((each.network, each.protocol) for each in self.scores):
            trainings = (Training(network, protocol, seed) for seed in self.plan.seeds)
            own = [self.scores[training]["test"]["pooled"] for training in trainings]
            told.setdefault(network, {})[protocol] = {
                name: over_seeds([float(each[name]) for each in own])
                for name in ("f1", "precision", "recall", "iou")
            } | {"f1_within_1_px": over_seeds([float(each["tolerant"]["1"]["f1"]) for each in own])}
        return told

    @cached_property
    def gaps(self) -> dict[str, Any]:
        """By network that was trained by both protocols: the leak gap."""
        f1 = {training: float(each["test"]["pooled"]["f1"]) for training, each in self.scores.items()}
        return {
            network: over_seeds(
                [f1[random] - f1[by_film] for by_film, random in self.plan.both_ways(network)]
            )
            for network in self.plan.both
        }

    def part(self, name: str) -> Part | None:
        """Return a part by its name."""
        return next((part for part in self.parts if part.name == name), None)

    @property
    def seconds(self) -> float:
        """What all parts took together, by the clock."""
        return sum(part.seconds for part in self.parts)

    def as_dict(self) -> dict[str, Any]:
        """Return all figures, ready for JSON."""
        return {
            "source": self.source,
            "scale": self.settings.scale,
            "seeds": list(self.plan.seeds),
            "leak_gap": self.gaps,
            "leak_gap_on_the_same_crops": self.same_crops,
            "tested_pixels_seen_in_training": self.leak,
            "networks": self.summary,
            "top_hat": self.top_hat,
            "trainings": [self._training(training, values) for training, values in self.scores.items()],
            "not_welds": self.figures["parts"],
            "figures": self.figures["files"],
            "parts": [
                {"part": each.name, "seconds": each.seconds, "cpu_seconds": each.cpu_seconds}
                | {"resumed": each.resumed}
                for each in self.parts
            ],
            "seconds": self.seconds,
            "environment": self.environment,
        }

    def _training(self, training: Training, values: Mapping[str, Any]) -> dict[str, Any]:
        part = self.part(training.name)
        told = {"network": training.network, "protocol": training.protocol, "seed": training.seed}
        return told | dict(values) | {"seconds": part.seconds if part else None}


def verdict(findings: Findings) -> str:
    """Say whether the activations can be told apart: if the worst seed of one beats the best of another."""
    kinds = {name: each.kind for name, each in findings.plan.networks.items()}
    alike = [name for name in findings.summary if kinds[name] == kinds[findings.plan.first]]
    if len(alike) < 2:
        return "One activation was trained, so there is nothing to compare."
    f1 = {name: findings.summary[name][BY_FILM]["f1"] for name in alike}
    best, *others = sorted(alike, key=lambda name: -f1[name]["mean"])
    clear = [name for name in others if f1[best]["smallest"] > f1[name]["largest"]]
    seeds = len(findings.plan.seeds)
    if not clear:
        return (
            f"{best} has the largest mean, but its seeds and those of {listed(others)} overlap: {seeds} "
            "seeds do not tell these activations apart here."
        )
    rest = [name for name in others if name not in clear]
    more = f" It overlaps with {listed(rest)}." if rest else ""
    return (
        f"The worst seed of {best} is above the best of {listed(clear)}.{more} That is so on these films, "
        f"with {seeds} seeds."
    )


def limits(findings: Findings) -> tuple[str, ...]:
    """Return what the figures can and cannot tell, a paragraph each."""
    films, flaws = _tested_by_film(findings)
    items = [
        f"By film, what is tested on is of {listed(films)}. The spread over seeds is that of training "
        "alone; other films would give another F1, of which this spread says nothing, "
        "and so few films give no interval for it.",
        "The leak gap holds both the leak and how hard the tested films are. The gap on the same crops "
        "holds the leak alone, but on few crops.",
        f"The tested films show {flaws} flaws that count. Only if {_ALL_FOUND} of {_ALL_FOUND} are found "
        "is it shown, at a confidence of 95 %, that nine in ten of such flaws are found; with one missed "
        f"it takes {_ONE_MISSED}.",
        "Pixel F1 on hand-made masks is bounded by the hand: growing the masks of small pores by one "
        "pixel costs 0.16. F1 within one pixel stands beside it for that reason.",
        "Negation is one of the paper's four transforms. A network that is trained with it does not know "
        "dark from bright, and calls bright wires and letters.",
    ]
    if findings.source == "simulated":
        items.append(
            "Simulated masks follow from the contrast that was simulated; no hand drew them. A score "
            "here says how well the networks learn this simulator, and nothing of GDXray."
        )
    if findings.settings.scale < 1:
        items.append(
            f"At scale {findings.settings.scale:g} every network is trained for a small part of what the "
            "paper's pairs ask for. With longer training F1 and the order of the networks may be others."
        )
    return tuple(items)


def written(of: Mapping[str, Any], *, signed: bool = False) -> str:
    """Write the mean over seeds, and the smallest and the largest in brackets."""
    sign = "+" if signed else ""
    middle, low, high = (format(of[name], f"{sign}.3f") for name in ("mean", "smallest", "largest"))
    return f"{middle} ({low} to {high})"


def listed(names: list[str]) -> str:
    """Write names as in a sentence."""
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]


def _tested_by_film(findings: Findings) -> tuple[list[str], int]:
    """Return the films that are tested on by film, and how many flaws of them count."""
    training = Training(findings.plan.first, BY_FILM, findings.plan.seeds[0])
    test = findings.scores[training]["test"]
    return sorted(film["film"] for film in test["films"]), int(test["flaws"]["flaws"])
