"""What the first process of a fit does besides the steps: it validates, saves, listens and decides.

The others take the steps that it orders, so that there is one clock, one Stop and one history however many
devices share a fit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from napari_weld_fcn.errors import ModelError, Stopped
from napari_weld_fcn.events import OnEvent, ShouldStop, StepDone, Validated
from napari_weld_fcn.radiograph.output import make_folder
from napari_weld_fcn.training.choice import best_of
from napari_weld_fcn.training.clock import Clock
from napari_weld_fcn.training.ranks import Order
from napari_weld_fcn.training.settings import FitSettings
from napari_weld_fcn.training.state import FitState

#: Scores the averaged network after a number of steps.
Validate = Callable[[torch.nn.Module, int], Validated]
#: Told of each validated network, to keep it as a model.
Keep = Callable[[torch.nn.Module, Validated], None]
#: Whether the validations so far are enough.
Enough = Callable[[Sequence[Validated]], bool]


class BlindError(ModelError):
    """The best network is no better than marking every pixel."""


@dataclass(frozen=True)
class FitResult:
    """The averaged network at its best validation, all validations, and the time without pauses."""

    network: torch.nn.Module
    best: Validated
    history: list[Validated]
    seconds: float


class Chief:
    """What the first process does besides the steps: it validates, saves, listens and decides."""

    def __init__(
        self,
        state: FitState,
        settings: FitSettings,
        folder: Path,
        clock: Clock,
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
        history, seconds = list(self.state.history), self.state.seconds
        self.state.load(self.path)
        best = self.state.history[-1]
        blind = 2 * best.flaw_share / (1 + best.flaw_share)  # F1 of marking every pixel
        pooled = 2 * best.precision * best.recall / max(best.precision + best.recall, 1e-12)
        if best.flaw_share and pooled <= 1.02 * blind:
            raise BlindError(
                "The network tells flaws from background nowhere: too few flaws, or too high a learning rate."
            )
        return FitResult(self.state.averaged, best, history, seconds)
