"""How far a fit is, by its steps or by its time; pauses do not count."""

from __future__ import annotations

import time

from napari_weld_fcn.events import ShouldStop
from napari_weld_fcn.training.settings import FitSettings
from napari_weld_fcn.training.state import FitState

#: Seconds between two looks at a pause.
_PAUSE = 0.05


class Clock:
    """How much of the fit is done, by its steps or by its time; pauses do not count."""

    def __init__(self, state: FitState, settings: FitSettings, reserve: float = 0.0) -> None:
        self.state, self.settings, self._reserve = state, settings, reserve
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

    def pause(self, should_pause: ShouldStop, should_stop: ShouldStop) -> None:
        """Wait as long as one says so and the other does not."""
        began = time.monotonic()
        while should_pause() and not should_stop():
            time.sleep(_PAUSE)
        self._started += time.monotonic() - began

    def validated(self, began: float) -> None:
        """Learn how long a validation takes."""
        self._validation = time.monotonic() - began
