"""Show what each stage of a network responds to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_weld_fcn.cli.app import plain_app
from napari_weld_fcn.cli.commands.predict import refuse_equal_names
from napari_weld_fcn.cli.options import Inputs, ModelName, Output, pixel
from napari_weld_fcn.cli.terminal import Progress, Terminal, guarded
from napari_weld_fcn.errors import RadiographError, SettingsError
from napari_weld_fcn.evaluation.settings import FeatureSettings
from napari_weld_fcn.prediction.settings import PredictionSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_weld_fcn.events import JobControl
    from napari_weld_fcn.network.model import Model
    from napari_weld_fcn.radiograph.radiograph import Radiograph

#: Row and column, from 0.
Pixel = tuple[int, int]

app = plain_app()


@app.command()
@guarded(FeatureSettings)
def show_features(
    terminal: Terminal,
    inputs: Inputs,
    output: Output,
    model: ModelName = "default",
    indication: Annotated[
        str,
        typer.Option(
            metavar="ROW,COLUMN",
            help="Show instead what drew the indication on this pixel, counted from 0 (HiResCAM), "
            "as NAME_STAGE_drew.tif",
        ),
    ] = "",
    *,
    given: dict[str, Any],
) -> int:
    """Show what each stage of a network responds to: one float32 TIFF of the image's size for each stage."""
    from napari_weld_fcn.network.model import Model
    from napari_weld_fcn.radiograph.image_paths import find_images
    from napari_weld_fcn.radiograph.output import make_folder

    settings, at = FeatureSettings(**given), pixel(indication)
    found = find_images(inputs)
    terminal.say(*found.sentences)
    refuse_equal_names(found.images, "STAGE.tif")
    loaded = Model.load(model)
    make_folder(output)
    outputs: list[dict[str, Any]] = []
    faults: list[dict[str, str]] = []
    with terminal.progress("features", len(found.images)) as progress:
        for path in found.images:
            try:
                outputs.append(_write_maps(path, output, loaded, settings, at, progress))
            except SettingsError:
                raise
            except Exception as fault:  # whatever one film does, the others are done
                faults.append(terminal.fault(path, fault))
            progress.film_done()
    values = {"model": model, "outputs": outputs, "errors": faults}
    lines = [f"{Path(each['input']).name}: {', '.join(each['stages'])}" for each in outputs]
    where = [f"The maps are in {output}."] if outputs else []
    terminal.result(values, *lines, *where)
    return terminal.code(faults)


def _write_maps(
    path: Path,
    folder: Path,
    model: Model,
    settings: FeatureSettings,
    indication: Pixel | None,
    progress: Progress,
) -> dict[str, Any]:
    from napari_weld_fcn.evaluation.feature_maps import feature_maps
    from napari_weld_fcn.evaluation.grad_cam import grad_cam
    from napari_weld_fcn.radiograph.files import read
    from napari_weld_fcn.radiograph.output import write_tiff

    radiograph = read(path)
    job = progress.film(path.name)
    if indication is None:
        maps = feature_maps(radiograph, model, settings, job=job)
    else:
        marked = _marked(radiograph, model, settings, indication, job)
        maps = grad_cam(radiograph, marked, model, settings)
    stages: dict[str, str] = {}
    for stage, values in maps.items():
        file = folder / f"{radiograph.name}_{stage}{'' if indication is None else '_drew'}.tif"
        write_tiff(file, values, radiograph.pixel_size_mm, output=True)
        stages[stage] = str(file)
    return {"input": str(path), "stages": stages}


def _marked(
    radiograph: Radiograph, model: Model, settings: FeatureSettings, at: Pixel, job: JobControl
) -> NDArray[np.bool_]:
    """Where the indication lies that has the pixel `at`, marked as `predict` marks it."""
    from napari_weld_fcn.prediction.predict import predict

    asked = PredictionSettings(polarity=settings.polarity, tile=settings.tile, device=settings.device)
    labels = predict(radiograph, model, asked, job=job).labels
    inside = labels.ndim == 2 and all(place < size for place, size in zip(at, labels.shape, strict=True))
    if not inside or not labels[at]:
        raise RadiographError(f"{radiograph.name}: there is no indication at row {at[0]}, column {at[1]}.")
    marked: NDArray[np.bool_] = labels == labels[at]
    return marked
