"""List, show, import and delete models."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from napari_weld_fcn.cli.app import plain_app
from napari_weld_fcn.cli.options import Json, Verbose
from napari_weld_fcn.cli.terminal import DONE, Shared, Terminal, guarded

if TYPE_CHECKING:
    from napari_weld_fcn.network.library import ModelEntry

app = plain_app(help=__doc__)


@app.callback(invoke_without_command=True)
def _models(context: typer.Context, json: Json = False, verbose: Verbose = False) -> None:
    context.obj = Shared(json, verbose)
    if context.invoked_subcommand is None:
        list_models(json=json, verbose=verbose, context=context)


@guarded()
def list_models(terminal: Terminal) -> int:
    """List the shipped models and your own."""
    from napari_weld_fcn.network import library

    entries = library.listing()
    table = Table("model", "from", "network", "threshold", "pixel size", "trained on")
    for entry in entries:
        table.add_row(entry.name, entry.origin, *_row_of(entry))
    own = f"Your own models are kept in {library.own_folder()}."
    terminal.result({"models": [_as_json(entry) for entry in entries]}, table, own)
    return DONE


@app.command("show")
@guarded()
def show_model(
    terminal: Terminal,
    name: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A model's name or its file")],
) -> int:
    """Show a model's card: what it is, what it was trained on, its scores."""
    from napari_weld_fcn.network import library
    from napari_weld_fcn.network.container import read_header

    path = library.find(name)
    origin: Any = "shipped" if path in library.shipped().values() else "own"
    card = read_header(path).card
    table = Table("card", "", show_header=False)
    for key, value in card.as_shown().items():
        table.add_row(key, _lines(value))
    entry = library.ModelEntry(name, path, origin, card=card)
    terminal.result(_as_json(entry), f"{name} ({origin}), {path}", table)
    return DONE


@app.command("import")
@guarded()
def add_model(
    terminal: Terminal,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .safetensors model file")],
    name: Annotated[
        str, typer.Option(metavar="NAME", help="What to call it; the file's own name if empty")
    ] = "",
) -> int:
    """Check a model file and keep it among your own."""
    from napari_weld_fcn.network.model import add_to_library

    entry = add_to_library(file, name or None)
    terminal.result(_as_json(entry), f"{file} is now the model {entry.name}.")
    return DONE


@app.command("delete")
@guarded()
def delete_model(
    terminal: Terminal, name: Annotated[str, typer.Argument(metavar="NAME", help="One of your own models")]
) -> int:
    """Delete one of your own models."""
    from napari_weld_fcn.network import library

    library.delete(name)
    terminal.result({"deleted": name}, f"The model {name} is deleted.")
    return DONE


def _as_json(entry: ModelEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "path": str(entry.path),
        "origin": entry.origin,
        "card": entry.card.as_written() if entry.card else None,
        "error": entry.error,
    }


def _row_of(entry: ModelEntry) -> tuple[str, str, str, str]:
    card = entry.card
    if card is None:
        return "", "", "", f"cannot be used: {entry.error}"
    size = f"{card.pixel_size_mm:g} mm" if card.pixel_size_mm else ""
    return card.network.kind, f"{card.threshold:.3g}", size, card.data


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
        return textwrap.indent("\n" + "\n".join(map(_table_row, value)), "  ")
    return f" {_lines(value)}"


def _table_row(row: dict[str, Any]) -> str:
    told = ", ".join(f"{key} {item}" for key, item in row.items() if key != "name")
    return f"{row['name']}: {told}" if "name" in row else told
