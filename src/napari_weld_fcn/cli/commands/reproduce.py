"""Do the paper's whole experiment, with its figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_weld_fcn.cli.app import plain_app
from napari_weld_fcn.cli.terminal import DONE, Terminal, guarded, stopped_by_signals
from napari_weld_fcn.errors import SettingsError, Stopped
from napari_weld_fcn.reproduction.settings import ReproductionSettings

if TYPE_CHECKING:
    from napari_weld_fcn.reproduction.plan import Plan

app = plain_app()


@app.command()
@guarded(ReproductionSettings)
def reproduce_paper(
    terminal: Terminal,
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="Folder for all of it; one that was begun goes on")
    ],
    gdxray: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the real GDXray: welds, and castings if there"),
    ] = None,
    simulated: Annotated[bool, typer.Option("--simulated", help="Simulate ten films in its place")] = False,
    *,
    given: dict[str, Any],
) -> int:
    """Do the paper's whole experiment: crops, pairs, networks, scores by two protocols, figures, a report."""
    if (gdxray is None) == (not simulated):
        raise SettingsError("Give either --gdxray with the folder of GDXray, or --simulated.")
    return run_reproduce(terminal, out, gdxray, ReproductionSettings(**given))


def run_reproduce(
    terminal: Terminal,
    out: Path,
    gdxray: Path | None,
    settings: ReproductionSettings,
    plan: Plan | None = None,
) -> int:
    """Do an experiment in `out`, or go on with it; Ctrl-C keeps what is finished."""
    from napari_weld_fcn.reproduction.experiment import reproduce
    from napari_weld_fcn.reproduction.plan import BY_FILM

    asked = stopped_by_signals(terminal, "Stopping; what is finished is kept.")
    with terminal.progress("reproduce", 1) as progress, asked as should_stop:
        try:
            job = progress.film("reproduce", should_stop)
            found = reproduce(out, settings, gdxray=gdxray, plan=plan, job=job)
        except Stopped:
            terminal.result(
                {"out": str(out), "stopped": True}, "Stopped; give the same command again to go on."
            )
            return DONE
    values = {
        "out": str(out),
        "report": str(found.report),
        "html": str(found.html),
        "stopped": False,
        **found.findings.as_dict(),
        "figures": [str(path) for path in found.figures],
    }
    gaps = [
        f"{network}: F1 {values['networks'][network][BY_FILM]['f1']['mean']:.3f} by film; the leak gap is "
        f"{gap['mean']:+.3f} ({gap['smallest']:+.3f} to {gap['largest']:+.3f} over seeds)."
        for network, gap in values["leak_gap"].items()
    ]
    terminal.result(values, *gaps, f"The report is {found.report}; {found.html} is for a browser.")
    return DONE
