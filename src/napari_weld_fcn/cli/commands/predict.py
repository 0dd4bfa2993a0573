"""Mark and measure the indications of radiographs.

Every input is done on its own, so that a bad file costs only itself. Two inputs of one name would write over
each other's files, so they are refused before anything is done.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from napari_weld_fcn.cli.app import plain_app
from napari_weld_fcn.cli.options import Inputs, ModelName, Output, length, length_default
from napari_weld_fcn.cli.terminal import Progress, Terminal, guarded, log
from napari_weld_fcn.errors import RadiographError, SettingsError
from napari_weld_fcn.prediction.settings import PredictionSettings

if TYPE_CHECKING:
    from napari_weld_fcn.network.model import Model
    from napari_weld_fcn.prediction.predict import Prediction
    from napari_weld_fcn.prediction.saved import OutputFiles
    from napari_weld_fcn.radiograph.image_paths import Found

app = plain_app()


@app.command()
@guarded(PredictionSettings, leave_out=("min_size", "min_size_unit"))
def predict_inputs(
    terminal: Terminal,
    inputs: Inputs,
    output: Output,
    model: ModelName = "default",
    min_size: Annotated[
        str,
        typer.Option(
            metavar="MM|PX",
            help="Smallest length of an indication, such as 0.3mm or 4px; 0 takes the model's own",
        ),
    ] = length_default(PredictionSettings),
    *,
    given: dict[str, Any],
) -> int:
    """Mark the indications of radiographs: heatmap, labels, table and overlay of each."""
    from napari_weld_fcn.network.model import Model
    from napari_weld_fcn.prediction.outputs import write_record
    from napari_weld_fcn.radiograph.output import make_folder

    settings = PredictionSettings(**given, **length(min_size))
    found, faults = _found(inputs)
    refuse_equal_names(found.images, "heatmap.tif")
    _refuse_overwriting(found.images, output)
    loaded = Model.load(model)
    log.info("model %s, SHA-256 %s", loaded.card.name, loaded.sha256)
    make_folder(output)
    done: list[Done] = []
    told: set[str] = set()
    terminal.say(*found.sentences, *(fault["error"] for fault in faults))
    try:
        with terminal.progress("predict", len(found.images)) as progress:
            for path in found.images:
                try:
                    done.append(_predict_one(path, output, loaded, settings, progress))
                    warnings = done[-1].prediction.warnings  # what holds for the whole call is told once
                    terminal.say(*(f"Warning: {text}" for text in warnings if text not in told))
                    told.update(warnings)
                except Exception as fault:  # whatever one film does, the others are done
                    faults.append(terminal.fault(path, fault))
                progress.film_done()
    finally:
        record = write_record(output, [each.prediction for each in done]) if done else None
    values = {
        "model": model,
        "outputs": [each.as_json() for each in done],
        "record": record and str(record),
        "errors": faults,
        "left_out": [{"input": str(each.path), "reason": each.reason} for each in found.left_out],
    }
    shown = (_table(done), f"Heatmaps, labels, tables and overlays are in {output}.") if done else ()
    terminal.result(values, *shown)
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
        from napari_weld_fcn.prediction.saved import count_in_words

        return count_in_words(self.count, self.prediction.record["threshold"])


def finish(source: str, files: OutputFiles, prediction: Prediction) -> Done:
    """Keep what is needed of a prediction whose files are written; its arrays are let go."""
    import numpy as np

    nothing = np.empty((0, 0))
    slim = replace(prediction, probability=nothing.astype(np.float32), labels=nothing.astype(np.int32))
    return Done(source, files, slim, float(np.count_nonzero(prediction.labels) / prediction.labels.size))


def _predict_one(
    path: Path, folder: Path, model: Model, settings: PredictionSettings, progress: Progress
) -> Done:
    from napari_weld_fcn.prediction.outputs import write_outputs
    from napari_weld_fcn.prediction.predict import predict
    from napari_weld_fcn.prediction.saved import output_files
    from napari_weld_fcn.radiograph.files import read

    job = progress.film(path.name)
    output_files(folder, path.stem)  # a name that is too long is told before an hour of computing
    radiograph = read(path)
    prediction = predict(radiograph, model, settings, job=job)
    done = finish(str(path), write_outputs(folder, radiograph, prediction), prediction)
    log.info("%s: %s in %.2f s", path, done.summary, prediction.seconds)
    return done


def _found(inputs: Iterable[Path]) -> tuple[Found, list[dict[str, str]]]:
    """The images of `inputs`, and the folders that hold none; where all hold none, that is raised."""
    from napari_weld_fcn.radiograph.image_paths import find_images

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


def refuse_equal_names(paths: Iterable[Path], written: str) -> None:
    """Refuse two inputs whose files would be called alike, NAME_`written` among them.

    Raises
    ------
    SettingsError
        If there are two; many file systems take A_labels.tif and a_labels.tif for one file.
    """
    first: dict[str, Path] = {}
    for path in paths:
        other = first.setdefault(path.stem.casefold(), path)
        if other is not path:
            raise SettingsError(
                f"{other} and {path}: both would write {other.stem}_{written}; rename one, or give them "
                "two folders."
            )


def _refuse_overwriting(paths: Iterable[Path], folder: Path) -> None:
    from napari_weld_fcn.radiograph.image_paths import OUTPUT_ENDINGS

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


def _table(done: Iterable[Done]) -> Table:
    table = Table("radiograph", "found", "marked", "seconds")
    for each in done:
        share, seconds = f"{each.flaw_fraction:.2%}", f"{each.prediction.seconds:.2f}"
        table.add_row(Path(each.source).name, each.summary, share, seconds)
    return table
