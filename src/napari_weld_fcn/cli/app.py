"""The command as a whole: what `weld-fcn --help` lists, and where each command is found.

The options of the commands are read off settings classes, and importing those would take most of the time
in which help has to answer. So a command is imported when it is named, and what the list says of it is the
first line of its file. Help is plain text, because drawing it costs as much again.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from napari_weld_fcn.cli import commands

#: The order of the list is that of a film's way; commands that are not named here follow.
_ORDER = [
    "demo",
    "simulate",
    "crop",
    "augment",
    "train",
    "resume",
    "predict",
    "evaluate",
    "features",
    "score",
    "reproduce",
    "models",
]


def plain_app(**kwargs: Any) -> typer.Typer:
    """Return an empty app whose help is plain text and whose faults are ours to tell."""
    return typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False, **kwargs)


def summaries() -> dict[str, str]:
    """Return what the list says of each command, in its order, without importing one."""
    found = {}
    for module in pkgutil.iter_modules(commands.__path__):
        file = Path(module.module_finder.path, f"{module.name}.py")  # type: ignore[union-attr]
        found[module.name] = file.read_text(encoding="utf-8").partition("\n")[0].strip('"')
    names = [name for name in _ORDER if name in found]
    return {name: found[name] for name in [*names, *sorted(found.keys() - {*names})]}


class OnDemand(TyperGroup):
    """A group that knows the names of its commands and imports them when one is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands."""
        return list(summaries())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of this name, or None."""
        if cmd_name not in summaries():
            return None
        return typer.main.get_command(import_module(f"{commands.__name__}.{cmd_name}").app)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl(list(summaries().items()))


app = plain_app(cls=OnDemand, no_args_is_help=True)


def _version(wanted: bool) -> None:
    if wanted:
        from napari_weld_fcn import __version__

        typer.echo(f"weld-fcn {__version__}")
        raise typer.Exit


@app.callback()
def weld_fcn(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Find, mark and measure flaws in weld radiographs."""
