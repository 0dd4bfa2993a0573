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
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from napari_weld_fcn.errors import Stopped
from napari_weld_fcn.events import OnEvent, ShouldStop, ignore, never
from napari_weld_fcn.radiograph.output import make_folder
from napari_weld_fcn.training.chief import Chief, Enough, FitResult, Keep, Validate
from napari_weld_fcn.training.clock import Clock
from napari_weld_fcn.training.hardware import fabric_for
from napari_weld_fcn.training.keeping import Keeping
from napari_weld_fcn.training.kept_memory import kept_memory
from napari_weld_fcn.training.patches import Source
from napari_weld_fcn.training.ranks import Order, Ranks
from napari_weld_fcn.training.settings import FitSettings
from napari_weld_fcn.training.state import STATE_FILE, FitState
from napari_weld_fcn.training.step import Objective, Stepper, objective_of

if TYPE_CHECKING:
    from lightning_fabric import Fabric


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
    reserve: float = 0.0,
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
    reserve
        Seconds that are needed after the last step at least, where time decides.

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
    clock = Clock(state, settings, reserve)
    chief = Chief(state, settings, folder, clock, validate, keep, enough, on_event, should_stop, should_pause)
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
