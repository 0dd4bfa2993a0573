"""A run as its folder tells it: what it shows, from which network it goes on, and for how long."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from napari_weld_fcn.dataset.films import FilmSplit
from napari_weld_fcn.events import ALONE, JobControl, Validated
from napari_weld_fcn.network.model import Card, Model
from napari_weld_fcn.prediction.engine import choose_device
from napari_weld_fcn.training.data.films import Films, FilmValidation
from napari_weld_fcn.training.data.opening import saved_clean_films
from napari_weld_fcn.training.data.sampling import Batch, Share, Source, Task, TrainingData
from napari_weld_fcn.training.distillation import Distillation
from napari_weld_fcn.training.hardware import estimate, memory_of_computer
from napari_weld_fcn.training.objective import Problem
from napari_weld_fcn.training.processes.group import ProcessGroup, fabric_for, joined
from napari_weld_fcn.training.refit import refits_on_all
from napari_weld_fcn.training.run_folder import RunFolder
from napari_weld_fcn.training.settings import FitSettings
from napari_weld_fcn.training.simulated.without_labels import mixed_task

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class RunContext:
    """What a run is made of; nothing of it depends on how far the run is.

    Parameters
    ----------
    folder
        That `train` began.
    data
        What it learns from.
    job
        Told of each film without labels that is made ready; may stop it.

    Raises
    ------
    Stopped
        If `job` said so.

    Attributes
    ----------
    about, split
        What the run was asked for, and what trains and validates.
    start
        The model that is trained further; None where none is.
    task
        What it shows, and how it is scored.
    distillation
        Holds the network to what the first one said; None where nothing does.
    fit_settings
        Of the loop of steps.
    """

    def __init__(self, folder: RunFolder, data: TrainingData, job: JobControl = ALONE) -> None:
        self.folder, self.data, self.job = folder, data, job
        self.about = folder.read_settings()
        self.split = data.read_split(folder.split_text(), str(folder.splits_file))
        self.start = Model.load(folder.start) if self.about.start_sha256 else None
        self.task = self._task()
        self.distillation = self._distillation()
        self.fit_settings = self._fit_settings()

    @property
    def refits(self) -> bool:
        """Whether what was held back of a film that is alone is learned in the end."""
        return self.task.before is None and refits_on_all(self.about.train, self.split)

    def whole_task(self) -> Task:
        """What the run shows, with all of the film that is cut.

        A window may be as large as the labelled part is broad; here it stays as it was, or a step would take
        several times as long, and in the same time there would be hardly any.
        """
        return self._task(whole=True)

    def judges(self) -> tuple[FilmValidation, FilmValidation]:
        """What scores a network on what was held back of a film, and on the other part of that film.

        Other films are left out: they have no flaw, and to predict them takes as long as it may.
        """
        split, data = self.split, self.data
        assert isinstance(split, FilmSplit) and isinstance(data, Films)
        cut = {part.position for part in split.validation}
        learned = tuple(part for part in split.training if part.position in cut)
        held_back, other = (
            FilmValidation(data.films, replace(split, training=(), validation=parts))
            for parts in (split.validation, learned)
        )
        return held_back, other

    @contextmanager
    def fabric(self) -> Iterator[Fabric]:
        """Join the processes that share the steps; alone, where there is one."""
        train, precision = self.about.train, self.fit_settings.precision
        if train.devices == 1:
            yield fabric_for(train.device, precision)
            return
        data = self.data.folder
        with joined(self.folder.path, data, train.device, precision, train.devices) as fabric:
            yield fabric

    def source(self, fabric: Fabric) -> Source:
        """Return the batches, of each the share of one process."""
        group = ProcessGroup(fabric)

        def share(start: int, stop: int) -> Iterator[Batch]:
            return self.task.sampler.batches(start, stop, Share(group.rank, group.count))

        return share

    def problem(self, source: Source) -> Problem:
        """Return what these batches ask of the network, with what holds it to what it said."""
        return Problem(
            source if self.distillation is None else self.distillation.beside(source),
            self.validate,
            freeze_statistics=self.start is not None,
            distillation=self.distillation,
        )

    def validate(self, averaged: torch.nn.Module, step: int, job: JobControl | None = None) -> Validated:
        """Score a network on what is held out; `job` is that of the run where none is given."""
        model = Model.create(Card(name="validated", network=self.about.network), averaged)
        return self.task.validate(model, step, job or self.job)

    def network(self) -> torch.nn.Module:
        """Return the network before the first step; a new one at each call."""
        if self.start is not None:
            return copy.deepcopy(self.start.network)
        return Model.create(Card(name="new", network=self.about.network), seed=self.about.train.seed).network

    def memory_bytes(self) -> int:
        """Estimate what the run needs, in all its processes."""
        train = self.about.train
        kind = choose_device(train.device).type
        patches = -(-train.batch // train.devices)
        each = estimate(self.network(), patches, self.task.sampler.size, kind)
        return train.devices * (each + self.task.held_bytes)

    def told_memory(self) -> str:
        """Say what the run needs, and what there is if that is less."""
        needed, there = self.memory_bytes(), memory_of_computer()
        text = f"Training needs about {needed / 1e9:.1f} GB of memory"
        if choose_device(self.about.train.device).type == "cpu" and there and needed > there:
            text += f", and this computer has {there / 1e9:.1f} GB; take a smaller batch or window"
        return f"{text}."

    def _task(self, *, whole: bool = False) -> Task:
        """What the run shows; of the films that are cut, the whole."""
        split, about = self.split, self.about
        if whole:
            assert isinstance(split, FilmSplit) and isinstance(self.data, Films)
            split = split.whole(self.data.films)
            window = about.train.model_copy(update={"window": max(self.task.sampler.size)})
            about = about.model_copy(update={"train": window})
        task = self.data.task(about, split, self.start, self.job)
        if not about.mixed_in:
            return task
        mixed_in = saved_clean_films(self.folder.clean, about.mixed_in)
        return mixed_task(task, mixed_in, about, self.start, self.job)

    def _distillation(self) -> Distillation | None:
        train = self.about.train
        if self.start is None or not train.keep:
            return None
        return Distillation(
            self.start.network,
            train.keep,
            train.seed,
            dice_weight=train.dice_weight,
            smoothing=train.dice_smoothing,
        )

    def _fit_settings(self) -> FitSettings:
        train, each = self.about.train, self.task.sampler.steps_per_epoch
        steps = train.epochs * each
        shared = train.model_dump(include=set(FitSettings.model_fields) - {"warm_up", "flaw_weight"})
        return FitSettings(
            **shared,
            steps=steps,
            validate_every=each,
            warm_up=round(train.warm_up * steps),
            seconds=60 * (train.minutes or 0) * (self.about.first_share if self.refits else 1.0),
            flaw_weight=train.flaw_weight if self.start is None and self.task.flaws_are_rare else 0.0,
        )
