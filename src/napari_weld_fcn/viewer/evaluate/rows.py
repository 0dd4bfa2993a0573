"""An evaluation in rows: the scores, sizes and classes, the films, the flaws one by one.

Every figure is one of `Evaluation.as_dict`, so that the widget says what the command says.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

SCORES = ("Score", "Value", "Interval")
SHARES = ("Flaws", "Number", "Found", "Marked")
FILMS = ("Film", "F1", "Precision", "Recall", "IoU", "F1 ±1 px", "F1 ±2 px", "Flaws", "Found", "False")
FLAWS = ("Film", "Flaw", "Class", "Length px", "Length mm", "Found", "Covered", "IoU", "Error px")

Row = tuple[Any, ...]


def score_rows(evaluation: Any) -> list[Row]:
    """Pooled scores with their intervals, and what is said of false calls and lengths."""
    values = evaluation.as_dict()
    pooled, flaws = values["pooled"], values["flaws"]
    bounds = pooled["intervals"]
    rows = [
        ("Precision", pooled["precision"], _interval(bounds.get("precision"))),
        ("Recall", pooled["recall"], _interval(bounds.get("recall"))),
        ("F1", pooled["f1"], _interval(bounds.get("f1"))),
        ("IoU", pooled["iou"], _interval(bounds.get("iou"))),
        ("F1 within 1 px", pooled["tolerant"]["1"]["f1"], ""),
        ("F1 within 2 px", pooled["tolerant"]["2"]["f1"], ""),
        ("Flaws found", flaws["found"], _interval(bounds.get("found"))),
        ("Flaws found or half covered", flaws["marked"], ""),
        ("False calls a film", flaws["false_calls_per_film"], _interval(bounds.get("false_calls_per_film"))),
        ("False calls a metre", flaws["false_calls_per_metre"], ""),
        ("False calls a cm²", flaws["false_calls_per_cm2"], ""),
        ("Clean films", flaws["clean_films"], ""),
        ("Clean films that were called", flaws["clean_films_called"], ""),
        ("Indications that merge flaws", flaws["merged"], ""),
        ("Flaws that are split", flaws["split"], ""),
        ("Mean error of lengths (px)", flaws["length_error"]["mean_px"], ""),
        ("Median error of lengths (px)", flaws["length_error"]["median_absolute_px"], ""),
    ]
    return rows + (_threshold_rows(values) if evaluation.has_curves else [])


def share_rows(evaluation: Any) -> list[Row]:
    """Flaws found, in all, by class and by size."""
    flaws = evaluation.as_dict()["flaws"]
    rows: list[Row] = [("all", *_shares(flaws))]
    classes = flaws["by_class"]
    if any(each["iso6520"] for each in classes):
        rows += [(f"{each['iso6520']} {each['name']}", *_shares(each)) for each in classes]
    unit = "mm" if "by_size_mm" in flaws else "px"
    sizes = (each for each in flaws[f"by_size_{unit}"] if each["flaws"])
    return rows + [(_size(each, unit), *_shares(each)) for each in sizes]


def film_rows(evaluation: Any) -> list[Row]:
    """One row a film."""
    return [
        (
            film["film"],
            *(film[name] for name in ("f1", "precision", "recall", "iou")),
            *(film["tolerant"][pixels]["f1"] for pixels in ("1", "2")),
            *(film[name] for name in ("flaws", "found", "false_calls")),
        )
        for film in evaluation.as_dict()["films"]
    ]


def flaw_rows(flaws: Iterable[Any]) -> list[Row]:
    """One row a flaw."""
    return [
        (
            flaw.image,
            flaw.number,
            flaw.name if flaw.iso6520 else "",
            flaw.length_px,
            flaw.length_mm,
            flaw.found,
            flaw.covered,
            flaw.iou,
            flaw.length_error_px,
        )
        for flaw in flaws
    ]


def evaluation_in_words(evaluation: Any) -> str:
    """Say the outcome in one sentence."""
    flaws = evaluation.flaws
    found, films = sum(flaw.found for flaw in flaws), len(evaluation.films)
    false_calls = sum(film.false_calls for film in evaluation.films)
    return (
        f"F1 {evaluation.pixels.f1:.3f}; {found} of {len(flaws)} flaws found, {false_calls} false "
        f"call{'s' * (false_calls != 1)} on {films} film{'s' * (films != 1)}."
    )


def _threshold_rows(values: dict[str, Any]) -> list[Row]:
    best, point = values["best_f1"], values["at_false_calls"]
    kept = "" if point["kept"] else " (not kept)"
    return [
        ("Threshold", values["threshold"], ""),
        ("Best F1 on these films", best["f1"], f"at {best['threshold']:.3f}"),
        (f"Found at {point['asked']:g} false calls{kept}", point["found"], f"at {point['threshold']:.3f}"),
    ]


def _interval(bounds: Any) -> str:
    return f"{bounds[0]:.3f} – {bounds[1]:.3f}" if bounds else ""


def _shares(of: dict[str, Any]) -> Row:
    return of["flaws"], of["found"], of["marked"]


def _size(each: dict[str, Any], unit: str) -> str:
    if each["to"] is None:
        return f"from {each['from']:g} {unit}"
    return f"{each['from']:g} to {each['to']:g} {unit}"
