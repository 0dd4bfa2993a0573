"""A run on its way, up to its end or until it is stopped.

What was held back of a film alone is learned too, in the end. Time decides how many steps that has, and few
steps from nothing make a network that marks nothing, or all. So nothing is taken on trust that it ended: a
network that does not hold what was validated is left out, and the one that validated stays.
"""

from __future__ import annotations

import copy
import sys
import time
from dataclasses import replace

import torch

from napari_weld_fcn.errors import ModelError, Stopped
from napari_weld_fcn.events import Event, Message, StepDone, Validated, never
from napari_weld_fcn.network.model import Card, Model
from napari_weld_fcn.prediction.engine import choose_device
from napari_weld_fcn.training.checkpoint_selection import Checked
from napari_weld_fcn.training.data.films import FilmValidation
from napari_weld_fcn.training.processes.group import fabric_for
from napari_weld_fcn.training.refit import LEARNING_ALL, RATE_GOING_ON, told
from napari_weld_fcn.training.run_context import RunContext
from napari_weld_fcn.training.run_record import RunRecord, TrainResult
from napari_weld_fcn.training.settings import FitSettings
from napari_weld_fcn.training.trainer import FitResult, NotBetterError, begin, fit

_NOT_EXACT = (
    "A run by minutes depends on how fast the computer is: repeated or resumed, it ends with other weights."
)
_ENDED = "The run has ended; nothing is left to train."


class TrainingRun:
    """A run with what it has reached."""

    def __init__(self, run: RunContext) -> None:
        self.run, self.record, self.job = run, RunRecord(run), run.job

    def go_on(self) -> TrainResult:
        """Fit up to the end, or until it is stopped."""
        self.run.folder.add_session(str(choose_device(self.run.about.train.device)))
        ended = self.record.ended()
        if ended:
            self.run.folder.check_best()
            self.job.tell(Message(_ENDED))
        else:
            for note in self._notes():
                self.job.tell(Message(note))
            self.record.begin_with_start(self.job)
        try:
            result = self._fit()
            if not ended:
                self._tell_patience()
            checked = None
            if result is not None and self.run.refits:
                checked = Refit(self.run, self.record).take_up(result)
        except Stopped:
            return self._stopped()
        if self.record.before is not None and self.record.best() == self.record.before:
            self.job.tell(Message("No step was better than the model that it began with, which is kept."))
        return self.record.result(stopped=False, all_labels=checked)

    def _notes(self) -> list[str]:
        """What the user ought to know before the first step."""
        run, notes = self.run, [*self.run.data.notes(self.run.about)]
        if run.fit_settings.seconds:
            notes.append(_NOT_EXACT)
        notes.append(run.told_memory())
        if run.refits:
            notes.append(told(run.about.train, run.about.first_share, from_model=run.start is not None))
        return notes

    def _fit(self) -> FitResult | None:
        """Fit; None where no step was better than the model that it began with."""
        listener = self._with_the_refit if self.run.refits else self.job.on_event
        with self.run.fabric() as fabric:
            problem = replace(
                self.run.problem(self.run.source(fabric)),
                selection=self.record.selection,
                keep=self.record.keep,
            )
            job, folder = self.job.heard_by(listener), self.run.folder.state
            try:
                return fit(self.run.network(), problem, self.run.fit_settings, folder, fabric=fabric, job=job)
            except NotBetterError:
                if self.record.before is None:
                    raise
        return None

    def _tell_patience(self) -> None:
        if self.record.selection.enough([row.f1 for row in self.run.folder.history()]):
            patience = self.run.about.train.patience
            self.job.tell(Message(f"No better validation for {patience} epochs: ended."))

    def _with_the_refit(self, event: Event) -> None:
        """Hand on steps with the time of a second fit, if the last network is chosen: it is no longer."""
        more = (1 - self.run.about.first_share) / self.run.about.first_share
        if isinstance(event, StepDone) and event.seconds_left is not None:
            rest = max(event.total - event.done, 1)
            event = replace(event, seconds_left=event.seconds_left * (1 + more * event.total / rest))
        self.job.tell(event)

    def _stopped(self) -> TrainResult:
        """Return the best so far; before the first validation that is the network as it stands."""
        if not self.run.folder.history() and self.record.before is None:
            state = begin(self.run.network(), self.run.fit_settings)
            state.load(self.run.folder.state)
            to_its_end = replace(self.job, should_stop=never)
            row = self.record.row(self.run.validate(state.averaged, state.step, to_its_end))
            self.record.take(row, state.averaged)
            return self.record.result(stopped=True, best=row)
        return self.record.result(stopped=True)


class Refit:
    """The second learning of a run, of all labels; parameters are those of `TrainingRun`."""

    def __init__(self, run: RunContext, record: RunRecord) -> None:
        self.run, self.record, self.job = run, record, run.job
        self.chosen = record.best()
        self._held_back, self._learned = run.judges()

    def take_up(self, first: FitResult) -> Checked | None:
        """Learn all labels, and keep the network as the model where it holds what was validated.

        Parameters
        ----------
        first
            Of the first learning.

        Returns
        -------
        Checked
            Of a run that was at its end before, what was found then; None where there was no time, or nothing
            came out.

        Raises
        ------
        Stopped
            If `job` said so; the model stays that of the first learning.
        """
        done = self.record.checked()
        if done is not None:
            return done
        try:
            return self._taken(first)
        except ModelError as fault:
            self.record.take(self.chosen, first.network)
            self.job.tell(Message(f"{LEARNING_ALL} failed: {fault} The network before is kept."))
        return None

    def _taken(self, first: FitResult) -> Checked | None:
        settings, began = self._settings(first.seconds), time.monotonic()
        parts = (self._held_back, self._learned)
        before = [self._f1(judge, first.network, self.chosen.threshold) for judge in parts]
        reserve = 2 * (time.monotonic() - began)  # both networks are scored in this time
        if settings.seconds and settings.seconds <= reserve:
            self.job.tell(Message("There is no time left to learn all labels and to check what comes out."))
            return None
        length = f"{settings.seconds:.0f} s" if settings.seconds else f"{settings.steps} steps"
        self.job.tell(Message(f"{LEARNING_ALL}, those held back too, for {length}."))
        found = self._fit(first.network, settings, reserve)
        threshold = self._threshold(found.network)
        after = [self._f1(judge, found.network, threshold) for judge in parts]
        margin = self.run.about.train.margin
        checked = Checked(after[0], before[0], after[1], before[1], margin, threshold)
        self.record.take(self.chosen, found.network if checked.holds else first.network, checked)
        self.job.tell(Message(str(checked)))
        return checked

    def _threshold(self, network: torch.nn.Module) -> float:
        """The threshold of a network that learned all labels.

        That of the first one does not fit it: it was chosen on what was held back, for a network that had
        not learned it. What all labels say is flat, since they are learned; of what they let the margin
        takes the one nearest to one half, which cross-entropy and Dice aim at.
        """
        model = self._model(network)
        counts = [judge.counts(model, self.job) for judge in (self._held_back, self._learned)]
        return (counts[0] + counts[1]).best(self.run.about.train.margin, 0.5).threshold

    def _settings(self, seconds: float) -> FitSettings:
        """How long it is, and at which rate.

        Parameters
        ----------
        seconds
            That the first fit took; patience may have ended it before its time.
        """
        first, share = self.run.fit_settings, self.run.about.first_share
        part = self.chosen.step / max(row.step for row in self.run.folder.history())
        more = (1 - share) / share
        steps = max(1, round(self.chosen.step * more))
        rate = first.learning_rate * (1.0 if self.run.start is not None else RATE_GOING_ON)
        return first.model_copy(
            update={
                "steps": steps,
                "validate_every": sys.maxsize if first.seconds else steps,
                "warm_up": round(self.run.about.train.warm_up * steps),
                "seconds": part * more * min(first.seconds, seconds),
                "learning_rate": rate,
            }
        )

    def _fit(self, chosen: torch.nn.Module, settings: FitSettings, reserve: float) -> FitResult:
        network = copy.deepcopy(chosen).requires_grad_() if self.run.start is None else self.run.network()
        return fit(
            network,
            replace(self.run.problem(self.run.whole_task().sampler.batches), validate=self._validate),
            settings,
            self.run.folder.state / "again",
            fabric=fabric_for(self.run.about.train.device, settings.precision),
            job=self.job.heard_by(self._without_scores),
            reserve=reserve,
        )

    def _without_scores(self, event: Event) -> None:
        """Hand on all but scores: what was held back is learned by now."""
        if not isinstance(event, Validated):
            self.job.tell(event)

    def _validate(self, averaged: torch.nn.Module, step: int) -> Validated:
        """Score on what was held back; no share of flaws, so that a blind network too is compared."""
        return replace(self._scores(self._held_back, averaged, self.chosen.threshold, step), flaw_share=0.0)

    def _f1(self, judge: FilmValidation, network: torch.nn.Module, threshold: float) -> float:
        return self._scores(judge, network, threshold, self.chosen.step).f1

    def _scores(
        self, judge: FilmValidation, network: torch.nn.Module, threshold: float, step: int
    ) -> Validated:
        return judge.at(self._model(network), threshold, step, self.job)

    def _model(self, network: torch.nn.Module) -> Model:
        return Model.create(Card(name="checked", network=self.run.about.network), network)
