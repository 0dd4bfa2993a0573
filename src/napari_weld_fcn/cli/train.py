"""`weld-fcn train` and `weld-fcn resume`: Ctrl-C is no fault here, it stops and keeps the best model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari_weld_fcn.cli.signals import stopped_by_signals
from napari_weld_fcn.cli.terminal import DONE, Progress, Terminal
from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.events import Event, OnEvent, ShouldStop, StepDone, TileDone, Validated
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.radiograph.files import read
from napari_weld_fcn.radiograph.image_paths import find_images
from napari_weld_fcn.training.clean_films import CleanFilms
from napari_weld_fcn.training.record import TrainResult
from napari_weld_fcn.training.run import NOTHING, resume, train
from napari_weld_fcn.training.settings import PRESETS, TrainSettings

_Job = Callable[[OnEvent, ShouldStop], TrainResult]


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
    clean: Sequence[Path], unlabelled: Sequence[Path], say: Callable[[str], None]
) -> CleanFilms | None:
    """Read films without labels; None where none are given. What is left out of a folder is said.

    Raises
    ------
    SettingsError
        If both kinds are given.
    RadiographError
        If a file is no radiograph.
    """
    if clean and unlabelled:
        raise SettingsError("--clean and --unlabelled: give one of them, a run has one kind.")
    if not clean and not unlabelled:
        return None
    found = find_images(clean or unlabelled)
    for sentence in found.sentences:
        say(sentence)
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


def run_train(
    terminal: Terminal,
    data: Path | CleanFilms,
    run: Path,
    settings: TrainSettings,
    network: NetworkSettings | None,
    split: SplitSettings,
    start_from: str,
    clean: CleanFilms | None = None,
) -> int:
    """Train on `data` in the folder `run`, with films without labels mixed in."""
    if start_from == NOTHING and settings.keep != TrainSettings().keep:
        terminal.say("--keep is for a model that is trained further; without --from nothing is kept.")

    def job(on_event: OnEvent, should_stop: ShouldStop) -> TrainResult:
        return train(
            data,
            run,
            settings,
            network=network,
            split=split,
            start_from=start_from,
            clean=clean,
            on_event=on_event,
            should_stop=should_stop,
        )

    return _shown(terminal, job)


def run_resume(terminal: Terminal, run: Path, data: Path | None) -> int:
    """Go on with the run in the folder `run`."""
    return _shown(
        terminal,
        lambda on_event, should_stop: resume(run, data, on_event=on_event, should_stop=should_stop),
    )


def _shown(terminal: Terminal, job: _Job) -> int:
    """Do a job with a bar and a line for each validation, then give its result."""
    asked = stopped_by_signals(terminal, "Stopping after this step; the best model is kept.")
    with terminal.progress("train", 1) as progress, asked as should_stop:
        result = job(_listener(terminal, progress), should_stop)
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
    more = f"\nStopped; go on with: weld-fcn resume {result.run}" if result.stopped else ""
    terminal.result(values, lambda console: console.print(line + more))
    return DONE


def _listener(terminal: Terminal, progress: Progress) -> OnEvent:
    bar = progress.film("train")

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
