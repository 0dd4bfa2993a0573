"""`weld-fcn features`: what each stage of a network responds to, one TIFF of the image's size a stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from napari_weld_fcn.cli.predict import make_folder
from napari_weld_fcn.cli.terminal import DONE, WRONG_INPUT, Progress, Terminal
from napari_weld_fcn.errors import SettingsError, WeldFcnError
from napari_weld_fcn.evaluation.feature_maps import feature_maps
from napari_weld_fcn.evaluation.settings import FeatureSettings
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.radiograph.files import read
from napari_weld_fcn.radiograph.image_paths import image_paths
from napari_weld_fcn.radiograph.output import write_tiff


def run_features(
    terminal: Terminal, inputs: list[Path], folder: Path, model: str, settings: FeatureSettings
) -> int:
    """Write the maps of every image that `inputs` stand for into `folder`, as NAME_STAGE.tif."""
    paths = image_paths(inputs)
    _refuse_equal_names(paths)
    loaded = Model.load(model)
    make_folder(folder)
    outputs: list[dict[str, Any]] = []
    faults: list[dict[str, str]] = []
    with terminal.progress("features", len(paths)) as progress:
        for path in paths:
            try:
                outputs.append(_write_maps(path, folder, loaded, settings, progress))
            except SettingsError:
                raise
            except WeldFcnError as fault:
                sentence = str(fault) if str(path) in str(fault) else f"{path}: {fault}"
                faults.append({"input": str(path), "error": sentence})
                terminal.say(sentence)
            progress.film_done()
    values = {"model": model, "outputs": outputs, "errors": faults}
    terminal.result(values, lambda console: _show(console, outputs, folder))
    return WRONG_INPUT if faults else DONE


def _write_maps(
    path: Path, folder: Path, model: Model, settings: FeatureSettings, progress: Progress
) -> dict[str, Any]:
    radiograph = read(path)
    maps = feature_maps(radiograph, model, settings, on_event=progress.film(path.name))
    stages: dict[str, str] = {}
    for stage, values in maps.items():
        file = folder / f"{radiograph.name}_{stage}.tif"
        write_tiff(file, values, radiograph.pixel_size_mm)
        stages[stage] = str(file)
    return {"input": str(path), "stages": stages}


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
