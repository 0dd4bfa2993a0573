"""`weld-fcn predict`: every input on its own, so that a bad file costs only itself.

Two inputs of one name would write over each other's files, so they are refused before anything is done.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from napari_weld_fcn.cli.terminal import Progress, Terminal, log
from napari_weld_fcn.errors import RadiographError, SettingsError, WeldFcnError
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.outputs import write_outputs, write_record
from napari_weld_fcn.prediction.predict import Prediction, predict
from napari_weld_fcn.prediction.saved import OutputFiles, output_files
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.prediction.summary import summary
from napari_weld_fcn.radiograph.files import read
from napari_weld_fcn.radiograph.image_paths import OUTPUT_ENDINGS, Found, find_images


def run_predict(
    terminal: Terminal, inputs: list[Path], folder: Path, model: str, settings: PredictionSettings
) -> int:
    """Predict every image that `inputs` stand for and write its files into `folder`."""
    found, faults = _found(inputs)
    paths = list(found.images)
    _refuse_equal_names(paths)
    _refuse_overwriting(paths, folder)
    loaded = Model.load(model)
    log.info("model %s, SHA-256 %s", loaded.card.name, loaded.sha256)
    make_folder(folder)
    done: list[Done] = []
    told: set[str] = set()
    for sentence in [*found.sentences, *(fault["error"] for fault in faults)]:
        terminal.say(sentence)
    try:
        with terminal.progress("predict", len(paths)) as progress:
            for path in paths:
                try:
                    done.append(_predict_one(path, folder, loaded, settings, progress))
                    for warning in done[-1].prediction.warnings:
                        if warning not in told:  # what holds for the whole call is told once
                            terminal.say(f"Warning: {warning}")
                    told.update(done[-1].prediction.warnings)
                except Exception as fault:  # whatever one film does, the others are done
                    faults.append(terminal.fault(path, fault))
                progress.film_done()
    finally:
        record = write_record(folder, [each.prediction for each in done]) if done else None
    outputs = [each.as_json() for each in done]
    values = {
        "model": model,
        "outputs": outputs,
        "record": record and str(record),
        "errors": faults,
        "left_out": [{"input": str(each.path), "reason": each.reason} for each in found.left_out],
    }
    terminal.result(values, lambda console: _show(console, done, folder))
    return terminal.code(faults)


@dataclass(frozen=True)
class Done:
    """One input that was predicted; of the prediction only what the record and the report need is kept."""

    source: str
    files: OutputFiles
    prediction: Prediction
    flaw_fraction: float

    def as_json(self) -> dict[str, Any]:
        """Return the figures and paths by the names that scripts rely on."""
        return {
            "input": self.source,
            "heatmap": str(self.files.heatmap),
            "labels": str(self.files.labels),
            "table": str(self.files.indications),
            "overlay": str(self.files.overlay),
            "indications": self.count,
            "flaw_fraction": self.flaw_fraction,
            "seconds": round(self.prediction.seconds, 4),
            "warnings": self.prediction.warnings,
        }

    @property
    def count(self) -> int:
        """How many indications there are."""
        return len(self.prediction.table["label"])

    @property
    def summary(self) -> str:
        """The same in words."""
        return summary(self.count, self.prediction.record["threshold"])


def finish(source: str, files: OutputFiles, prediction: Prediction) -> Done:
    """Keep what is needed of a prediction whose files are written; its arrays are let go."""
    nothing = np.empty((0, 0))
    slim = replace(prediction, probability=nothing.astype(np.float32), labels=nothing.astype(np.int32))
    return Done(source, files, slim, float(np.count_nonzero(prediction.labels) / prediction.labels.size))


def make_folder(folder: Path) -> None:
    """Make the folder of a command's outputs where it is not there.

    Raises
    ------
    WeldFcnError
        If a file has its name or it may not be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise WeldFcnError(f"{folder}: cannot be made a folder ({fault.strerror}).") from fault


def _predict_one(
    path: Path, folder: Path, model: Model, settings: PredictionSettings, progress: Progress
) -> Done:
    on_event = progress.film(path.name)
    output_files(folder, path.stem)  # a name that is too long is told before an hour of computing
    radiograph = read(path)
    prediction = predict(radiograph, model, settings, on_event=on_event)
    done = finish(str(path), write_outputs(folder, radiograph, prediction), prediction)
    log.info("%s: %s in %.2f s", path, done.summary, prediction.seconds)
    return done


def _found(inputs: Iterable[Path]) -> tuple[Found, list[dict[str, str]]]:
    """The images of `inputs`, and the folders that hold none; where all hold none, that is raised."""
    given: list[Found] = []
    faults: list[dict[str, str]] = []
    errors: list[RadiographError] = []
    for path in inputs:
        try:
            given.append(find_images(path))
        except RadiographError as error:
            errors.append(error)
            faults.append({"input": str(path), "error": str(error)})
    if errors and not given:
        raise errors[0]
    once = find_images(image for found in given for image in found.images)
    return replace(once, left_out=tuple(each for found in given for each in found.left_out)), faults


def _refuse_equal_names(paths: Iterable[Path]) -> None:
    # Folded, because many file systems take A_labels.tif and a_labels.tif for one file.
    groups: defaultdict[str, list[Path]] = defaultdict(list)
    for path in paths:
        groups[path.stem.casefold()].append(path)
    for group in groups.values():
        if len(group) > 1:
            raise SettingsError(
                f"{group[0]} and {group[1]}: both would write {group[0].stem}_heatmap.tif; "
                "rename one, or predict them into two folders."
            )


def _refuse_overwriting(paths: Iterable[Path], folder: Path) -> None:
    inputs = {path.resolve(): path for path in paths}
    target = folder.resolve()
    for path in inputs.values():
        for ending in OUTPUT_ENDINGS:
            other = inputs.get(target / f"{path.stem}{ending}")
            if other is not None:
                raise SettingsError(
                    f"{other}: is an input, but a file of {path.name} would take its place; give another "
                    "folder for the results."
                )


def _show(console: Console, done: list[Done], folder: Path) -> None:
    if not done:
        return
    table = Table("radiograph", "found", "marked", "seconds")
    for each in done:
        share, seconds = f"{each.flaw_fraction:.2%}", f"{each.prediction.seconds:.2f}"
        table.add_row(Path(each.source).name, each.summary, share, seconds)
    console.print(table)
    console.print(f"Heatmaps, labels, tables and overlays are in {folder}.")
