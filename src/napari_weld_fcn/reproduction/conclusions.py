"""What may be concluded from an experiment, and what may not, in sentences made from its numbers.

They follow from the numbers, so that a report of a small scale does not claim what only a large one shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_weld_fcn.reproduction.findings import Findings
from napari_weld_fcn.reproduction.plan import BY_FILM, Training

#: Flaws that must all be found to show 90 % at a confidence of 95 %; so many if one is missed.
_ALL_FOUND, _ONE_MISSED = 29, 46


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


def spread(of: Mapping[str, Any], *, signed: bool = False) -> str:
    """Write the mean over seeds, and the smallest and the largest in brackets."""
    sign = "+" if signed else ""
    mean, low, high = (format(of[name], f"{sign}.3f") for name in ("mean", "smallest", "largest"))
    return f"{mean} ({low} to {high})"


def listed(names: list[str]) -> str:
    """Write names as in a sentence."""
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]


def _tested_by_film(findings: Findings) -> tuple[list[str], int]:
    """Return the films that are tested on by film, and how many flaws of them count."""
    training = Training(findings.plan.first, BY_FILM, findings.plan.seeds[0])
    test = findings.scores[training]["test"]
    return sorted(film["film"] for film in test["films"]), int(test["flaws"]["flaws"])
