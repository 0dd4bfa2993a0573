"""A run by epochs, from a dataset to a model, in one folder that it can always be resumed from.

`train` writes down what the run is and then does what `resume` does: it reads the folder and goes on. There
is no other way in, so that a run that was killed cannot know less than one that was not. Stopping keeps the
best model so far.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from napari_weld_fcn.dataset.films import FilmSplit
from napari_weld_fcn.dataset.settings import AugmentationSettings, SplitSettings
from napari_weld_fcn.errors import DatasetError, SettingsError, Stopped
from napari_weld_fcn.events import Event, Message, OnEvent, ShouldStop, Validated, ignore, never
from napari_weld_fcn.network.model import Card, Model
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.prediction.device import choose_device
from napari_weld_fcn.training.chief import BlindError
from napari_weld_fcn.training.choice import best_of
from napari_weld_fcn.training.clean_films import CleanFilms
from napari_weld_fcn.training.data import Data, clean_films, material_of, saved_material
from napari_weld_fcn.training.film_material import Films
from napari_weld_fcn.training.fit import begin, fit, follow
from napari_weld_fcn.training.hardware import Place, check_devices, fabric_for, resolve_precision
from napari_weld_fcn.training.keeping import Keeping
from napari_weld_fcn.training.material import Lesson, Material
from napari_weld_fcn.training.memory import estimate, memory_of_computer
from napari_weld_fcn.training.mixed_in import WithClean, check_clean
from napari_weld_fcn.training.patches import Batch, Source
from napari_weld_fcn.training.processes import joined
from napari_weld_fcn.training.ranks import Ranks
from napari_weld_fcn.training.run_card import card_of
from napari_weld_fcn.training.run_folder import Row, RunFolder
from napari_weld_fcn.training.settings import PRESETS, VARIED, FitSettings, RunSettings, TrainSettings

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_NOT_EXACT = (
    "A run by minutes depends on how fast the computer is: repeated or resumed, it ends with other weights."
)

#: What `start_from` is where no model is trained further.
NOTHING = "nothing"


@dataclass(frozen=True)
class TrainResult:
    """What a run came to.

    Attributes
    ----------
    run
        Its folder.
    model
        File of the best model.
    best
        The validation of that model.
    stopped
        Whether the run was stopped and can be resumed.
    memory_bytes
        What the run was estimated to need, in all its processes; of GPUs their own memory.
    """

    run: Path
    model: Path
    best: Row
    stopped: bool
    memory_bytes: int


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
        Asked after each step; the best model so far is kept and the run can be resumed.
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
    )
    folder = RunFolder(Path(run))
    copied = None if material.folder else material
    mixed_in = None if clean is None else material_of(clean)
    folder.begin(about, divided.to_json(), start, copied, mixed_in)
    if divided.note:
        on_event(Message(divided.note))
    return _Run(folder, material).go_on(on_event, should_stop, should_pause, should_show)


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
    return _Run(folder, material).go_on(on_event, should_stop, should_pause, should_show)


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
    shared = _Run(folder, material_of(data) if data else saved_material(folder.data, about.kind))
    say_ready()
    shared.follow(fabric_for(about.train.device, shared.fit_settings.precision, place))


def _without_scores(on_event: OnEvent) -> OnEvent:
    """Hand on all but scores: what was held back is none any more."""

    def told(event: Event) -> None:
        if not isinstance(event, Validated):
            on_event(event)

    return told


def _start(start_from: str | Path | Model) -> Model | None:
    if isinstance(start_from, Model):
        return start_from
    return None if start_from == NOTHING else Model.load(start_from)


class _Run:
    """A run as its folder tells it."""

    def __init__(self, folder: RunFolder, material: Material) -> None:
        self.folder, self.material = folder, material
        self.about = folder.read_settings()
        self.split = material.read_split(folder.split_text(), str(folder.splits_file))
        self.start = Model.load(folder.start) if self.about.start_sha256 else None
        self.lesson = self._lesson()
        self.before = None if self.lesson.before is None else self._row(self.lesson.before)
        self.keeping = self._keeping()
        self.fit_settings = self._fit_settings()
        self.on_event: OnEvent = ignore
        self.should_show: ShouldStop = never

    def go_on(
        self, on_event: OnEvent, should_stop: ShouldStop, should_pause: ShouldStop, should_show: ShouldStop
    ) -> TrainResult:
        """Fit up to the end, or until it is stopped."""
        self.on_event, self.should_show = on_event, should_show
        device = choose_device(self.about.train.device)
        self.folder.add_session(str(device))
        for note in self.material.notes(self.about):
            on_event(Message(note))
        if self.fit_settings.seconds:
            on_event(Message(_NOT_EXACT))
        on_event(Message(self._told_memory()))
        self._begin_with_start()
        try:
            with self._fabric() as fabric:
                result = fit(
                    self._network(),
                    self._source(fabric),
                    lambda averaged, step: self._validate(averaged, step, should_stop),
                    self.fit_settings,
                    self.folder.state,
                    fabric=fabric,
                    freeze_statistics=self.start is not None,
                    keeping=self.keeping,
                    keep=self._keep,
                    enough=self._enough,
                    on_event=on_event,
                    should_stop=should_stop,
                    should_pause=should_pause,
                )
        except BlindError:
            if self.before is None:
                raise
        except Stopped:
            return self._stopped()
        else:
            if self._enough(result.history):
                on_event(Message(f"No better validation for {self.about.train.patience} epochs: ended."))
            if self._learns_all:
                try:
                    self._learn_all(on_event, should_stop, should_pause)
                except Stopped:
                    return self._stopped()
        if self._best() == self.before:
            on_event(Message("No step was better than the model that it began with, which is kept."))
        return self._result(stopped=False)

    @property
    def _learns_all(self) -> bool:
        """Whether what was held back of a film that is alone is learned in the end."""
        train, split = self.about.train, self.split
        alone = isinstance(split, FilmSplit) and split.cuts_a_film
        return train.again and alone and self.before is None and train.devices == 1

    def _learn_all(self, on_event: OnEvent, should_stop: ShouldStop, should_pause: ShouldStop) -> None:
        """Fit anew, on all labels, for as many steps as the best network had; that is the model."""
        chosen, settings = self._best(), self.fit_settings
        on_event(Message(f"Learning all labels, those held back too, for {chosen.step} steps."))
        share = chosen.step / max(row.step for row in self.folder.history())
        again = settings.model_copy(
            update={
                "steps": chosen.step,
                "validate_every": chosen.step,
                "warm_up": round(self.about.train.warm_up * chosen.step),
                "seconds": share * settings.seconds,
            }
        )
        known = Validated(chosen.step, chosen.f1, chosen.precision, chosen.recall, chosen.threshold, 0.0)
        network = fit(
            self._network(),
            self._kept(self._lesson(whole=True).batches),
            lambda averaged, step: replace(known, step=step),
            again,
            self.folder.state / "again",
            device=choose_device(self.about.train.device).type,
            freeze_statistics=self.start is not None,
            keeping=self.keeping,
            on_event=_without_scores(on_event),
            should_stop=should_stop,
            should_pause=should_pause,
        ).network
        Model.create(self._card(chosen), network).save(self.folder.best)

    def follow(self, fabric: Fabric) -> None:
        """Share the steps of the process that leads the run."""
        follow(
            self._network(),
            self._source(fabric),
            self.fit_settings,
            self.folder.state,
            fabric,
            freeze_statistics=self.start is not None,
            keeping=self.keeping,
        )

    @contextmanager
    def _fabric(self) -> Iterator[Fabric]:
        train, precision = self.about.train, self.fit_settings.precision
        if train.devices == 1:
            yield fabric_for(train.device, precision)
            return
        data = self.material.folder
        with joined(self.folder.path, data, train.device, precision, train.devices) as fabric:
            yield fabric

    def _source(self, fabric: Fabric) -> Source:
        ranks = Ranks(fabric)

        def share(start: int, stop: int) -> Iterator[Batch]:
            return self.lesson.batches(start, stop, ranks.rank, ranks.count)

        return self._kept(share)

    def _kept(self, source: Source) -> Source:
        return source if self.keeping is None else self.keeping.beside(source)

    def _lesson(self, *, whole: bool = False) -> Lesson:
        """What the run shows; of the films that are cut, the whole."""
        split = self.split
        if whole:
            assert isinstance(split, FilmSplit) and isinstance(self.material, Films)
            split = split.whole(self.material.films)
        lesson = self.material.lesson(self.about, split, self.start)
        if not self.about.mixed_in:
            return lesson
        mixed_in = clean_films(self.folder.clean, self.about.mixed_in)
        return WithClean(lesson, mixed_in, self.about, self.start)

    def _keeping(self) -> Keeping | None:
        train = self.about.train
        if self.start is None or not train.keep:
            return None
        return Keeping(
            self.start.network,
            train.keep,
            train.seed,
            dice_weight=train.dice_weight,
            smoothing=train.dice_smoothing,
        )

    def memory_bytes(self) -> int:
        """Estimate what the run needs, in all its processes."""
        train = self.about.train
        kind = choose_device(train.device).type
        patches = -(-train.batch // train.devices)
        each = estimate(self._network(), patches, self.lesson.size, kind)
        return train.devices * (each + self.lesson.held_bytes)

    def _told_memory(self) -> str:
        needed, there = self.memory_bytes(), memory_of_computer()
        text = f"Training needs about {needed / 1e9:.1f} GB of memory"
        if choose_device(self.about.train.device).type == "cpu" and there and needed > there:
            text += f", and this computer has {there / 1e9:.1f} GB; take a smaller batch or window"
        return f"{text}."

    def _fit_settings(self) -> FitSettings:
        train, each = self.about.train, self.lesson.steps_per_epoch
        steps = train.epochs * each
        shared = train.model_dump(include=set(FitSettings.model_fields) - {"warm_up"})
        return FitSettings(
            **shared,
            steps=steps,
            validate_every=each,
            warm_up=round(train.warm_up * steps),
            seconds=60 * train.minutes * (0.5 if self._learns_all else 1.0),
        )

    def _network(self) -> torch.nn.Module:
        if self.start is not None:
            return copy.deepcopy(self.start.network)
        return Model.create(Card(name="new", network=self.about.network), seed=self.about.train.seed).network

    def _validate(self, averaged: torch.nn.Module, step: int, should_stop: ShouldStop = never) -> Validated:
        model = Model.create(Card(name="validated", network=self.about.network), averaged)
        device = next(averaged.parameters()).device
        return self.lesson.validate(model, device, step, self.on_event, self.should_show, should_stop)

    def _keep(self, averaged: torch.nn.Module, scores: Validated) -> None:
        """Write a validated network as the last model, and as the best where it is."""
        row = self._row(scores)
        model = Model.create(self._card(row), averaged)
        self.folder.add(row, self.about.train.margin)
        if self._best() == row:
            model.save(self.folder.best)
        model.save(self.folder.last)

    def _begin_with_start(self) -> None:
        """Tell how good the model is that must be beaten, and keep it as the best so far."""
        if self.before is None or self.start is None or self.folder.history():
            return
        assert self.lesson.before is not None
        self.on_event(self.lesson.before)
        Model.create(self._card(self.before), self.start.network).save(self.folder.best)

    def _best(self) -> Row:
        """Return the validation whose network is taken; that before any step, where it had to be beaten."""
        rows = self.folder.history()
        if self.before is not None:
            rows = [row for row in rows if row.f1 > self.before.f1]
            if not rows:
                return self.before
        return rows[best_of([row.f1 for row in rows], self.about.train.margin)]

    def _enough(self, history: Sequence[Validated]) -> bool:
        patience = self.about.train.patience
        if not patience or not history:
            return False
        best = best_of([each.f1 for each in history], self.about.train.margin)
        return len(history) - 1 - best >= patience

    def _stopped(self) -> TrainResult:
        """Return the best so far; before the first validation that is the network as it stands."""
        if not self.folder.history() and self.before is None:
            state = begin(self._network(), self.fit_settings)
            state.load(self.folder.state)
            row = self._row(self._validate(state.averaged, state.step))
            Model.create(self._card(row), state.averaged).save(self.folder.best)
            return TrainResult(self.folder.path, self.folder.best, row, True, self.memory_bytes())
        return self._result(stopped=True)

    def _result(self, *, stopped: bool) -> TrainResult:
        return TrainResult(self.folder.path, self.folder.best, self._best(), stopped, self.memory_bytes())

    def _row(self, scores: Validated) -> Row:
        return Row.of(scores, scores.step // self.lesson.steps_per_epoch)

    def _card(self, row: Row) -> Card:
        start = self.start.card if self.start else None
        return card_of(self.folder.path, self.about, self.split, row, start, self.material.pixel_sizes_mm)
