"""Train on labelled films or crops, or tune a model on clean films.

Ctrl-C is no fault here: it stops and keeps the best model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from napari_weld_fcn.cli.app import plain_app
from napari_weld_fcn.cli.terminal import DONE, Progress, Terminal, guarded, stopped_by_signals
from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.events import Event, JobControl, OnEvent, StepDone, TileDone, Validated
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.training.settings import PRESETS, TrainSettings

if TYPE_CHECKING:
    from napari_weld_fcn.training.run_record import TrainResult
    from napari_weld_fcn.training.simulated.clean_films import CleanFilms

#: What `--from` says where fresh weights are trained.
NOTHING = "nothing"

app = plain_app()


@app.command()
@guarded(TrainSettings)
def train_network(
    terminal: Terminal,
    dataset: Annotated[
        Path,
        typer.Argument(
            metavar="DATASET|SERIES",
            help="Dataset folder, or GDXray series with masks; may be left out before RUN where --clean or "
            "--unlabelled is given",
        ),
    ],
    run: Annotated[
        Path | None, typer.Argument(metavar="RUN", help="Folder for the run; must not hold one")
    ] = None,
    network: Annotated[
        Literal["", "fcn", "autoencoder"], typer.Option(help="Network; the preset's if empty")
    ] = "",
    activation: Annotated[
        Literal["", "selu", "elu", "relu"], typer.Option(help="Activation; the preset's if empty")
    ] = "",
    width: Annotated[int, typer.Option(help="Channels of the first stage; 0 takes the preset's")] = 0,
    start_from: Annotated[
        str, typer.Option("--from", metavar="nothing|NAME|FILE", help="Model to train on from, or nothing")
    ] = NOTHING,
    validation_share: Annotated[
        float, typer.Option(help=str(SplitSettings.model_fields["validation_share"].description))
    ] = SplitSettings.model_fields["validation_share"].default,
    validate: Annotated[
        list[str] | None, typer.Option(metavar="FILM", help="A film that validates; may be given again")
    ] = None,
    clean: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="INPUT",
            help="Films known to be free of flaws, into which flaws are put; may be given again. Without a "
            "dataset the model is tuned on these alone",
        ),
    ] = None,
    unlabelled: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="INPUT", help="The same with any films; what the model marks on them already is ignored"
        ),
    ] = None,
    *,
    given: dict[str, Any],
) -> int:
    """Train a network on labelled films or crops, or tune a model on clean films; Ctrl-C keeps the best."""
    from napari_weld_fcn.training.run import train
    from napari_weld_fcn.training.simulated.clean_films import CleanFilms, MixedData

    settings = TrainSettings(**given)
    named = tuple(validate or ())
    split = SplitSettings(kind="films" if named else "ratio", validation_share=validation_share, films=named)
    chosen = {"kind": network, "activation": activation, "width": width}
    built = network_settings(settings.preset, start_from, chosen)
    films = clean_films(clean or [], unlabelled or [], terminal.say)
    data, folder = data_and_run([path for path in (dataset, run) if path is not None], films)
    if start_from == NOTHING and settings.keep != TrainSettings().keep:
        terminal.say("--keep is for a model that is trained further; without --from nothing is kept.")

    learned = data if isinstance(data, CleanFilms) or films is None else MixedData(data, films)

    def begin(job: JobControl) -> TrainResult:
        return train(
            learned,
            folder,
            settings,
            network=built,
            split=split,
            start_from=start_from,
            job=job,
        )

    return show_training(terminal, begin)


def network_settings(preset: str, start_from: str, given: dict[str, Any]) -> NetworkSettings | None:
    """Return the preset's network changed by what was given; None where a model is trained on as it is.

    Parameters
    ----------
    preset
        Its name.
    start_from
        A model, or ``"nothing"``.
    given
        Values of some fields; those that are empty were not given.
    """
    changed = {name: value for name, value in given.items() if value}
    if start_from != NOTHING and not changed:
        return None
    return NetworkSettings(**{**PRESETS[preset].network.model_dump(), **changed})


def clean_films(
    clean: Sequence[Path], unlabelled: Sequence[Path], say: Callable[..., None]
) -> CleanFilms | None:
    """Read films without labels; None where none are given. What is left out of a folder is said.

    Raises
    ------
    SettingsError
        If both kinds are given.
    RadiographError
        If a file is no radiograph.
    """
    from napari_weld_fcn.radiograph.files import read
    from napari_weld_fcn.radiograph.image_paths import find_images
    from napari_weld_fcn.training.simulated.clean_films import CleanFilms

    if clean and unlabelled:
        raise SettingsError("--clean and --unlabelled: give one of them, a run has one kind.")
    if not clean and not unlabelled:
        return None
    found = find_images(clean or unlabelled)
    say(*found.sentences)
    films = [read(path) for path in found.images]
    return CleanFilms.of(films, "clean" if clean else "unlabelled")


def data_and_run(paths: Sequence[Path], films: CleanFilms | None) -> tuple[Path | CleanFilms, Path]:
    """Tell the dataset from the run's folder; films without labels stand in for a dataset.

    Raises
    ------
    SettingsError
        If one of them is missing.
    """
    if len(paths) == 2:
        return paths[0], paths[1]
    if films is None:
        raise SettingsError(f"{paths[0]}: give a dataset and a folder for the run, or films by --clean.")
    return films, paths[0]


def show_training(terminal: Terminal, begin: Callable[[JobControl], TrainResult]) -> int:
    """Train with a bar and a line for each validation, then give its result."""
    asked = stopped_by_signals(terminal, "Stopping after this step; the best model is kept.")
    with terminal.progress("train", 1) as progress, asked as should_stop:
        result = begin(JobControl(_listener(terminal, progress), should_stop))
    best = result.best
    values = {
        "run": str(result.run),
        "model": str(result.model),
        "best": {"epoch": best.epoch, "f1": best.f1, "threshold": best.threshold},
        "stopped": result.stopped,
        "learned_all": result.learned_all,
        "all_labels": None if result.all_labels is None else result.all_labels.to_card(),
        "memory_bytes": result.memory_bytes,
    }
    line = f"{result.model}: F1 {best.f1:.3f} at threshold {best.threshold:.3f}, after epoch {best.epoch}"
    line += f", {result.what_followed}" if result.what_followed else ""
    more = [f"Stopped; go on with: weld-fcn resume {result.run}"] if result.stopped else []
    terminal.result(values, line, *more)
    return DONE


def _listener(terminal: Terminal, progress: Progress) -> OnEvent:
    bar = progress.film("train").tell

    def on_event(event: Event) -> None:
        if isinstance(event, StepDone):
            bar(TileDone(event.done, event.total, event.seconds_left))
        elif isinstance(event, Validated):
            loss = "" if event.loss is None else f"loss {event.loss:.4f}  "
            terminal.say(
                f"step {event.step}: {loss}F1 {event.f1:.3f}  precision "
                f"{event.precision:.3f}  recall {event.recall:.3f}  threshold {event.threshold:.3f}"
            )
        else:
            bar(event)

    return on_event
