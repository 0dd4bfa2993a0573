"""`weld-fcn models`: what there is, and the user's own models in and out."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from napari_weld_fcn.cli.terminal import DONE, Terminal
from napari_weld_fcn.network import library
from napari_weld_fcn.network.container import read_header
from napari_weld_fcn.network.library import ModelEntry


def run_list(terminal: Terminal) -> int:
    """Show every model."""
    entries = library.listing()
    terminal.result(
        {"models": [_as_json(entry) for entry in entries]}, lambda console: _show(console, entries)
    )
    return DONE


def run_show(terminal: Terminal, name: str) -> int:
    """Show one model's card."""
    path = library.find(name)
    entry = ModelEntry(name, path, _origin(path), card=read_header(path).card)
    card = entry.card.as_shown() if entry.card else {}

    def show(console: Console) -> None:
        table = Table("card", "", show_header=False)
        for key, value in card.items():
            table.add_row(key, _lines(value))
        console.print(f"{name} ({entry.origin}), {path}")
        console.print(table)

    terminal.result(_as_json(entry), show)
    return DONE


def run_import(terminal: Terminal, file: Path, name: str) -> int:
    """Check a model file and keep it."""
    entry = library.import_model(file, name or None)
    terminal.result(_as_json(entry), lambda console: console.print(f"{file} is now the model {entry.name}."))
    return DONE


def run_delete(terminal: Terminal, name: str) -> int:
    """Delete an own model."""
    library.delete(name)
    terminal.result({"deleted": name}, lambda console: console.print(f"The model {name} is deleted."))
    return DONE


def _origin(path: Path) -> Any:
    return "shipped" if path in library.shipped().values() else "own"


def _as_json(entry: ModelEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "path": str(entry.path),
        "origin": entry.origin,
        "card": entry.card.as_written() if entry.card else None,
        "error": entry.error,
    }


def _show(console: Console, entries: list[ModelEntry]) -> None:
    table = Table("model", "from", "network", "threshold", "pixel size", "trained on")
    for entry in entries:
        if entry.card is None:
            table.add_row(entry.name, entry.origin, "", "", "", f"cannot be used: {entry.error}")
            continue
        card = entry.card
        size = f"{card.pixel_size_mm:g} mm" if card.pixel_size_mm else ""
        table.add_row(entry.name, entry.origin, card.network.kind, f"{card.threshold:.3g}", size, card.data)
    console.print(table)
    console.print(f"Your own models are kept in {library.own_folder()}.")


def _lines(value: Any) -> str:
    """A value of a card in lines; what is nested stands below its name, a row of a table in one line."""
    if isinstance(value, dict):
        return "\n".join(f"{key}:{_below(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


def _below(value: Any) -> str:
    if isinstance(value, dict):
        return textwrap.indent("\n" + _lines(value), "  ") if value else " -"
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        return textwrap.indent("\n" + "\n".join(map(_row, value)), "  ")
    return f" {_lines(value)}"


def _row(row: dict[str, Any]) -> str:
    told = ", ".join(f"{key} {item}" for key, item in row.items() if key != "name")
    return f"{row['name']}: {told}" if "name" in row else told
