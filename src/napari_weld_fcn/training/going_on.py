"""A run on its way, up to its end or until it is stopped."""

from __future__ import annotations

from dataclasses import replace

import torch

from napari_weld_fcn.errors import Stopped
from napari_weld_fcn.events import Event, Message, OnEvent, ShouldStop, StepDone, Validated, ignore, never
from napari_weld_fcn.network.model import Card, Model
from napari_weld_fcn.prediction.device import choose_device
from napari_weld_fcn.training.chief import BlindError
from napari_weld_fcn.training.fit import begin, fit
from napari_weld_fcn.training.prepared import Prepared
from napari_weld_fcn.training.record import Record, TrainResult
from napari_weld_fcn.training.second_learning import SecondLearning
from napari_weld_fcn.training.two_learnings import told

_NOT_EXACT = (
    "A run by minutes depends on how fast the computer is: repeated or resumed, it ends with other weights."
)
_ENDED = "The run has ended; nothing is left to train."


class Going:
    """A run with those who listen to it.

    Parameters
    ----------
    run
        The run.
    on_event, should_stop, should_pause, should_show
        As for `run.train`.
    """

    def __init__(
        self,
        run: Prepared,
        on_event: OnEvent = ignore,
        should_stop: ShouldStop = never,
        should_pause: ShouldStop = never,
        should_show: ShouldStop = never,
    ) -> None:
        self.run, self.record = run, Record(run)
        self.on_event, self.should_stop = on_event, should_stop
        self.should_pause, self.should_show = should_pause, should_show

    def go_on(self) -> TrainResult:
        """Fit up to the end, or until it is stopped."""
        self.run.folder.add_session(str(choose_device(self.run.about.train.device)))
        ended = self.record.ended()
        if ended:
            self.run.folder.check_best()
            self.on_event(Message(_ENDED))
        else:
            self._tell_before()
        try:
            with self.run.fabric() as fabric:
                result = fit(
                    self.run.network(),
                    self.run.source(fabric),
                    lambda averaged, step: self._validate(averaged, step, self.should_stop),
                    self.run.fit_settings,
                    self.run.folder.state,
                    fabric=fabric,
                    freeze_statistics=self.run.start is not None,
                    keeping=self.run.keeping,
                    keep=self.record.keep,
                    enough=self.record.enough,
                    on_event=self._with_the_second() if self.run.learns_all else self.on_event,
                    should_stop=self.should_stop,
                    should_pause=self.should_pause,
                )
        except BlindError:
            if self.record.before is None:
                raise
        except Stopped:
            return self._stopped()
        else:
            if not ended and self.record.enough(result.history):
                self.on_event(
                    Message(f"No better validation for {self.run.about.train.patience} epochs: ended.")
                )
            if self.run.learns_all:
                more = (self.on_event, self.should_stop, self.should_pause)
                try:
                    checked = SecondLearning(self.run, self.record, *more).take_up(result)
                except Stopped:
                    return self._stopped()
                return self.record.result(stopped=False, all_labels=checked)
        if self.record.best() == self.record.before:
            self.on_event(Message("No step was better than the model that it began with, which is kept."))
        return self.record.result(stopped=False)

    def _tell_before(self) -> None:
        """Tell what is to be known before the next step."""
        for note in self.run.material.notes(self.run.about):
            self.on_event(Message(note))
        if self.run.fit_settings.seconds:
            self.on_event(Message(_NOT_EXACT))
        self.on_event(Message(self.run.told_memory()))
        if self.run.learns_all:
            self.on_event(Message(self._told_plan()))
        self.record.begin_with_start(self.on_event)

    def _told_plan(self) -> str:
        return told(self.run.about.train, self.run.about.first_share, from_model=self.run.start is not None)

    def _validate(self, averaged: torch.nn.Module, step: int, should_stop: ShouldStop = never) -> Validated:
        model = Model.create(Card(name="validated", network=self.run.about.network), averaged)
        device = next(averaged.parameters()).device
        return self.run.lesson.validate(model, device, step, self.on_event, self.should_show, should_stop)

    def _with_the_second(self) -> OnEvent:
        """Hand on steps with the time of a second fit, if the last network is chosen: it is no longer."""
        more = (1 - self.run.about.first_share) / self.run.about.first_share

        def told(event: Event) -> None:
            if isinstance(event, StepDone) and event.seconds_left is not None:
                rest = max(event.total - event.done, 1)
                event = replace(event, seconds_left=event.seconds_left * (1 + more * event.total / rest))
            self.on_event(event)

        return told

    def _stopped(self) -> TrainResult:
        """Return the best so far; before the first validation that is the network as it stands."""
        if not self.run.folder.history() and self.record.before is None:
            state = begin(self.run.network(), self.run.fit_settings)
            state.load(self.run.folder.state)
            row = self.record.row(self._validate(state.averaged, state.step))
            Model.create(self.record.card(row), state.averaged).save(self.run.folder.best)
            return TrainResult(self.run.folder.path, self.run.folder.best, row, True, self.run.memory_bytes())
        return self.record.result(stopped=True)
