"""The command as a whole: what `weld-fcn --help` lists, and where each command is found.

The options of the commands are read off settings classes, and importing those would take most of the time
in which help has to answer. So the list stands here, and the commands are imported when one is named. Help
is plain text, because drawing it costs as much again.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

#: What the list of commands says; `commands` has them with their options.
SUMMARIES = {
    "demo": "Simulate a film, predict it, measure what is found.",
    "simulate": "Simulate films with their truth, laid out as GDXray.",
    "crop": "Cut crops with their masks out of films, as a dataset.",
    "augment": "Vary the crops of a dataset: rotated, shifted, negated, noisy.",
    "train": "Train on labelled films or crops, or tune a model on clean films.",
    "resume": "Go on with a training that was stopped or killed.",
    "predict": "Mark and measure the indications of radiographs.",
    "evaluate": "Score a model on films whose truth is known.",
    "features": "Show what each stage of a network responds to.",
    "score": "Compare two label images.",
    "reproduce": "Do the paper's whole experiment, with its figures.",
    "models": "List, show, import and delete models.",
}


class OnDemand(TyperGroup):
    """A group that knows the names of its commands and imports them when one is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the commands in the order of `SUMMARIES`."""
        return list(SUMMARIES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of this name, or None."""
        if cmd_name not in SUMMARIES:
            return None
        from napari_weld_fcn.cli.commands import commands

        group: Any = typer.main.get_command(commands)
        return group.commands[cmd_name]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))


app = typer.Typer(
    cls=OnDemand,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)


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
