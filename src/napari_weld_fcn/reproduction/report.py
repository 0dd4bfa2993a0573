"""The report of an experiment: every number with its seed and its time, and what may be concluded from it.

The report is written once, as Markdown; `report.html` is the same page with its pictures within, and
`report.json` has all numbers. Sentences that weigh the numbers are made from them (`findings`).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

from napari_weld_fcn.radiograph.output import write_text
from napari_weld_fcn.reproduction.findings import Findings, limits, verdict, written
from napari_weld_fcn.reproduction.plan import AT_RANDOM, BY_FILM, MEANING, Training
from napari_weld_fcn.reproduction.settings import PAIRS, PASSES

#: F1 on the paper's own crops.
PAPER_F1 = 0.70
_NAMES = {BY_FILM: "by film", AT_RANDOM: "random crops"}
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; }
h2 { margin-top: 2.2rem; border-bottom: 1px solid #ddd; padding-bottom: .2rem; }
table { display: block; overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #ddd; text-align: right; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 2px solid #888; }
img { max-width: 100%; }
p:has(> img) + p { color: #444; max-width: 50rem; }
code { background: #f2f2f2; padding: 0 .2rem; }
"""


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
    markdown, html = folder / "report.md", folder / "report.html"
    page = "\n\n".join(_page(findings, figures)) + "\n"
    write_text(markdown, page)
    write_text(html, as_html(page, folder))
    write_text(folder / "report.json", json.dumps(findings.as_dict(), indent=1, allow_nan=False) + "\n")
    return markdown, html


def as_html(page: str, folder: Path) -> str:
    """Return a page of Markdown as HTML that needs no other file: pictures below `folder` are within it.

    Raises
    ------
    OSError
        If a picture cannot be read.
    """
    reader = MarkdownIt("js-default")
    tokens = reader.parse(page)
    for token in (each for block in tokens for each in block.children or () if each.type == "image"):
        data = base64.b64encode((folder / str(token.attrs["src"])).read_bytes()).decode()
        token.attrs["src"] = f"data:image/png;base64,{data}"
    body = reader.renderer.render(tokens, reader.options, {})
    title = page.partition("\n")[0].strip("# ")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )


def in_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown; the first column names its row."""
    marks = ("---", *("---:",) * (len(columns) - 1))
    lines = ([cell.replace("|", "\\|") for cell in line] for line in (columns, marks, *rows))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _items(items: Sequence[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _page(findings: Findings, figures: str) -> Iterator[str]:
    """Give the report block by block; pictures lie in the folder `figures` beside it."""
    yield "# The paper's experiment"
    yield from _summary(findings)
    yield from _what_was_done(findings)
    yield from _leak(findings)
    yield from _activations(findings)
    yield from _every_training(findings)
    yield from _pictures(findings, figures)
    yield "## What these figures can and cannot tell"
    yield _items(limits(findings))
    yield from _times(findings)


def _summary(findings: Findings) -> Iterator[str]:
    first = findings.plan.first
    own, gap = findings.summary[first], findings.gaps[first]
    what = "simulated films" if findings.source == "simulated" else "GDXray's welds"
    yield (
        f"On {what}, at scale {findings.settings.scale:g}: the paper's network ({first}) has pixel F1 "
        f"**{written(own[BY_FILM]['f1'])}** on films that it never saw and "
        f"**{written(own[AT_RANDOM]['f1'])}** on random crops. The leak gap is "
        f"**{written(gap, signed=True)}**. A black top-hat, at the depth that is best on the very crops "
        f"it is tested on, has {findings.top_hat[BY_FILM][0]['f1']:.3f} by film. Figures are means over "
        "seeds, with the smallest and the largest in brackets."
    )
    if findings.source == "GDXray":
        yield (
            "**The pictures of this report show GDXray.** GDXray is free for research and education "
            "only: do not redistribute these pictures, the crops beside them or the networks that were "
            "trained on them. Cite D. Mery et al., GDXray: The Database of X-ray Images for "
            "Nondestructive Testing, J. Nondestruct. Eval. 34(4):42 (2015)."
        )
    else:
        yield (
            "All films are simulated by this program; none of the pictures shows a real radiograph, and "
            "no figure here is one for real films. The paper's own figure, on GDXray, is F1 "
            f"{PAPER_F1:.2f}, by a split that it does not tell."
        )


def _what_was_done(findings: Findings) -> Iterator[str]:
    crops, pairs = findings.part("crops"), findings.part("pairs")
    assert crops is not None and pairs is not None
    cut, settings = crops.values, findings.settings
    passes = settings.passes(cut["crops"])
    yield "## What was done"
    yield _items(
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


def _leak(findings: Findings) -> Iterator[str]:
    yield "## The leak gap"
    yield (
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
                written(own[AT_RANDOM]["f1"]),
                written(own[BY_FILM]["f1"]),
                written(findings.gaps[network], signed=True),
                written(same["gap"], signed=True) if same["gap"] else "no flaw on them",
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
    yield in_table(columns, tuple(rows))
    yield (
        "A top-hat learns nothing, so nothing leaks into it: its gap is what the choice of the tested "
        "films alone does."
    )


def _activations(findings: Findings) -> Iterator[str]:
    yield "## Networks and activations, by film"
    ordered = sorted(findings.summary.items(), key=lambda item: -item[1][BY_FILM]["f1"]["mean"])
    rows = tuple(
        (
            network,
            *(written(own[BY_FILM][name]) for name in ("f1", "precision", "recall", "f1_within_1_px")),
            _number(own[BY_FILM]["f1"]["deviation"]),
        )
        for network, own in ordered
    )
    yield in_table(("network", "F1", "precision", "recall", "F1 within 1 px", "deviation of F1"), rows)
    yield (verdict(findings))


def _every_training(findings: Findings) -> Iterator[str]:
    yield "## Every training"
    columns = (
        "network", "protocol", "seed", "F1", "precision", "recall", "F1 within 1 px", "flaws found",
        "false calls", "threshold", "F1 validation", "best pass", "steps", "minutes",
    )  # fmt: skip
    yield in_table(columns, tuple(_row(findings, *each) for each in findings.scores.items()))
    notes = [
        f"{training}: {values['note']}" for training, values in findings.scores.items() if values["note"]
    ]
    if notes:
        yield ("Trainings that came to nothing are counted with the scores of what they ended with:")
        yield _items(tuple(notes))
    yield (
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


def _pictures(findings: Findings, figures: str) -> Iterator[str]:
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
    yield "## Figures"
    for name, caption in captions.items():
        if name in files:
            yield f"![{caption.partition('. ')[0]}]({figures}/{files[name][0]})"
            yield caption
    if "figure7" not in files:
        yield ("Figure 7 is missing: there is no casting with boxes in the folder that was given.")


def _part(part: Mapping[str, Any]) -> str:
    return (
        f"{part['part']}: {part['hit']} of {part['boxes']} boxes have a mark, "
        f"{part['marked_elsewhere']:.1%} of the rest is marked."
    )


def _times(findings: Findings) -> Iterator[str]:
    yield "## Times and machine"
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
    yield in_table(("part", "seconds", "seconds of all processors"), tuple(rows))
    at_once = max((values.get("at_once", 1) for values in findings.scores.values()), default=1)
    if at_once > 1:
        yield (
            f"Up to {at_once} trainings ran side by side, so that their seconds add up to more than went by."
        )
    told = ", ".join(f"{name} {value}" for name, value in findings.environment.items() if name != "platform")
    yield (f"{told}. Films and variants have seed 0; every other number is in `report.json`.")


def _minutes(findings: Findings, name: str) -> str:
    part = findings.part(name)
    if part is None:
        return ""
    return f"{'> ' if part.resumed else ''}{part.seconds / 60:.1f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _percent(share: float) -> str:
    return f"{share:.0%}"
