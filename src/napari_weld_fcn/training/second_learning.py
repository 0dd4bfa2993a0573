"""What was held back is learned too, in the end; the network that comes out is checked before it is a model.

Time decides how many steps it has, and few steps from nothing make a network that marks nothing, or all. So
nothing is taken on trust that it ended: a network that does not hold what was validated is left out, and the
one that validated stays.
"""

from __future__ import annotations

import copy
import sys
import time
from dataclasses import replace

import torch

from napari_weld_fcn.errors import ModelError
from napari_weld_fcn.events import Event, Message, OnEvent, ShouldStop, Validated
from napari_weld_fcn.network.model import Card, Model
from napari_weld_fcn.prediction.device import choose_device
from napari_weld_fcn.training.checked import Checked
from napari_weld_fcn.training.chief import FitResult
from napari_weld_fcn.training.film_validation import FilmValidation
from napari_weld_fcn.training.fit import fit
from napari_weld_fcn.training.prepared import Prepared
from napari_weld_fcn.training.record import Record
from napari_weld_fcn.training.settings import FitSettings
from napari_weld_fcn.training.two_learnings import LEARNING_ALL, RATE_GOING_ON


class SecondLearning:
    """The second learning of a run with those who listen to it; parameters are those of `Going`."""

    def __init__(
        self,
        run: Prepared,
        record: Record,
        on_event: OnEvent,
        should_stop: ShouldStop,
        should_pause: ShouldStop,
    ) -> None:
        self.run, self.record = run, record
        self.on_event, self.should_stop, self.should_pause = on_event, should_stop, should_pause
        self.chosen = record.best()
        self.device = choose_device(run.about.train.device)
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
            If `should_stop` said so; the model stays that of the first learning.
        """
        done = self.record.checked()
        if done is not None:
            return done
        try:
            return self._taken(first)
        except ModelError as fault:
            self.record.take(self.chosen, first.network)
            self.on_event(Message(f"{LEARNING_ALL} failed: {fault} The network before is kept."))
        return None

    def _taken(self, first: FitResult) -> Checked | None:
        settings, began = self._settings(first.seconds), time.monotonic()
        parts = (self._held_back, self._learned)
        before = [self._f1(judge, first.network, self.chosen.threshold) for judge in parts]
        reserve = 2 * (time.monotonic() - began)  # both networks are scored in this time
        if settings.seconds and settings.seconds <= reserve:
            self.on_event(Message("There is no time left to learn all labels and to check what comes out."))
            return None
        self.on_event(Message(self._told(settings)))
        found = self._fit(first.network, settings, reserve)
        threshold = self._threshold(found.network)
        after = [self._f1(judge, found.network, threshold) for judge in parts]
        margin = self.run.about.train.margin
        checked = Checked(after[0], before[0], after[1], before[1], margin, threshold)
        self.record.take(self.chosen, found.network if checked.holds else first.network, checked)
        self.on_event(Message(str(checked)))
        return checked

    def _threshold(self, network: torch.nn.Module) -> float:
        """The threshold of a network that learned all labels.

        That of the first one does not fit it: it was chosen on what was held back, for a network that had
        not learned it. What all labels say is flat, since they are learned; of what they let the margin
        takes the one nearest to one half, which cross-entropy and Dice aim at.
        """
        model = self._model(network)
        counts = [
            judge.counts(model, self.device, self.should_stop) for judge in (self._held_back, self._learned)
        ]
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

    def _told(self, settings: FitSettings) -> str:
        length = f"{settings.seconds:.0f} s" if settings.seconds else f"{settings.steps} steps"
        return f"{LEARNING_ALL}, those held back too, for {length}."

    def _fit(self, chosen: torch.nn.Module, settings: FitSettings, reserve: float) -> FitResult:
        network = copy.deepcopy(chosen).requires_grad_() if self.run.start is None else self.run.network()
        return fit(
            network,
            self.run.kept(self.run.whole_lesson().batches),
            self._validate,
            settings,
            self.run.folder.state / "again",
            device=self.device.type,
            freeze_statistics=self.run.start is not None,
            keeping=self.run.keeping,
            on_event=_without_scores(self.on_event),
            should_stop=self.should_stop,
            should_pause=self.should_pause,
            reserve=reserve,
        )

    def _validate(self, averaged: torch.nn.Module, step: int) -> Validated:
        """Score on what was held back; no share of flaws, so that a blind network too is compared."""
        scores = self._scores(self._held_back, averaged, self.chosen.threshold, step)
        return replace(scores, flaw_share=0.0)

    def _f1(self, judge: FilmValidation, network: torch.nn.Module, threshold: float) -> float:
        return self._scores(judge, network, threshold, self.chosen.step).f1

    def _scores(
        self, judge: FilmValidation, network: torch.nn.Module, threshold: float, step: int
    ) -> Validated:
        return judge.at(self._model(network), self.device, threshold, step, self.should_stop)

    def _model(self, network: torch.nn.Module) -> Model:
        return Model.create(Card(name="checked", network=self.run.about.network), network)


def _without_scores(on_event: OnEvent) -> OnEvent:
    """Hand on all but scores: what was held back is learned by now."""

    def told(event: Event) -> None:
        if not isinstance(event, Validated):
            on_event(event)

    return told
