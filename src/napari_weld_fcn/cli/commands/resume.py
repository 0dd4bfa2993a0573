"""Go on with a training that was stopped or killed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_weld_fcn.cli.app import plain_app
from napari_weld_fcn.cli.commands.train import show_training
from napari_weld_fcn.cli.terminal import Terminal, guarded

app = plain_app()


@app.command()
@guarded()
def resume_run(
    terminal: Terminal,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run")],
    dataset: Annotated[
        Path | None,
        typer.Option(metavar="DATASET|SERIES", help="Where its dataset or series lies now, if it was moved"),
    ] = None,
) -> int:
    """Go on with a training that was stopped or killed; it ends as if it never had been."""
    from napari_weld_fcn.training.run import resume

    return show_training(terminal, lambda job: resume(run, dataset, job=job))
