"""The commands and what they take; what they do stands in one module each, imported when it is called.

Options of a settings class are read off that class (`options`), so that a default is written once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from napari_weld_fcn.cli.app import SUMMARIES
from napari_weld_fcn.cli.options import (
    Json,
    Verbose,
    film_size,
    length,
    length_default,
    pixel,
    settings_options,
    size_default,
)
from napari_weld_fcn.cli.terminal import Shared, Terminal, guarded
from napari_weld_fcn.dataset.settings import (
    PRESETS,
    VARIANTS,
    AugmentationSettings,
    CropSettings,
    SplitSettings,
)
from napari_weld_fcn.evaluation.settings import EvaluationSettings, FeatureSettings
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.reproduction.settings import ReproductionSettings
from napari_weld_fcn.training.settings import TrainSettings

_PLAIN: dict[str, Any] = {
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
    "add_completion": False,
}

commands = typer.Typer(**_PLAIN)
models = typer.Typer(help=SUMMARIES["models"], **_PLAIN)
commands.add_typer(models, name="models")

FILM_SIZE = size_default(SimulationSettings)

Out = Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write to; may exist")]
Size = Annotated[str, typer.Option(metavar="COLUMNSxROWS", help="Size of a film in pixels")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same films")]
ModelName = Annotated[str, typer.Option(metavar="NAME|FILE", help="A model's name or its file")]


@commands.command()
@guarded
def demo(
    terminal: Terminal,
    out: Out = Path("weld-fcn-demo"),
    size: Size = FILM_SIZE,
    seed: Seed = 0,
    model: ModelName = "default",
    viewer: Annotated[bool, typer.Option(help="Open napari when there is a screen")] = True,
) -> int:
    """Simulate a film, predict it, measure what is found; open napari if there is a screen."""
    from napari_weld_fcn.cli.demo import run_demo

    settings = SimulationSettings(flawless_share=0.0, **film_size(size))  # there is to be something to find
    return run_demo(terminal, out, settings, seed, model, viewer)


@commands.command()
@guarded
@settings_options(SimulationSettings, leave_out=("rows", "columns"))
def simulate(
    terminal: Terminal,
    out: Out,
    films: Annotated[int, typer.Option(min=1, max=9999, help="How many films")] = 10,
    size: Size = FILM_SIZE,
    seed: Seed = 0,
    *,
    given: dict[str, Any],
) -> int:
    """Simulate films with their truth, laid out as GDXray: OUT/Welds/W0001 and W0002."""
    from napari_weld_fcn.cli.simulate import run_simulate

    return run_simulate(terminal, out, SimulationSettings(**given, **film_size(size)), films, seed)


@commands.command()
@guarded
@settings_options(CropSettings, leave_out=("rois", "labels"))
def crop(
    terminal: Terminal,
    series: Annotated[Path, typer.Argument(metavar="SERIES", help="GDXray series, root or film")],
    out: Out,
    preset: Annotated[
        str, typer.Option(metavar="NAME", help=f"Start from these settings: {', '.join(PRESETS)}")
    ] = "",
    rois: Annotated[
        str,
        typer.Option(
            metavar="FILE|grid|bead|flaws",
            help="Where to cut; FILE has rectangles: a Shapes layer that napari saved as CSV, or GDXray's "
            f"ground_truth.txt  [default: {CropSettings.model_fields['rois'].default}]",
        ),
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same jitter")] = 0,
    *,
    given: dict[str, Any],
) -> int:
    """Cut crops with their masks out of films; a dataset folder is written."""
    from napari_weld_fcn.cli.crop import crop_settings, run_crop

    return run_crop(terminal, series, out, crop_settings(preset, rois, given), rois, seed)


@commands.command()
@guarded
@settings_options(AugmentationSettings)
def augment(
    terminal: Terminal,
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Dataset folder of crops")],
    out: Out,
    variants: Annotated[
        int | None,
        typer.Option(min=1, help=f"Pairs of each crop, the crop itself among them  [default: {VARIANTS}]"),
    ] = None,
    total: Annotated[
        int | None, typer.Option(min=1, help="Pairs in all, spread evenly over the crops")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same variants")] = 0,
    *,
    given: dict[str, Any],
) -> int:
    """Vary the crops of a dataset: rotated, shifted, negated, noisy; the crops themselves stay among them."""
    from napari_weld_fcn.cli.augment import run_augment

    return run_augment(terminal, dataset, out, AugmentationSettings(**given), variants, total, seed)


@commands.command()
@guarded
@settings_options(TrainSettings)
def train(
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
    ] = "nothing",
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
    settings = TrainSettings(**given)
    named = tuple(validate or ())
    split = SplitSettings(kind="films" if named else "ratio", validation_share=validation_share, films=named)
    from napari_weld_fcn.cli.train import clean_films, data_and_run, network_settings, run_train

    chosen = {"kind": network, "activation": activation, "width": width}
    built = network_settings(settings.preset, start_from, chosen)
    paths = [path for path in (dataset, run) if path is not None]
    films = clean_films(clean or [], unlabelled or [], terminal.say)
    data, folder = data_and_run(paths, films)
    mixed_in = films if data is not films else None
    return run_train(terminal, data, folder, settings, built, split, start_from, mixed_in)


@commands.command()
@guarded
def resume(
    terminal: Terminal,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run")],
    dataset: Annotated[
        Path | None,
        typer.Option(metavar="DATASET|SERIES", help="Where its dataset or series lies now, if it was moved"),
    ] = None,
) -> int:
    """Go on with a training that was stopped or killed; it ends as if it never had been."""
    from napari_weld_fcn.cli.train import run_resume

    return run_resume(terminal, run, dataset)


@commands.command()
@guarded
@settings_options(PredictionSettings, leave_out=("min_size", "min_size_unit"))
def predict(
    terminal: Terminal,
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT", help="Images, folders or GDXray series")],
    output: Annotated[Path, typer.Option(metavar="OUT", help="Folder to write to; may exist")],
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
    from napari_weld_fcn.cli.predict import run_predict

    return run_predict(terminal, inputs, output, model, PredictionSettings(**given, **length(min_size)))


@commands.command()
@guarded
@settings_options(EvaluationSettings, leave_out=("min_size", "min_size_unit"))
def evaluate(
    terminal: Terminal,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model's name or its file")],
    truth: Annotated[
        Path,
        typer.Argument(
            metavar="DATASET|SERIES", help="Dataset folder of crops, or GDXray series that has masks"
        ),
    ],
    output: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Folder for tables, curves and report; may exist")
    ] = None,
    min_size: Annotated[
        str,
        typer.Option(
            metavar="MM|PX",
            help="Smallest length of an indication and of a flaw that counts, such as 0.3mm or 4px; "
            "0 takes the model's own",
        ),
    ] = length_default(EvaluationSettings),
    *,
    given: dict[str, Any],
) -> int:
    """Score a model on films whose truth is known: pixels, flaws, false calls, for each film and pooled."""
    from napari_weld_fcn.cli.evaluate import run_evaluate

    settings = EvaluationSettings(**given, **length(min_size))
    return run_evaluate(terminal, model, truth, output, settings)


@commands.command()
@guarded
@settings_options(FeatureSettings)
def features(
    terminal: Terminal,
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT", help="Images, folders or GDXray series")],
    output: Annotated[Path, typer.Option(metavar="OUT", help="Folder to write to; may exist")],
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
    from napari_weld_fcn.cli.features import run_features

    return run_features(terminal, inputs, output, model, FeatureSettings(**given), pixel(indication))


@commands.command()
@guarded
def score(
    terminal: Terminal,
    prediction: Annotated[Path, typer.Argument(metavar="PREDICTION", help="Label image or mask")],
    truth: Annotated[
        Path, typer.Argument(metavar="TRUTH", help="Label image or mask; any value but 0 is a flaw")
    ],
) -> int:
    """Compare two label images, pixel by pixel and flaw by flaw."""
    from napari_weld_fcn.cli.score import run_score

    return run_score(terminal, prediction, truth)


@commands.command()
@guarded
@settings_options(ReproductionSettings)
def reproduce(
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
    from napari_weld_fcn.cli.reproduce import run_reproduce

    return run_reproduce(terminal, out, gdxray, simulated, ReproductionSettings(**given))


@models.callback(invoke_without_command=True)
def _models(context: typer.Context, json: Json = False, verbose: Verbose = False) -> None:
    context.obj = Shared(json, verbose)
    if context.invoked_subcommand is None:
        list_models(context=context)


@guarded
def list_models(terminal: Terminal) -> int:
    """List the shipped models and your own."""
    from napari_weld_fcn.cli.models import run_list

    return run_list(terminal)


@models.command("show")
@guarded
def show_model(
    terminal: Terminal,
    name: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A model's name or its file")],
) -> int:
    """Show a model's card: what it is, what it was trained on, its scores."""
    from napari_weld_fcn.cli.models import run_show

    return run_show(terminal, name)


@models.command("import")
@guarded
def import_model(
    terminal: Terminal,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .safetensors model file")],
    name: Annotated[
        str, typer.Option(metavar="NAME", help="What to call it; the file's own name if empty")
    ] = "",
) -> int:
    """Check a model file and keep it among your own."""
    from napari_weld_fcn.cli.models import run_import

    return run_import(terminal, file, name)


@models.command("delete")
@guarded
def delete_model(
    terminal: Terminal, name: Annotated[str, typer.Argument(metavar="NAME", help="One of your own models")]
) -> int:
    """Delete one of your own models."""
    from napari_weld_fcn.cli.models import run_delete

    return run_delete(terminal, name)
