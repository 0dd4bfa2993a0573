"""The report of an experiment: every number with its seed and its time, and what may be concluded from it.

`report.md` and `report.html` are one page in two forms, `report.json` has all numbers. Sentences that weigh
the numbers are made from them here, so that a report of a small scale does not claim what only a large one
could show.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from napari_weld_fcn.radiograph.output import write_text
from napari_weld_fcn.reproduction.conclusions import limits, spread, verdict
from napari_weld_fcn.reproduction.findings import Findings
from napari_weld_fcn.reproduction.page import (
    Block,
    Heading,
    Items,
    Paragraph,
    Picture,
    Table,
    as_html,
    as_markdown,
)
from napari_weld_fcn.reproduction.plan import AT_RANDOM, BY_FILM, Training
from napari_weld_fcn.reproduction.protocols import MEANING
from napari_weld_fcn.reproduction.settings import PAIRS, PASSES

#: F1 on the paper's own crops.
PAPER_F1 = 0.70
_NAMES = {BY_FILM: "by film", AT_RANDOM: "random crops"}


def write_report(folder: Path, figures: str, findings: Findings) -> tuple[Path, Path]:
    """Write `report.md`, `report.html` and `report.json`.

    Parameters
    ----------
    folder
        The experiment's; must exist.
    figures
        Name of the folder of the figures in it.
    findings
        What is told.

    Returns
    -------
    tuple of Path
        The Markdown and the HTML.

    Raises
    ------
    WeldFcnError
        If a file cannot be written.
    """
    blocks = [*page(findings, figures)]
    markdown, html = folder / "report.md", folder / "report.html"
    write_text(markdown, as_markdown(blocks))
    write_text(html, as_html(blocks, folder))
    write_text(folder / "report.json", json.dumps(findings.as_dict(), indent=1, allow_nan=False) + "\n")
    return markdown, html


def page(findings: Findings, figures: str) -> Iterator[Block]:
    """Give the report block by block; pictures lie in the folder `figures` beside it."""
    yield Heading("The paper's experiment", 1)
    yield from _summary(findings)
    yield from _what_was_done(findings)
    yield from _leak(findings)
    yield from _activations(findings)
    yield from _every_training(findings)
    yield from _pictures(findings, figures)
    yield Heading("What these figures can and cannot tell")
    yield Items(limits(findings))
    yield from _times(findings)


def _summary(findings: Findings) -> Iterator[Block]:
    first = findings.plan.first
    own, gap = findings.summary[first], findings.gaps[first]
    what = "simulated films" if findings.source == "simulated" else "GDXray's welds"
    yield Paragraph(
        f"On {what}, at scale {findings.settings.scale:g}: the paper's network ({first}) has pixel F1 "
        f"**{spread(own[BY_FILM]['f1'])}** on films that it never saw and "
        f"**{spread(own[AT_RANDOM]['f1'])}** on random crops. The leak gap is "
        f"**{spread(gap, signed=True)}**. A black top-hat, at the depth that is best on the very crops "
        f"it is tested on, has {findings.top_hat[BY_FILM][0]['f1']:.3f} by film. Figures are means over "
        "seeds, with the smallest and the largest in brackets."
    )
    if findings.source == "GDXray":
        yield Paragraph(
            "**The pictures of this report show GDXray.** GDXray is free for research and education "
            "only: do not redistribute these pictures, the crops beside them or the networks that were "
            "trained on them. Cite D. Mery et al., GDXray: The Database of X-ray Images for "
            "Nondestructive Testing, J. Nondestruct. Eval. 34(4):42 (2015)."
        )
    else:
        yield Paragraph(
            "All films are simulated by this program; none of the pictures shows a real radiograph, and "
            "no figure here is one for real films. The paper's own figure, on GDXray, is F1 "
            f"{PAPER_F1:.2f}, by a split that it does not tell."
        )


def _what_was_done(findings: Findings) -> Iterator[Block]:
    crops, pairs = findings.part("crops"), findings.part("pairs")
    assert crops is not None and pairs is not None
    cut, settings = crops.values, findings.settings
    passes = settings.passes(cut["crops"])
    yield Heading("What was done")
    yield Items(
        (
            f"{cut['films']} films were cut into {cut['crops']} crops of {cut['size']} x {cut['size']} "
            f"pixels; {cut['with_flaw']} show flaws, which are {cut['flaw_share']:.2%} of all pixels.",
            f"Rotation, translation, negation and noise made {pairs.values['pairs']} pairs of them; the "
            f"paper has {PAIRS}. A noisy or negated image keeps its mask.",
            f"Each training goes {passes} time{'s' * (passes != 1)} through the pairs of its crops, in "
            f"steps of {settings.batch}. The paper does not say how often it did; scale 1 means {PASSES} "
            f"passes here. The scale, {settings.scale:g}, shortens pairs and steps and nothing else.",
            f"{BY_FILM}: {MEANING[BY_FILM]}",
            f"{AT_RANDOM}: {MEANING[AT_RANDOM]} Of the tested pixels, "
            f"{_percent(findings.leak[AT_RANDOM]['mean'])} are seen in training ("
            f"{_percent(findings.leak[BY_FILM]['mean'])} by film).",
            "An eighth of what is not tested on chooses the best pass and the threshold, by the same "
            "protocol; what is tested on chooses nothing.",
            f"Seeds: {', '.join(map(str, findings.plan.seeds))} for each network. Films, variants and the "
            "films that are tested on are the same for all.",
        )
    )


def _leak(findings: Findings) -> Iterator[Block]:
    yield Heading("The leak gap")
    yield Paragraph(
        "F1 on random crops less F1 by film, of the same network and seed. The second figure is on those "
        "crops alone that both protocols test on, so that the films are the same and only what was "
        "trained on differs."
    )
    rows = []
    for network in findings.plan.both:
        own, same = findings.summary[network], findings.same_crops[network]
        crops = sum(row["crops"] for row in same["seeds"])
        rows.append(
            (
                network,
                spread(own[AT_RANDOM]["f1"]),
                spread(own[BY_FILM]["f1"]),
                spread(findings.gaps[network], signed=True),
                spread(same["gap"], signed=True) if same["gap"] else "no flaw on them",
                str(crops),
            )
        )
    classical = [row["f1"] for row in findings.top_hat[AT_RANDOM]]
    by_film = findings.top_hat[BY_FILM][0]["f1"]
    at_random = sum(classical) / len(classical)
    bounds = f"({min(classical):.3f} to {max(classical):.3f})"
    rows.append(
        (
            "black top-hat",
            f"{at_random:.3f} {bounds}",
            f"{by_film:.3f}",
            f"{at_random - by_film:+.3f}",
            "",
            "",
        )
    )
    columns = ("network", "random crops", "by film", "gap", "gap, same crops", "such crops, all seeds")
    yield Table(columns, tuple(rows))
    yield Paragraph(
        "A top-hat learns nothing, so nothing leaks into it: its gap is what the choice of the tested "
        "films alone does."
    )


def _activations(findings: Findings) -> Iterator[Block]:
    yield Heading("Networks and activations, by film")
    ordered = sorted(findings.summary.items(), key=lambda item: -item[1][BY_FILM]["f1"]["mean"])
    rows = tuple(
        (
            network,
            *(spread(own[BY_FILM][name]) for name in ("f1", "precision", "recall", "f1_within_1_px")),
            _number(own[BY_FILM]["f1"]["deviation"]),
        )
        for network, own in ordered
    )
    yield Table(("network", "F1", "precision", "recall", "F1 within 1 px", "deviation of F1"), rows)
    yield Paragraph(verdict(findings))


def _every_training(findings: Findings) -> Iterator[Block]:
    yield Heading("Every training")
    columns = (
        "network", "protocol", "seed", "F1", "precision", "recall", "F1 within 1 px", "flaws found",
        "false calls", "threshold", "F1 validation", "best pass", "steps", "minutes",
    )  # fmt: skip
    yield Table(columns, tuple(_row(findings, *each) for each in findings.scores.items()))
    notes = [
        f"{training}: {values['note']}" for training, values in findings.scores.items() if values["note"]
    ]
    if notes:
        yield Paragraph("Trainings that came to nothing are counted with the scores of what they ended with:")
        yield Items(tuple(notes))
    yield Paragraph(
        "Scores are on the crops that were kept for the test, each seen alone, at the threshold that was "
        "chosen on the crops that validate; all their pixels are counted together. Flaws that a crop "
        "cuts through count in each part. A time with > is that of the last session alone."
    )


def _row(findings: Findings, training: Training, values: Mapping[str, Any]) -> tuple[str, ...]:
    test, chosen = values["test"], values["validation"]
    pooled, flaws = test["pooled"], test["flaws"]
    return (
        training.network,
        _NAMES[training.protocol],
        str(training.seed),
        *(f"{pooled[name]:.3f}" for name in ("f1", "precision", "recall")),
        f"{pooled['tolerant']['1']['f1']:.3f}",
        f"{sum(film['found'] for film in test['films'])} of {flaws['flaws']}",
        str(flaws["false_calls"]),
        f"{test['threshold']:.3f}",
        f"{chosen['f1']:.3f}",
        str(chosen["pass"]),
        str(values["steps"]),
        _minutes(findings, training.name),
    )


def _pictures(findings: Findings, figures: str) -> Iterator[Block]:
    files = findings.figures["files"]
    network = findings.figures["network"]
    captions = {
        "figure5": f"Figure 5. What each stage of {network} responds to: five inputs, a row for each stage. "
        "Mean over channels of the normalised magnitude; each row has its own scale.",
        "figure6": f"Figure 6. Input, heatmap and truth of {network}, on the tested crops with most flaw. "
        "Blue is low, red is high; ignored pixels of a truth are grey.",
        "figure7": f"Figure 7. Parts that are not welds, looked at by {network} with the polarity bright. "
        + " ".join(_part(part) for part in findings.figures["parts"]),
    }
    yield Heading("Figures")
    for name, caption in captions.items():
        if name in files:
            yield Picture(f"{figures}/{files[name][0]}", caption)
    if "figure7" not in files:
        yield Paragraph("Figure 7 is missing: there is no casting with boxes in the folder that was given.")


def _part(part: Mapping[str, Any]) -> str:
    return (
        f"{part['part']}: {part['hit']} of {part['boxes']} boxes have a mark, "
        f"{part['marked_elsewhere']:.1%} of the rest is marked."
    )


def _times(findings: Findings) -> Iterator[Block]:
    yield Heading("Times and machine")
    training = {each.name for each in findings.scores}
    rows = [
        (part.name, f"{part.seconds:.0f}", f"{part.cpu_seconds:.0f}")
        for part in findings.parts
        if part.name not in training
    ]
    trained = [part for part in findings.parts if part.name in training]
    rows.append(
        (
            f"{len(trained)} trainings with their scores",
            f"{sum(part.seconds for part in trained):.0f}",
            f"{sum(part.cpu_seconds for part in trained):.0f}",
        )
    )
    rows.append(("all", f"{findings.seconds:.0f}", f"{sum(part.cpu_seconds for part in findings.parts):.0f}"))
    yield Table(("part", "seconds", "seconds of all processors"), tuple(rows))
    at_once = max((values.get("at_once", 1) for values in findings.scores.values()), default=1)
    if at_once > 1:
        yield Paragraph(
            f"Up to {at_once} trainings ran side by side, so that their seconds add up to more than went by."
        )
    told = ", ".join(f"{name} {value}" for name, value in findings.environment.items() if name != "platform")
    yield Paragraph(f"{told}. Films and variants have seed 0; every other number is in `report.json`.")


def _minutes(findings: Findings, name: str) -> str:
    part = findings.part(name)
    if part is None:
        return ""
    return f"{'> ' if part.resumed else ''}{part.seconds / 60:.1f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _percent(share: float) -> str:
    return f"{share:.0%}"
