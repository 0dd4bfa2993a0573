"""`weld-fcn features`: what each stage of a network responds to, one TIFF of the image's size a stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from napari_weld_fcn.cli.predict import make_folder
from napari_weld_fcn.cli.terminal import Progress, Terminal
from napari_weld_fcn.errors import RadiographError, SettingsError
from napari_weld_fcn.evaluation.feature_maps import feature_maps
from napari_weld_fcn.evaluation.grad_cam import grad_cam
from napari_weld_fcn.evaluation.settings import FeatureSettings
from napari_weld_fcn.events import OnEvent
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.radiograph.files import read
from napari_weld_fcn.radiograph.image_paths import find_images
from napari_weld_fcn.radiograph.output import write_tiff
from napari_weld_fcn.radiograph.radiograph import Radiograph

#: Row and column, from 0.
Pixel = tuple[int, int]


def run_features(
    terminal: Terminal,
    inputs: list[Path],
    folder: Path,
    model: str,
    settings: FeatureSettings,
    indication: Pixel | None = None,
) -> int:
    """Write the maps of every image that `inputs` stand for into `folder`, as NAME_STAGE.tif.

    With a pixel of an `indication`, what drew that, as NAME_STAGE_drew.tif.
    """
    found = find_images(inputs)
    paths = list(found.images)
    for sentence in found.sentences:
        terminal.say(sentence)
    _refuse_equal_names(paths)
    loaded = Model.load(model)
    make_folder(folder)
    outputs: list[dict[str, Any]] = []
    faults: list[dict[str, str]] = []
    with terminal.progress("features", len(paths)) as progress:
        for path in paths:
            try:
                outputs.append(_write_maps(path, folder, loaded, settings, indication, progress))
            except SettingsError:
                raise
            except Exception as fault:  # whatever one film does, the others are done
                faults.append(terminal.fault(path, fault))
            progress.film_done()
    values = {"model": model, "outputs": outputs, "errors": faults}
    terminal.result(values, lambda console: _show(console, outputs, folder))
    return terminal.code(faults)


def _write_maps(
    path: Path,
    folder: Path,
    model: Model,
    settings: FeatureSettings,
    indication: Pixel | None,
    progress: Progress,
) -> dict[str, Any]:
    radiograph = read(path)
    on_event = progress.film(path.name)
    if indication is None:
        maps = feature_maps(radiograph, model, settings, on_event=on_event)
    else:
        marked = _marked(radiograph, model, settings, indication, on_event)
        maps = grad_cam(radiograph, marked, model, settings)
    stages: dict[str, str] = {}
    for stage, values in maps.items():
        file = folder / f"{radiograph.name}_{stage}{'' if indication is None else '_drew'}.tif"
        write_tiff(file, values, radiograph.pixel_size_mm, output=True)
        stages[stage] = str(file)
    return {"input": str(path), "stages": stages}


def _marked(
    radiograph: Radiograph, model: Model, settings: FeatureSettings, at: Pixel, on_event: OnEvent
) -> NDArray[np.bool_]:
    """Where the indication lies that has the pixel `at`, marked as `predict` marks it."""
    asked = PredictionSettings(polarity=settings.polarity, tile=settings.tile, device=settings.device)
    labels = predict(radiograph, model, asked, on_event=on_event).labels
    inside = labels.ndim == 2 and all(place < size for place, size in zip(at, labels.shape, strict=True))
    if not inside or not labels[at]:
        raise RadiographError(f"{radiograph.name}: there is no indication at row {at[0]}, column {at[1]}.")
    return np.asarray(labels == labels[at])


def _refuse_equal_names(paths: list[Path]) -> None:
    first: dict[str, Path] = {}
    for path in paths:
        other = first.setdefault(path.stem.casefold(), path)
        if other is not path:
            raise SettingsError(
                f"{other} and {path}: both would write {other.stem}_STAGE.tif; "
                "rename one, or write them into two folders."
            )


def _show(console: Console, outputs: list[dict[str, Any]], folder: Path) -> None:
    for each in outputs:
        console.print(f"{Path(each['input']).name}: {', '.join(each['stages'])}")
    if outputs:
        console.print(f"The maps are in {folder}.")
