"""What a run has reached: its validations, its best model, and whether that is enough.

Where the model that a run begins with has to be beaten, it is the best until a step is better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from napari_weld_fcn.events import OnEvent, Validated
from napari_weld_fcn.network.model import Card, Model
from napari_weld_fcn.training.checked import Checked
from napari_weld_fcn.training.choice import best_of
from napari_weld_fcn.training.prepared import Prepared
from napari_weld_fcn.training.run_card import ALL_LABELS, card_of
from napari_weld_fcn.training.run_folder import Row
from napari_weld_fcn.training.state import read_reached


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
    all_labels
        Of a film alone, what the network that learned all labels does; None where none did.
    """

    run: Path
    model: Path
    best: Row
    stopped: bool
    memory_bytes: int
    all_labels: Checked | None = None

    @property
    def learned_all(self) -> bool:
        """Whether the model learned all labels in the end, so that `best` is of the network before."""
        return self.all_labels is not None and self.all_labels.holds

    @property
    def what_followed(self) -> str:
        """What became of the network that learned what was held back too, in words after its score."""
        if self.all_labels is None:
            return ""
        if self.all_labels.holds:
            now = self.all_labels.held_back
            return f"while a part was held back; the model has learned that part since (F1 {now:.3f} there)"
        return "while a part was held back; what then learned that part too was worse and was left out"


class Record:
    """The history and the models in a run's folder.

    Parameters
    ----------
    run
        The run.

    Attributes
    ----------
    before
        The score of the model that must be beaten; None where none must.
    """

    def __init__(self, run: Prepared) -> None:
        self.run, self.folder = run, run.folder
        before = run.lesson.before
        self.before = None if before is None else self.row(before)

    def keep(self, averaged: torch.nn.Module, scores: Validated) -> None:
        """Write a validated network as the last model, and as the best where it is.

        The models come first: whatever is killed in between, no row tells of a network that is not there.
        """
        row = self.row(scores)
        model = Model.create(self.card(row), averaged)
        rows = self.folder.history_with(row)
        if self._best_of(rows) == row:
            model.save(self.folder.best)
        model.save(self.folder.last)
        self.folder.write_history(rows)

    def begin_with_start(self, on_event: OnEvent) -> None:
        """Tell how good the model is that must be beaten, and keep it as the best so far."""
        if self.before is None or self.run.start is None:
            return
        assert self.run.lesson.before is not None
        on_event(self.run.lesson.before)
        if self.folder.history():
            return
        Model.create(self.card(self.before), self.run.start.network).save(self.folder.best)

    def best(self) -> Row:
        """Return the validation whose network is taken; that before any step, where it had to be beaten."""
        return self._best_of(self.folder.history())

    def _best_of(self, rows: Sequence[Row]) -> Row:
        if self.before is not None:
            rows = [row for row in rows if row.f1 > self.before.f1]
            if not rows:
                return self.before
        return rows[best_of([row.f1 for row in rows], self.run.about.train.margin)]

    def enough(self, history: Sequence[Validated]) -> bool:
        """Whether nothing better has come for a while."""
        patience = self.run.about.train.patience
        if not patience or not history:
            return False
        best = best_of([each.f1 for each in history], self.run.about.train.margin)
        return len(history) - 1 - best >= patience

    def take(self, row: Row, network: torch.nn.Module, checked: Checked | None = None) -> None:
        """Write the network that is taken in the end; its card says what was found, where anything was."""
        Model.create(self.card(row, checked), network).save(self.folder.best)

    def checked(self) -> Checked | None:
        """Return what was found when all labels were learned; None where that is still to come."""
        card = Model.load(self.folder.best).card
        said = card.scores.get(ALL_LABELS)
        return None if said is None else Checked.of_card(said, card.threshold)

    def ended(self) -> bool:
        """Whether nothing is left to do, as far as that is written down."""
        reached = read_reached(self.folder.state)
        if reached is None or not (reached.over(self.run.fit_settings) or self.enough(reached.history)):
            return False
        return not self.run.learns_all or (self.folder.best.exists() and self.checked() is not None)

    def result(self, *, stopped: bool, all_labels: Checked | None = None) -> TrainResult:
        """Return what the run has come to."""
        folder, memory = self.folder, self.run.memory_bytes()
        folder.check_best()
        return TrainResult(folder.path, folder.best, self.best(), stopped, memory, all_labels)

    def row(self, scores: Validated) -> Row:
        """Name the epoch of a validation."""
        return Row.of(scores, scores.step // self.run.lesson.steps_per_epoch)

    def card(self, row: Row, checked: Checked | None = None) -> Card:
        """Describe the network of a validation, or the one that was checked after all labels were learned."""
        start = self.run.start.card if self.run.start else None
        sizes = self.run.material.pixel_sizes_mm
        return card_of(self.folder.path, self.run.about, self.run.split, row, start, sizes, checked)
