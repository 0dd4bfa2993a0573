"""A run by epochs, from a dataset to a model, in one folder that it can always be resumed from.

`train` writes down what the run is and then does what `resume` does: it reads the folder and goes on. There
is no other way in, so that a run that was killed cannot know less than one that was not. Stopping keeps the
best model so far.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari_weld_fcn.dataset.settings import AugmentationSettings, SplitSettings
from napari_weld_fcn.errors import DatasetError, SettingsError, Stopped
from napari_weld_fcn.events import Message, OnEvent, ShouldStop, ignore, never
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.training.clean_films import CleanFilms
from napari_weld_fcn.training.data import Data, material_of, saved_material
from napari_weld_fcn.training.fit import follow
from napari_weld_fcn.training.going_on import Going
from napari_weld_fcn.training.hardware import Place, check_devices, fabric_for, resolve_precision
from napari_weld_fcn.training.material import Material
from napari_weld_fcn.training.mixed_in import check_clean
from napari_weld_fcn.training.prepared import Prepared
from napari_weld_fcn.training.record import TrainResult
from napari_weld_fcn.training.run_folder import RunFolder
from napari_weld_fcn.training.settings import PRESETS, VARIED, RunSettings, TrainSettings
from napari_weld_fcn.training.two_learnings import first_share

#: What `start_from` is where no model is trained further.
NOTHING = "nothing"


def train(
    data: Data,
    run: str | Path,
    settings: TrainSettings = TrainSettings(),
    *,
    network: NetworkSettings | None = None,
    augmentation: AugmentationSettings | None = None,
    split: SplitSettings = SplitSettings(),
    start_from: str | Path | Model = NOTHING,
    clean: CleanFilms | None = None,
    on_event: OnEvent = ignore,
    should_stop: ShouldStop = never,
    should_pause: ShouldStop = never,
    should_show: ShouldStop = never,
) -> TrainResult:
    """Train a network on labelled films, or on the crops of a dataset.

    Parameters
    ----------
    data
        Films with their masks (`dataset.films.LabelledFilm`) or a GDXray series that has masks: windows are
        drawn from the films, and whole films validate. Or a dataset folder, or pairs: crops are varied anew
        in each epoch, and crops validate; a dataset that holds variants already is shown as it is. Ignored
        pixels take no part. What comes from memory is copied into the run's folder. Or films without labels
        (`training.clean_films.CleanFilms`), on which a model is tuned by flaws that are put in; it stays as
        it was where no step is better.
    run
        Folder for settings, split, history, models and state; must not hold a run.
    settings
        Epochs, rate, device, seed.
    network
        What is built; None takes the preset's, or that of the model that is trained further.
    augmentation
        The variants; None takes the preset's, or those that suit a model that is trained further.
    split
        Which films validate. Of these the crops themselves are scored, never variants.
    start_from
        A model, its name or its file, or ``"nothing"``. Its statistics of batch normalisation stay, and it is
        held to what it says of other films as far as `settings.keep` asks for.
    clean
        Films without labels whose windows, with flaws put in, are mixed into each step.
    on_event
        Told of each step and each validation.
    should_stop
        Asked after each step, and while films without labels are made ready; the best model so far is kept
        and the run can be resumed.
    should_pause
        Asked after each step; while it says so the run waits.
    should_show
        Asked at each validation; while it says so, `on_event` is handed the `FilmPredicted` of each film that
        validates.

    Returns
    -------
    TrainResult
        With the best model by its pixel F1 on the held-out films, pooled.

    Raises
    ------
    DatasetError
        If the dataset is damaged, or there is no flaw, or nothing, for one side of the split; if a film
        without labels is too small, has flaws labelled, or validates.
    ModelError
        If the loss is not finite, the network learns nothing, the folder holds a run already, or there is no
        such model.
    SettingsError
        If `network` is not that of the model, or there is no such device.
    Stopped
        If `should_stop` said so before there was a model; the run can be resumed.
    """
    material = material_of(data, on_event)
    divided = material.split(split)
    start = _start(start_from)
    given = PRESETS[settings.preset]
    if start is not None and network is not None and network != start.card.network:
        raise SettingsError(
            f"Model {start.card.name} is trained on as it is; another network can start from nothing only."
        )
    check_clean(material, divided, clean, from_model=start is not None)
    precision = resolve_precision(settings.precision, settings.device)
    chosen = settings.chosen(from_model=start is not None, labels=not isinstance(data, CleanFilms))
    check_devices(settings.device, settings.devices)
    about = RunSettings(
        train=chosen.model_copy(update={"precision": precision}),
        network=start.card.network if start else network or given.network,
        augmentation=augmentation or (VARIED if start else given.augmentation),
        split=split,
        kind=material.kind,
        dataset=material.folder,
        pairs=len(material),
        pairs_sha256=material.sha256,
        mixed_in=clean.kind if clean is not None else "",
        start_from=(start.source or start.card.name) if start else NOTHING,
        start_sha256=start.sha256 if start else "",
        threshold=start.card.threshold if start else 0.0,
        first_share=first_share(from_model=start is not None),
    )
    folder = RunFolder(Path(run))
    copied = None if material.folder else material
    mixed_in = None if clean is None else material_of(clean)
    folder.begin(about, divided.to_json(), start, copied, mixed_in)
    if divided.note:
        on_event(Message(divided.note))
    prepared = _prepared(folder, material, on_event, should_stop)
    return Going(prepared, on_event, should_stop, should_pause, should_show).go_on()


def resume(
    run: str | Path,
    data: Data | None = None,
    *,
    on_event: OnEvent = ignore,
    should_stop: ShouldStop = never,
    should_pause: ShouldStop = never,
    should_show: ShouldStop = never,
) -> TrainResult:
    """Go on with a run that was stopped or killed; it ends with the weights that it would have had (CPU).

    Parameters
    ----------
    run
        Its folder. A run that is at its end gives its result again.
    data
        Where the dataset or series lies now; None looks where it was. What was in memory is in the run's
        folder.
    on_event, should_stop, should_pause, should_show
        As for `train`.

    Raises
    ------
    DatasetError
        If the data are no longer those that the run began with.
    ModelError
        If the folder holds no run, or one of its files is damaged.
    """
    folder = RunFolder(Path(run))
    about = folder.read_settings()
    if data is None and not about.dataset:
        material = saved_material(folder.data, about.kind)
    else:
        material = material_of(about.dataset if data is None else data, on_event)
    if material.kind != about.kind or material.sha256 != about.pairs_sha256:
        what = f"{material.folder}:" if material.folder else "What was given"
        raise DatasetError(f"{what} is not the dataset that {run} began with; train anew.")
    prepared = _prepared(folder, material, on_event, should_stop)
    going = Going(prepared, on_event, should_stop, should_pause, should_show)
    if prepared.split.note and not going.record.ended():
        on_event(Message(prepared.split.note))
    return going.go_on()


def _prepared(folder: RunFolder, material: Material, on_event: OnEvent, should_stop: ShouldStop) -> Prepared:
    try:
        return Prepared(folder, material, on_event, should_stop)
    except Stopped:
        on_event(Message(f"Stopped before the first step; the run in {folder.path} can be resumed."))
        raise


def follow_run(run: Path, data: str, place: Place, say_ready: Callable[[], None]) -> None:
    """Share the steps of a run that another process leads.

    Parameters
    ----------
    run, data
        Its folder, and that of its data; empty data are in the run's folder.
    place
        Of this process.
    say_ready
        Called when all is read and the others can be joined.
    """
    folder = RunFolder(run)
    about = folder.read_settings()
    shared = Prepared(folder, material_of(data) if data else saved_material(folder.data, about.kind))
    say_ready()
    fabric = fabric_for(about.train.device, shared.fit_settings.precision, place)
    follow(
        shared.network(),
        shared.source(fabric),
        shared.fit_settings,
        folder.state,
        fabric,
        freeze_statistics=shared.start is not None,
        keeping=shared.keeping,
    )


def _start(start_from: str | Path | Model) -> Model | None:
    if isinstance(start_from, Model):
        return start_from
    return None if start_from == NOTHING else Model.load(start_from)
