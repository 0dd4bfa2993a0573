"""What the documentation says of options, settings and shipped models, read off the program at build time.

MkDocs runs this as a hook (`mkdocs.yml`). A page says by a comment where something belongs, so that a
default, a range or a score is typed nowhere:

    <!-- options: predict -->                   the options of a command
    <!-- settings: prediction.settings.PredictionSettings -->
    <!-- card: default -->                      a shipped model

Pages that would fetch something from elsewhere when they are opened are refused.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any, Literal, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from napari_weld_fcn.network import library
from napari_weld_fcn.network.card import Card
from napari_weld_fcn.network.container import read_header
from napari_weld_fcn.settings import Settings

MARKER = re.compile(r"^<!-- (options|settings|card): ([\w. ]+) -->$", re.MULTILINE)
#: Options that every command has; the page says them once.
SHARED = {"--json", "--verbose", "--help"}
#: What a page may not fetch from elsewhere.
FETCHED = re.compile(
    r"<(?:script|img|iframe)[^>]+src=[\"']?(?:https?:)?//|<link[^>]+stylesheet[^>]+href=[\"']?(?:https?:)?//"
)

Rows = list[tuple[str, ...]]


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put in what the comments of a page ask for."""
    return filled(markdown)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Refuse a page that fetches something from elsewhere."""
    if fetched := FETCHED.search(output):
        raise ValueError(f"{page.file.src_uri} fetches from elsewhere: {fetched[0]}")
    return output


def filled(markdown: str) -> str:
    """Put in what the comments of a page ask for.

    Raises
    ------
    KeyError, AttributeError
        If there is no such command, settings class or model.
    """
    makers = {"options": options_of, "settings": settings_of, "card": card_of}
    return MARKER.sub(lambda match: makers[match[1]](match[2]), markdown)


def options_of(name: str) -> str:
    """How a command is called, and a table of what its help says; of ``models show`` and the like as well."""
    from napari_weld_fcn.cli.app import app

    command: Any = typer.main.get_command(app)
    context = command.make_context("weld-fcn", [], resilient_parsing=True)
    for part in name.split():
        command = command.get_command(context, part)
        context = command.context_class(command, parent=context, info_name=part)
    usage = f"weld-fcn {name} {' '.join(command.collect_usage_pieces(context))}"
    records = [
        parameter.get_help_record(context) for parameter in command.params if not SHARED & {*parameter.opts}
    ]
    rows = [(f"`{record[0]}`", _escaped(record[1])) for record in records if record]
    table = f"\n\n{_table(('option', 'what'), rows)}" if rows else ""
    return f"```text\n{usage}\n```{table}"


def settings_of(name: str) -> str:
    """Return a table of the fields of a settings class, named as below `napari_weld_fcn`."""
    module, _, kind = name.rpartition(".")
    settings: type[Settings] = getattr(import_module(f"napari_weld_fcn.{module}"), kind)
    rows = [
        (f"`{field}`", _shown(info.default), _range(info), str(_extra(info).get("unit", "")), _words(info))
        for field, info in settings.model_fields.items()
    ]
    return _table(("field", "default", "range", "unit", "what"), rows)


def card_of(name: str) -> str:
    """Return a shipped model's card: what it is, how it is applied, what it scored."""
    card = read_header(library.shipped()[name]).card
    facts = _table(("card", ""), _facts(card))
    parts = [f"## `{name}`", facts]
    scores = dict(card.reached)
    test = scores.pop("test", {})
    if scores:
        parts += ["### On validation films", _table(("score", ""), _flat(scores))]
    if test:
        parts += _scores_of(test)
    parts += ["### Recipe", _table(("step", "settings"), _flat(card.recipe))]
    return "\n\n".join(parts)


def _facts(card: Card) -> Rows:
    network = card.network.model_dump()
    told = {
        "trained on": card.data,
        "seed": card.seed,
        "made by version": card.version,
        "licence": card.licence,
        "network": ", ".join(f"{key} {_plain(value)}" for key, value in network.items()),
        "threshold": f"{card.threshold:g} ({card.threshold_purpose})",
        "other thresholds": _plain(card.thresholds),
        "smallest indication": f"{card.min_size_px:g} pixels",
        "peak odds": f"{card.peak_odds:g}",
        "pixel size": f"{card.pixel_size_mm:g} mm" if card.pixel_size_mm else "",
        "lengths seen in training": " to ".join(f"{size:g} pixels" for size in card.flaw_size_px or ()),
        "flaws are": card.polarity,
    }
    return [(name, _escaped(str(value))) for name, value in told.items() if value != ""]


def _scores_of(scores: dict[str, Any]) -> list[str]:
    """What a model scored on test films; figures first, then by size and by class beside the top-hat."""
    beside = ("seconds", "top_hat", "by_class", "by_size_mm")
    plain = {key: value for key, value in scores.items() if key not in beside}
    parts = ["### On test films", _table(("score", ""), _flat(plain))]
    if scores.get("seconds"):
        parts.insert(1, f"4000 x 1500 pixels take {scores['seconds']:g} s on two cores.")
    peer = scores.get("top_hat", {})
    for key, title, name in (("by_size_mm", "length, mm", _size), ("by_class", "class", _class)):
        if key in scores:
            beside = {name(row): row for row in peer.get(key, [])}
            rows = [_share_row(name(row), row, beside.get(name(row))) for row in scores[key]]
            parts.append(_table((title, "flaws", "found", "found by the top-hat"), rows))
    return parts


def _share_row(name: str, row: dict[str, Any], peer: dict[str, Any] | None) -> tuple[str, ...]:
    other = f"{peer['found']:.0%}" if peer else ""
    return name, str(row["flaws"]), f"{row['found']:.0%}", other


def _size(row: dict[str, Any]) -> str:
    return f"{row['from']:g} to {row['to']:g}" if row["to"] is not None else f"from {row['from']:g}"


def _class(row: dict[str, Any]) -> str:
    return f"{row['iso6520']} {row['name']}"


def _flat(values: dict[str, Any], before: str = "") -> Rows:
    """Rows of a nested dictionary, one for each that holds plain values, with the names on the way."""
    rows: Rows = []
    for key, value in values.items():
        name = f"{before} {key.replace('_', ' ')}".strip()
        if isinstance(value, dict) and any(isinstance(item, dict) for item in value.values()):
            rows += _flat(value, name)
        else:
            rows.append((name, _escaped(_plain(value))))
    return rows


def _range(info: FieldInfo) -> str:
    if get_origin(info.annotation) is Literal:
        return ", ".join(f"`{choice}`" if choice != "" else "empty" for choice in get_args(info.annotation))
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    bounds = [
        f"{sign} {getattr(limit, name):g}"
        for name, sign in signs.items()
        for limit in info.metadata
        if getattr(limit, name, None) is not None
    ]
    return ", ".join(bounds)


def _extra(info: FieldInfo) -> dict[str, Any]:
    return info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}


def _words(info: FieldInfo) -> str:
    return _escaped(info.description or "")


def _shown(value: Any) -> str:
    """A default as it is typed; nothing where there is none."""
    if value is None or value in ("", [], ()) or "Undefined" in type(value).__name__ or value is ...:
        return ""
    return f"`{_plain(value)}`"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {_plain(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_plain, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _table(titles: tuple[str, ...], rows: Rows) -> str:
    lines = [
        titles,
        tuple("---" for _ in titles),
        *(tuple(cell.replace("\n", " ") for cell in row) for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
