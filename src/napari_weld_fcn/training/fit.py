"""The fitting loop: seeded, resumable, with averaged weights and the best checkpoint.

The learning rate and the patches are functions of the step alone, and the generator that dropout draws from
is part of the state, so that a fit killed at any step and resumed ends with the weights of an unbroken one.
Where time decides instead of steps, the rate follows the clock, and no two fits are the same. What is
validated and kept are the *averaged* weights: the last weights of a noisy fit swing from step to step, their
average does not. A loss that is not finite, or a network that tells flaws nowhere, ends the fit with a
sentence.
"""

from __future__ import annotations

import copy
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from napari_weld_fcn.errors import ModelError, Stopped
from napari_weld_fcn.events import OnEvent, ShouldStop, StepDone, Validated, ignore, never
from napari_weld_fcn.training.choice import best_of
from napari_weld_fcn.training.hardware import fabric_for
from napari_weld_fcn.training.keeping import Keeping
from napari_weld_fcn.training.kept_memory import kept_memory
from napari_weld_fcn.training.patches import Source
from napari_weld_fcn.training.ranks import Order, Ranks
from napari_weld_fcn.training.settings import FitSettings
from napari_weld_fcn.training.state import STATE_FILE, FitState, make_folder
from napari_weld_fcn.training.step import Objective, Stepper, objective_of

if TYPE_CHECKING:
    from lightning_fabric import Fabric

#: Scores the averaged network after a number of steps.
Validate = Callable[[torch.nn.Module, int], Validated]
#: Told of each validated network, to keep it as a model.
Keep = Callable[[torch.nn.Module, Validated], None]
#: Whether the validations so far are enough.
Enough = Callable[[Sequence[Validated]], bool]
#: Seconds between two looks at a pause.
_PAUSE = 0.05


class BlindError(ModelError):
    """The best network is no better than marking every pixel."""


@dataclass(frozen=True)
class FitResult:
    """The averaged network at its best validation, and all validations."""

    network: torch.nn.Module
    best: Validated
    history: list[Validated]


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
    source: Source,
    validate: Validate,
    settings: FitSettings,
    folder: Path,
    *,
    device: str = "cpu",
    fabric: Fabric | None = None,
    objective: Objective | None = None,
    freeze_statistics: bool = False,
    keeping: Keeping | None = None,
    keep: Keep | None = None,
    enough: Enough = lambda history: False,
    on_event: OnEvent = ignore,
    should_stop: ShouldStop = never,
    should_pause: ShouldStop = never,
) -> FitResult:
    """Fit a network, or go on with a fit whose state lies in `folder`.

    Parameters
    ----------
    network
        Untrained or not; fitted in place.
    source
        ``source(start, stop)`` gives the batches of these steps.
    validate
        Scores the averaged network.
    settings
        Length, rate, objective.
    folder
        Keeps the state; made where it is missing.
    device
        As `prediction.device.choose_device` takes it.
    fabric
        Joined with those that `follow`, where several processes share the steps; None makes one for `device`.
    objective
        What is made small; None takes what the settings name.
    freeze_statistics
        Whether the statistics of batch normalisation stay as they are.
    keeping
        Holds the network to what it said before on the patches that batches have `known`.
    keep
        Called with the averaged network after each validation, before the state is saved: after a kill in
        between it is called once more, with the same.
    enough
        Asked after each validation whether to end.
    should_stop
        Asked after each step; `validate` may raise `Stopped` too.
    should_pause
        While it says so, and `should_stop` does not, the next step waits.

    Returns
    -------
    FitResult
        The best averaged network by its validation F1.

    Raises
    ------
    ModelError
        If the loss is not finite, or the best network is no better than marking every pixel.
    SettingsError
        If there is no memory for a single patch.
    Stopped
        If `should_stop` said so; the state is saved.
    """
    make_folder(folder)
    ranks = Ranks(fabric or fabric_for(device, settings.precision))
    state = _taken_up(network, settings, folder, ranks)
    stepper = Stepper(
        state, settings, objective or objective_of(settings), ranks, freeze_statistics, on_event, keeping
    )
    clock = _Clock(state, settings)
    chief = _Chief(
        state, settings, folder, clock, validate, keep, enough, on_event, should_stop, should_pause
    )
    with kept_memory():
        batches = source(state.step, _stop(settings))
        while True:
            order, rate = ranks.told(chief.order(), learning_rate(clock.place, settings))
            if order is not Order.STEP:
                break
            chief.step_done(stepper.take(next(batches), rate))
    if order is Order.STOP:
        raise Stopped
    return chief.best.result()


def follow(
    network: torch.nn.Module,
    source: Source,
    settings: FitSettings,
    folder: Path,
    fabric: Fabric,
    *,
    objective: Objective | None = None,
    freeze_statistics: bool = False,
    keeping: Keeping | None = None,
) -> None:
    """Share the steps of a `fit` that another process leads; parameters are those that it has."""
    ranks = Ranks(fabric)
    state = _taken_up(network, settings, folder, ranks)
    stepper = Stepper(
        state, settings, objective or objective_of(settings), ranks, freeze_statistics, ignore, keeping
    )
    with kept_memory():
        batches = source(state.step, _stop(settings))
        while True:
            order, rate = ranks.told(Order.STEP, 0.0)
            if order is not Order.STEP:
                return
            stepper.take(next(batches), rate)
            state.step += 1


def _taken_up(network: torch.nn.Module, settings: FitSettings, folder: Path, ranks: Ranks) -> FitState:
    """The state in the folder, or the one before the first step; the same in every process."""
    torch.manual_seed(settings.seed)
    state = begin(_laid_out(network, ranks.fabric.device), settings)
    if (folder / STATE_FILE).exists():
        state.load(folder)
    ranks.wait_for_all()
    return state


def _stop(settings: FitSettings) -> int:
    """The step that is not taken any more; where time decides, none that is reached."""
    return sys.maxsize if settings.seconds else settings.steps


def begin(network: torch.nn.Module, settings: FitSettings) -> FitState:
    """Return the state before the first step."""
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    averaged = copy.deepcopy(network).requires_grad_(False)
    return FitState(network, averaged, optimiser, settings)


def _laid_out(network: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """Bring a network to its device; on a processor with channels last, which is faster by a third."""
    if device.type == "cpu":
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
    return network.to(device)


class _Clock:
    """How much of the fit is done, by its steps or by its time; pauses do not count."""

    def __init__(self, state: FitState, settings: FitSettings) -> None:
        self.state, self.settings = state, settings
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
        """Whether the fit is at its end; in time for as long a validation as the last one was."""
        if not self.settings.seconds:
            return self.state.step >= self.settings.steps
        return self.state.seconds + self._validation >= self.settings.seconds

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

    def pause(self, should_pause: ShouldStop, should_stop: ShouldStop) -> None:
        """Wait as long as one says so and the other does not."""
        began = time.monotonic()
        while should_pause() and not should_stop():
            time.sleep(_PAUSE)
        self._started += time.monotonic() - began

    def validated(self, began: float) -> None:
        """Learn how long a validation takes."""
        self._validation = time.monotonic() - began


class _Chief:
    """What the first process does besides the steps: it validates, saves, listens and decides."""

    def __init__(
        self,
        state: FitState,
        settings: FitSettings,
        folder: Path,
        clock: _Clock,
        validate: Validate,
        keep: Keep | None,
        enough: Enough,
        on_event: OnEvent,
        should_stop: ShouldStop,
        should_pause: ShouldStop,
    ) -> None:
        self.state, self.settings, self.folder, self.clock = state, settings, folder, clock
        self.validate, self.keep, self.enough = validate, keep, enough
        self.on_event, self.should_stop, self.should_pause = on_event, should_stop, should_pause
        self.best = _Best(folder, state)
        self._stepped = False

    def step_done(self, loss: float) -> None:
        """Count and tell a step."""
        self._stepped = True
        self.state.step += 1
        self.state.losses.append(loss)
        self.clock.tick()
        self.on_event(StepDone(self.state.step, self.clock.total, loss, self.clock.seconds_left()))

    def order(self) -> Order:
        """Validate where it is due, then say how to go on."""
        try:
            self._validate_where_due()
        except Stopped:
            return self._stop()
        if self.clock.over or self.enough(self.state.history):
            return Order.END
        if self._stepped:
            self.clock.pause(self.should_pause, self.should_stop)
            if self.should_stop():
                return self._stop()
        return Order.STEP

    def _stop(self) -> Order:
        self.state.save(self.folder)
        return Order.STOP

    def _validate_where_due(self) -> None:
        """A state may have been saved between a step and its validation, which is then done now."""
        state, done = self.state, bool(self.state.history) and self.state.history[-1].step == self.state.step
        if done or not state.step or not (state.step % self.settings.validate_every == 0 or self.clock.over):
            return
        began = time.monotonic()
        found = self.validate(state.averaged, state.step)
        scores = replace(found, loss=sum(state.losses) / max(1, len(state.losses)))
        self.clock.validated(began)
        self.clock.tick()
        if self.clock.over:  # perhaps only now, that it is known how long a validation takes
            state.seconds = max(state.seconds, self.settings.seconds)
        state.losses.clear()
        state.history.append(scores)
        self.best.offer(scores)
        if self.keep is not None:
            self.keep(state.averaged, scores)
        state.save(self.folder)
        self.on_event(scores)


class _Best:
    """The averaged weights at the best validation so far, kept beside the state."""

    def __init__(self, folder: Path, state: FitState) -> None:
        self.path = folder / "best"
        self.state = state

    def offer(self, scores: Validated) -> None:
        f1 = [each.f1 for each in self.state.history]
        if best_of(f1, self.state.settings.margin) == len(f1) - 1:
            make_folder(self.path)
            self.state.save(self.path)

    def result(self) -> FitResult:
        history = list(self.state.history)
        self.state.load(self.path)
        best = self.state.history[-1]
        blind = 2 * best.flaw_share / (1 + best.flaw_share)  # F1 of marking every pixel
        pooled = 2 * best.precision * best.recall / max(best.precision + best.recall, 1e-12)
        if pooled <= 1.02 * blind:
            raise BlindError(
                "The network tells flaws from background nowhere: too few flaws, or too high a learning rate."
            )
        return FitResult(self.state.averaged, best, history)
