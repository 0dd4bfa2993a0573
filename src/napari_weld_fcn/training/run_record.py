"""What a run has reached: its validations, its best model and that model's card.

Where the model that a run begins with has to be beaten, it is the best until a step is better. A card tells
where a model comes from, so that the file alone says it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch

from napari_weld_fcn import __version__
from napari_weld_fcn.dataset.films import FilmSplit
from napari_weld_fcn.dataset.splits import Split
from napari_weld_fcn.events import JobControl, Validated
from napari_weld_fcn.network.model import Card, Model
from napari_weld_fcn.training.checkpoint_selection import Checked, CheckpointSelection
from napari_weld_fcn.training.run_context import RunContext
from napari_weld_fcn.training.run_folder import Row
from napari_weld_fcn.training.settings import RunSettings
from napari_weld_fcn.training.state import read_reached

_PURPOSE = {
    "crops": "largest pixel F1 on the crops of held-out films",
    "films": "largest pixel F1 on held-out films",
}
_CUT = "pixel F1 on the part of a film that was held out, as near to one half as it lets"
_ON_ALL = "pixel F1 on all labels, which are learned, as near to one half as it lets"
_KEPT = "that of the model that was tuned"
_MOVED = "pixel F1 on held-out films, as near as it lets to that of the model that was tuned"
#: What the scores of a network belong to that has learned what they were taken on.
BEFORE_ALL = "the network before what was held back was learned too"
#: Where a card says what was found when all labels were learned.
ALL_LABELS = "all_labels"
_NOUNS = {"crops": "crop", "films": "film", "clean": "clean film", "unlabelled": "unlabelled film"}
#: Fields of a model's card that hold for what is tuned from it too.
_OF_START = ("min_size_px", "peak_odds")


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


class RunRecord:
    """The history and the models in a run's folder.

    Parameters
    ----------
    run
        The run.

    Attributes
    ----------
    before
        The score of the model that must be beaten; None where none must.
    selection
        Which network is taken, and when it is enough.
    """

    def __init__(self, run: RunContext) -> None:
        self.run, self.folder = run, run.folder
        before = run.task.before
        self.before = None if before is None else self.row(before)
        train, to_beat = run.about.train, None if before is None else before.f1
        self.selection = CheckpointSelection(train.margin, train.patience, to_beat)

    def keep(self, averaged: torch.nn.Module, scores: Validated, best: bool) -> None:
        """Write a validated network as the last model, and as the best where it is.

        The models come first: whatever is killed in between, no row tells of a network that is not there.
        """
        row = self.row(scores)
        model = Model.create(self.card(row), averaged)
        rows = self.folder.history_with(row)
        if best:
            model.save(self.folder.best)
        model.save(self.folder.last)
        self.folder.write_history(rows)

    def begin_with_start(self, job: JobControl) -> None:
        """Tell how good the model is that must be beaten, and keep it as the best so far."""
        if self.before is None or self.run.start is None:
            return
        assert self.run.task.before is not None
        job.tell(self.run.task.before)
        if self.folder.history():
            return
        Model.create(self.card(self.before), self.run.start.network).save(self.folder.best)

    def best(self) -> Row:
        """Return the validation whose network is taken; that before any step, where it had to be beaten."""
        rows = self.folder.history()
        best = self.selection.best([row.f1 for row in rows])
        if best is None:
            assert self.before is not None
            return self.before
        return rows[best]

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
        if reached is None:
            return False
        enough = self.selection.enough([each.f1 for each in reached.history])
        if not (reached.over(self.run.fit_settings) or enough):
            return False
        return not self.run.refits or (self.folder.best.exists() and self.checked() is not None)

    def result(
        self, *, stopped: bool, all_labels: Checked | None = None, best: Row | None = None
    ) -> TrainResult:
        """Return what the run has come to; `best` is that of its history where none is given."""
        folder, memory = self.folder, self.run.memory_bytes()
        folder.check_best()
        return TrainResult(folder.path, folder.best, best or self.best(), stopped, memory, all_labels)

    def row(self, scores: Validated) -> Row:
        """Name the epoch of a validation."""
        return Row.of(scores, scores.step // self.run.task.sampler.steps_per_epoch)

    def card(self, row: Row, checked: Checked | None = None) -> Card:
        """Describe the network of a validation, or the one that was checked after all labels were learned.

        It names folders and no paths, and gives no licence: that is for whoever owns the films. How a model
        that is trained further is applied holds for this one too, and so does the median pixel size.
        """
        run, about = self.folder.path.absolute().name, self.run.about
        start = self.run.start.card if self.run.start else None
        names = ("train", "network", "augmentation", "split", "start_from", "start_sha256", "pairs_sha256")
        recipe = about.model_dump(mode="json", include={*names, "kind", "mixed_in"})
        validation = {**asdict(row), about.kind: len(self.run.split.validation)}
        scores: dict[str, Any] = {"validation": validation}
        taken = checked if checked is not None and checked.holds else None
        if checked is not None:
            scores[ALL_LABELS] = checked.to_card()
        if taken is not None:
            validation["of"] = BEFORE_ALL
        values: dict[str, Any] = {} if start is None else {name: getattr(start, name) for name in _OF_START}
        if sizes := self.run.data.pixel_sizes_mm:
            values["pixel_size_mm"] = median(sizes)
        return Card(
            name=run or "run",
            network=about.network,
            threshold=row.threshold if taken is None else taken.threshold,
            threshold_purpose=_purpose(about, self.run.split, row.threshold) if taken is None else _ON_ALL,
            scores=scores,
            recipe={**recipe, "run": run},
            data=_data(about, len(self.run.split.training)),
            seed=about.train.seed,
            version=__version__,
            licence="",
            **values,
        )


def _purpose(about: RunSettings, split: Split | FilmSplit, threshold: float) -> str:
    if not about.threshold:
        return _CUT if isinstance(split, FilmSplit) and split.cuts_a_film else _PURPOSE[about.kind]
    return _KEPT if abs(threshold - about.threshold) < 0.001 else _MOVED


def _data(about: RunSettings, count: int) -> str:
    source = f"of {Path(about.dataset).name}" if about.dataset else "from memory"
    return f"{count} {_NOUNS[about.kind]}{'s' * (count != 1)} {source}"
