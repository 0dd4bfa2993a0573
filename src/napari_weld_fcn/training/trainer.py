"""The trainer: seeded, resumable, with averaged weights and the best checkpoint.

The learning rate and the patches are functions of the step alone, and the generator that dropout draws from
is part of the state, so that a fit killed at any step and resumed ends with the weights of an unbroken one.
Where time decides instead of steps, the rate follows the clock, and no two fits are the same. What is
validated and kept are the *averaged* weights: the last weights of a noisy fit swing from step to step, their
average does not. A loss that is not finite, or a network that tells flaws nowhere, ends the fit with a
sentence. Where several processes share a fit, the first alone validates, saves, listens and decides, so that
there is one clock, one Stop and one history.
"""

from __future__ import annotations

import copy
import math
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from napari_weld_fcn.errors import ModelError, Stopped
from napari_weld_fcn.events import ALONE, JobControl, StepDone, Validated
from napari_weld_fcn.radiograph.output import make_folder
from napari_weld_fcn.training.checkpoint_selection import CheckpointSelection
from napari_weld_fcn.training.hardware import malloc_tuning
from napari_weld_fcn.training.objective import Problem
from napari_weld_fcn.training.processes.group import Order, ProcessGroup, fabric_for
from napari_weld_fcn.training.settings import FitSettings
from napari_weld_fcn.training.state import STATE_FILE, FitState
from napari_weld_fcn.training.step import Stepper

if TYPE_CHECKING:
    from lightning_fabric import Fabric

#: Seconds between two looks at a pause.
_PAUSE = 0.05


class NotBetterError(ModelError):
    """The best network is no better than marking every pixel, or than the one that had to be beaten."""


@dataclass(frozen=True)
class FitResult:
    """The averaged network at its best validation, all validations, and the time without pauses."""

    network: torch.nn.Module
    best: Validated
    history: list[Validated]
    seconds: float


def learning_rate(step: float, settings: FitSettings) -> float:
    """Warm-up, then half a cosine down to its final share.

    Parameters
    ----------
    step
        Steps done; where time decides, the part of `settings.steps` that belongs to the time gone by.
    settings
        Of the fit.
    """
    rise = min(1.0, (step + 1) / max(1, settings.warm_up))
    fall = 0.5 * (1 + math.cos(math.pi * step / settings.steps))
    return settings.learning_rate * rise * (settings.final_rate + (1 - settings.final_rate) * fall)


def fit(
    network: torch.nn.Module,
    problem: Problem,
    settings: FitSettings,
    folder: Path,
    *,
    fabric: Fabric | None = None,
    job: JobControl = ALONE,
    reserve: float = 0.0,
) -> FitResult:
    """Fit a network, or go on with a fit whose state lies in `folder`.

    Parameters
    ----------
    network
        Untrained or not; fitted in place.
    problem
        What is shown, what is made small, and how it is scored.
    settings
        Length, rate, objective.
    folder
        Keeps the state; made where it is missing.
    fabric
        Joined with those that `follow`, where several processes share the steps; None makes one for a
        processor.
    job
        Asked after each step whether to stop; while it says to pause, the next step waits.
    reserve
        Seconds that are needed after the last step at least, where time decides.

    Returns
    -------
    FitResult
        The averaged network that the problem selects.

    Raises
    ------
    ModelError
        If the loss is not finite, or the best network is no better than marking every pixel.
    SettingsError
        If there is no memory for a single patch.
    Stopped
        If `job` said so; the state is saved.
    """
    make_folder(folder)
    group = ProcessGroup(fabric or fabric_for("cpu", settings.precision))
    state = _taken_up(network, settings, folder, group)
    trainer = Trainer(state, problem, folder, job, reserve)
    if _take_steps(state, problem, group, trainer, job) is Order.STOP:
        raise Stopped
    return trainer.result()


def follow(
    network: torch.nn.Module, problem: Problem, settings: FitSettings, folder: Path, fabric: Fabric
) -> None:
    """Share the steps of a `fit` that another process leads; parameters are those that it has."""
    group = ProcessGroup(fabric)
    _take_steps(_taken_up(network, settings, folder, group), problem, group)


def begin(network: torch.nn.Module, settings: FitSettings) -> FitState:
    """Return the state before the first step."""
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    averaged = copy.deepcopy(network).requires_grad_(False)
    return FitState(network, averaged, optimiser, settings)


def _taken_up(network: torch.nn.Module, settings: FitSettings, folder: Path, group: ProcessGroup) -> FitState:
    """The state in the folder, or the one before the first step; the same in every process."""
    torch.manual_seed(settings.seed)
    if group.fabric.device.type == "cpu":  # with channels last, which is faster by a third
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    state = begin(network.to(group.fabric.device), settings)
    if (folder / STATE_FILE).exists():
        state.load(folder)
    group.wait_for_all()
    return state


def _take_steps(
    state: FitState,
    problem: Problem,
    group: ProcessGroup,
    trainer: Trainer | None = None,
    job: JobControl = ALONE,
) -> Order:
    """Take steps as the trainer of the first process orders, until it orders an end."""
    stepper = Stepper(state, problem, group, job)
    last = sys.maxsize if state.settings.seconds else state.settings.steps
    with malloc_tuning():
        batches = problem.source(state.step, last)
        while True:
            order, rate = group.told(*((Order.STEP, 0.0) if trainer is None else trainer.order()))
            if order is not Order.STEP:
                return order
            loss = stepper.take(next(batches), rate)
            state.step += 1
            if trainer is not None:
                trainer.step_done(loss)


class Trainer:
    """What the first process does besides the steps; parameters are those of `fit`."""

    def __init__(
        self, state: FitState, problem: Problem, folder: Path, job: JobControl, reserve: float = 0.0
    ) -> None:
        self.state, self.settings, self.problem = state, state.settings, problem
        self.folder, self.job = folder, job
        self.selection = problem.selection or CheckpointSelection(state.settings.margin)
        self.budget = Budget(state, reserve)
        self._stepped = False

    def step_done(self, loss: float) -> None:
        """Count and tell a step."""
        self._stepped = True
        self.state.losses.append(loss)
        self.budget.tick()
        self.job.tell(StepDone(self.state.step, self.budget.total, loss, self.budget.seconds_left()))

    def order(self) -> tuple[Order, float]:
        """Validate where it is due, then say how to go on, and at which rate."""
        try:
            self._validate_where_due()
            if self.budget.over or self.selection.enough(self._scores):
                return Order.END, 0.0
            if self._stepped:
                self.budget.pause(self.job)
                self.job.check()
        except Stopped:
            self.state.save(self.folder)
            return Order.STOP, 0.0
        return Order.STEP, learning_rate(self.budget.place, self.settings)

    def result(self) -> FitResult:
        """Return the network that is taken.

        Raises
        ------
        NotBetterError
            If none is any good.
        """
        history, seconds = list(self.state.history), self.state.seconds
        if self.selection.best(self._scores) is None:
            raise NotBetterError("No network is better than the one that the training began with.")
        self.state.load(self._best)
        best = self.state.history[-1]
        blind = 2 * best.flaw_share / (1 + best.flaw_share)  # F1 of marking every pixel
        pooled = 2 * best.precision * best.recall / max(best.precision + best.recall, 1e-12)
        if best.flaw_share and pooled <= 1.02 * blind:
            raise NotBetterError(
                "The network tells flaws from background nowhere: too few flaws, or too high a learning rate."
            )
        return FitResult(self.state.averaged, best, history, seconds)

    @property
    def _best(self) -> Path:
        """Folder of the state at the best validation so far."""
        return self.folder / "best"

    @property
    def _scores(self) -> list[float]:
        return [each.f1 for each in self.state.history]

    def _validate_where_due(self) -> None:
        """A state may have been saved between a step and its validation, which is then done now."""
        state, done = self.state, bool(self.state.history) and self.state.history[-1].step == self.state.step
        if done or not state.step or not (state.step % self.settings.validate_every == 0 or self.budget.over):
            return
        began = time.monotonic()
        found = self.problem.validate(state.averaged, state.step)
        scores = replace(found, loss=sum(state.losses) / max(1, len(state.losses)))
        self.budget.validated(began)
        self.budget.tick()
        if self.budget.over:  # perhaps only now, that it is known how long a validation takes
            state.seconds = max(state.seconds, self.settings.seconds)
        state.losses.clear()
        state.history.append(scores)
        best = self.selection.best(self._scores) == len(state.history) - 1
        if best:
            make_folder(self._best)
            state.save(self._best)
        if self.problem.keep is not None:
            self.problem.keep(state.averaged, scores, best)
        state.save(self.folder)
        self.job.tell(scores)


class Budget:
    """How much of a fit is done, by its steps or by its time; pauses do not count."""

    def __init__(self, state: FitState, reserve: float = 0.0) -> None:
        self.state, self.settings, self._reserve = state, state.settings, reserve
        self._before, self._first = state.seconds, state.step
        self._started = time.monotonic()
        self._validation = 0.0

    @property
    def place(self) -> float:
        """Steps done, or the part of them that belongs to the time gone by."""
        if not self.settings.seconds:
            return self.state.step
        return min(self.state.seconds / self.settings.seconds, 1.0) * self.settings.steps

    @property
    def over(self) -> bool:
        """Whether the fit is at its end; in time for as long a validation as the last one was, or longer."""
        if not self.settings.seconds:
            return self.state.step >= self.settings.steps
        return self.state.seconds + max(self._validation, self._reserve) >= self.settings.seconds

    @property
    def total(self) -> int:
        """Steps in all; where time decides, about so many."""
        if not self.settings.seconds:
            return self.settings.steps
        done = self.state.seconds / self.settings.seconds
        return max(self.state.step, round(self.state.step / max(done, 1e-9)))

    def tick(self) -> None:
        """Count the time up to now."""
        self.state.seconds = self._before + time.monotonic() - self._started

    def seconds_left(self) -> float:
        """About; from the pace of this session."""
        if self.settings.seconds:
            return max(0.0, self.settings.seconds - self.state.seconds)
        spent, steps = self.state.seconds - self._before, self.state.step - self._first
        return spent / steps * (self.settings.steps - self.state.step)

    def pause(self, job: JobControl) -> None:
        """Wait as long as it says so and does not say to stop."""
        began = time.monotonic()
        while job.should_pause() and not job.should_stop():
            time.sleep(_PAUSE)
        self._started += time.monotonic() - began

    def validated(self, began: float) -> None:
        """Learn how long a validation takes."""
        self._validation = time.monotonic() - began
