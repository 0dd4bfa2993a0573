"""`weld-fcn reproduce`: the paper's whole experiment; Ctrl-C keeps what is finished, to be gone on with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from napari_weld_fcn.cli.signals import stopped_by_signals
from napari_weld_fcn.cli.terminal import DONE, Terminal
from napari_weld_fcn.errors import SettingsError, Stopped
from napari_weld_fcn.reproduction.experiment import Reproduction, reproduce
from napari_weld_fcn.reproduction.plan import BY_FILM, Plan
from napari_weld_fcn.reproduction.settings import ReproductionSettings


def run_reproduce(
    terminal: Terminal,
    out: Path,
    gdxray: Path | None,
    simulated: bool,
    settings: ReproductionSettings,
    plan: Plan | None = None,
) -> int:
    """Do the experiment in `out`, or go on with it."""
    if (gdxray is None) == (not simulated):
        raise SettingsError("Give either --gdxray with the folder of GDXray, or --simulated.")
    asked = stopped_by_signals(terminal, "Stopping; what is finished is kept.")
    with terminal.progress("reproduce", 1) as progress, asked as should_stop:
        try:
            found = reproduce(
                out,
                settings,
                gdxray=gdxray,
                plan=plan,
                on_event=progress.film("reproduce"),
                should_stop=should_stop,
            )
        except Stopped:
            terminal.result({"out": str(out), "stopped": True}, _tell_stopped)
            return DONE
    values = _values(out, found)
    terminal.result(values, lambda console: _show(console, values))
    return DONE


def _values(out: Path, found: Reproduction) -> dict[str, Any]:
    files = {"report": str(found.report), "html": str(found.html)}
    pictures = [str(path) for path in found.figures]
    told = found.findings.as_dict() | {"figures": pictures}
    return {"out": str(out), **files, "stopped": False, **told}


def _tell_stopped(console: Console) -> None:
    console.print("Stopped; the same command goes on.")


def _show(console: Console, values: dict[str, Any]) -> None:
    for network, gap in values["leak_gap"].items():
        by_film = values["networks"][network][BY_FILM]["f1"]["mean"]
        console.print(
            f"{network}: F1 {by_film:.3f} by film; the leak gap is {gap['mean']:+.3f} "
            f"({gap['smallest']:+.3f} to {gap['largest']:+.3f} over seeds)."
        )
    console.print(f"The report is {values['report']}, and {values['html']} for a browser.")
