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
from napari_weld_fcn.events import ALONE, JobControl, Message
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.training.data.opening import Data, check_clean, open_data, saved_data
from napari_weld_fcn.training.data.sampling import TrainingData
from napari_weld_fcn.training.hardware import resolve_precision
from napari_weld_fcn.training.processes.group import Place, check_devices, fabric_for
from napari_weld_fcn.training.refit import first_share
from napari_weld_fcn.training.run_context import RunContext
from napari_weld_fcn.training.run_folder import RunFolder
from napari_weld_fcn.training.run_record import TrainResult
from napari_weld_fcn.training.settings import PRESETS, VARIED, RunSettings, TrainSettings
from napari_weld_fcn.training.simulated.clean_films import CleanFilms, MixedData
from napari_weld_fcn.training.trainer import follow
from napari_weld_fcn.training.training_run import TrainingRun

#: What `start_from` is where no model is trained further.
NOTHING = "nothing"


def train(
    data: Data | MixedData,
    run: str | Path,
    settings: TrainSettings = TrainSettings(),
    *,
    network: NetworkSettings | None = None,
    augmentation: AugmentationSettings | None = None,
    split: SplitSettings = SplitSettings(),
    start_from: str | Path | Model = NOTHING,
    job: JobControl = ALONE,
) -> TrainResult:
    """Train a network on labelled films, or on the crops of a dataset.

    Parameters
    ----------
    data
        Films with their masks (`dataset.films.LabelledFilm`) or a GDXray series that has masks: windows are
        drawn from the films, and whole films validate. Or a dataset folder, or pairs: crops are varied anew
        in each epoch, and crops validate; a dataset that holds variants already is shown as it is. Ignored
        pixels take no part. What comes from memory is copied into the run's folder. Or films without labels
        (`CleanFilms`), on which a model is tuned by flaws that are put in; it stays as it was where no step
        is better. `MixedData` has windows of such films mixed into each step beside others.
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
    job
        Is told of each step and each validation, and asked after each step, and while films without labels
        are made ready, whether to stop: the best model so far is kept and the run can be resumed. While it
        says to pause the run waits; while it says to show, it is told the `FilmPredicted` of each film that
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
        If `job` said so before there was a model; the run can be resumed.
    """
    clean = data.clean if isinstance(data, MixedData) else None
    opened = open_data(data.labelled if isinstance(data, MixedData) else data, job)
    divided = opened.split(split)
    start = _start(start_from)
    given = PRESETS[settings.preset]
    if start is not None and network is not None and network != start.card.network:
        raise SettingsError(
            f"Model {start.card.name} is trained on as it is; another network can start from nothing only."
        )
    check_clean(opened, divided, clean, from_model=start is not None)
    precision = resolve_precision(settings.precision, settings.device)
    chosen = settings.chosen(from_model=start is not None, labels=not isinstance(data, CleanFilms))
    check_devices(settings.device, settings.devices)
    about = RunSettings(
        train=chosen.model_copy(update={"precision": precision}),
        network=start.card.network if start else network or given.network,
        augmentation=augmentation or (VARIED if start else given.augmentation),
        split=split,
        kind=opened.kind,
        dataset=opened.folder,
        pairs=len(opened),
        pairs_sha256=opened.sha256,
        mixed_in=clean.kind if clean is not None else "",
        start_from=(start.source or start.card.name) if start else NOTHING,
        start_sha256=start.sha256 if start else "",
        threshold=start.card.threshold if start else 0.0,
        first_share=first_share(from_model=start is not None),
    )
    folder = RunFolder(Path(run))
    copied = None if opened.folder else opened
    mixed_in = None if clean is None else open_data(clean)
    folder.begin(about, divided.to_json(), start, copied, mixed_in)
    if divided.note:
        job.tell(Message(divided.note))
    return TrainingRun(_context(folder, opened, job)).go_on()


def resume(run: str | Path, data: Data | None = None, *, job: JobControl = ALONE) -> TrainResult:
    """Go on with a run that was stopped or killed; it ends with the weights that it would have had (CPU).

    Parameters
    ----------
    run
        Its folder. A run that is at its end gives its result again.
    data
        Where the dataset or series lies now; None looks where it was. What was in memory is in the run's
        folder.
    job
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
        opened = saved_data(folder.data, about.kind)
    else:
        opened = open_data(about.dataset if data is None else data, job)
    if opened.kind != about.kind or opened.sha256 != about.pairs_sha256:
        what = f"{opened.folder}:" if opened.folder else "What was given"
        raise DatasetError(f"{what} is not the dataset that {run} began with; train anew.")
    going = TrainingRun(_context(folder, opened, job))
    if going.run.split.note and not going.record.ended():
        job.tell(Message(going.run.split.note))
    return going.go_on()


def _context(folder: RunFolder, data: TrainingData, job: JobControl) -> RunContext:
    try:
        return RunContext(folder, data, job)
    except Stopped:
        job.tell(Message(f"Stopped before the first step; the run in {folder.path} can be resumed."))
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
    shared = RunContext(folder, open_data(data) if data else saved_data(folder.data, about.kind))
    say_ready()
    fabric = fabric_for(about.train.device, shared.fit_settings.precision, place)
    problem = shared.problem(shared.source(fabric))
    follow(shared.network(), problem, shared.fit_settings, folder.state, fabric)


def _start(start_from: str | Path | Model) -> Model | None:
    if isinstance(start_from, Model):
        return start_from
    return None if start_from == NOTHING else Model.load(start_from)
