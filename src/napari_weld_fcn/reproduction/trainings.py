"""One training of an experiment: what it is trained on, what it is tested on, and what it came to.

A training is a run folder of its own, so that what was killed is gone on with, and ends as it would have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from napari_weld_fcn.dataset.places import Place
from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.dataset.store import Dataset
from napari_weld_fcn.dataset.table import Row
from napari_weld_fcn.errors import ModelError, Stopped
from napari_weld_fcn.evaluation.evaluate import evaluate
from napari_weld_fcn.evaluation.settings import EvaluationSettings
from napari_weld_fcn.events import JobControl, OnEvent, ShouldStop
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.reproduction.plan import BY_FILM, Training
from napari_weld_fcn.reproduction.protocols import Division, divide, films_of
from napari_weld_fcn.reproduction.settings import ReproductionSettings
from napari_weld_fcn.training.run import resume, train
from napari_weld_fcn.training.run_folder import RunFolder
from napari_weld_fcn.training.run_record import TrainResult
from napari_weld_fcn.training.settings import TrainSettings

#: What the sides of random crops are called in place of their films, which are on both.
_TRAINING, _VALIDATION = "training crops", "validation crops"


@dataclass(frozen=True)
class Material:
    """The crops of the films and their pairs.

    Attributes
    ----------
    crops
        The dataset of crops.
    pairs
        The dataset of crops and variants, made of them.
    places
        Of the crops.
    """

    crops: Dataset
    pairs: Dataset
    places: tuple[Place, ...]

    @classmethod
    def of(cls, crops: Dataset, pairs: Dataset) -> Material:
        """Join the two datasets."""
        return cls(crops, pairs, tuple(crops.places()))

    def division(self, training: Training) -> Division:
        """Which crops a training trains on, validates on and is tested on."""
        return divide(training.protocol, self.places, training.seed)[0]

    def learned(self, training: Training) -> tuple[Dataset, SplitSettings]:
        """The pairs that are trained and validated on, and the split of these.

        Variants of what validates are left out, and so is all that is tested on. `train` divides by film and
        by nothing else; at random, the two sides stand in the place of films.
        """
        division = self.division(training)
        trained, validating = (self._keys(side) for side in (division.training, division.validation))
        rows = [
            row
            for row in self.pairs.rows
            if _key(row) in trained or (_key(row) in validating and not row.variant)
        ]
        if training.protocol == BY_FILM:
            held = tuple(sorted(films_of(self.places, division.validation)))
        else:
            held = (_VALIDATION,)
            rows = [replace(row, film=_TRAINING if _key(row) in trained else _VALIDATION) for row in rows]
        return Dataset(self.pairs.folder, tuple(rows)), SplitSettings(kind="films", films=held)

    def tested(self, positions: Sequence[int]) -> Dataset:
        """The crops at some positions."""
        return Dataset(self.crops.folder, tuple(self.crops.rows[i] for i in positions))

    def _keys(self, positions: Sequence[int]) -> set[tuple[str, int, int]]:
        return {_key(self.crops.rows[i]) for i in positions}


def _key(row: Row) -> tuple[str, int, int]:
    return row.film, row.row, row.column


def do_training(
    training: Training,
    network: NetworkSettings,
    material: Material,
    run: Path,
    settings: ReproductionSettings,
    on_event: OnEvent,
    should_stop: ShouldStop,
) -> dict[str, Any]:
    """Train, or go on training, and score the best model on the crops that were kept for the test.

    Returns
    -------
    dict
        What `Evaluation.as_dict` says, under ``test``; ``validation``, ``pairs`` shown in a pass, ``passes``
        and ``steps``; ``threads`` of the processor; ``note`` where the network learned nothing.

    Raises
    ------
    Stopped
        If `should_stop` said so; the run can be gone on with.
    DatasetError, ModelError
        If a file of the run or of the crops is damaged.
    """
    dataset, split = material.learned(training)
    passes = settings.passes(len(material.crops))
    note = ""
    try:
        result = _trained(
            training.seed, network, dataset, split, run, passes, settings, on_event, should_stop
        )
        if result.stopped:
            raise Stopped
    except ModelError as fault:
        if not _reached_the_end(run, passes):
            raise
        note = str(fault)
    folder = RunFolder(run)
    history = folder.history()
    found = evaluate(
        Model.load(folder.best),
        material.tested(material.division(training).test),
        EvaluationSettings(),
        job=JobControl(should_stop=should_stop),
    )
    best = max(history, key=lambda row: (row.f1, row.step))
    trained = sum(row.film not in split.films for row in dataset.rows)
    return {
        "test": found.as_dict(),
        "validation": {"f1": best.f1, "threshold": best.threshold, "pass": best.epoch},
        "pairs": trained,
        "passes": passes,
        "steps": history[-1].step,
        "threads": torch.get_num_threads(),
        "note": note,
    }


def _trained(
    seed: int,
    network: NetworkSettings,
    dataset: Dataset,
    split: SplitSettings,
    run: Path,
    passes: int,
    settings: ReproductionSettings,
    on_event: OnEvent,
    should_stop: ShouldStop,
) -> TrainResult:
    if RunFolder(run).settings_file.exists():
        return resume(run, dataset, job=JobControl(on_event, should_stop))
    return train(
        dataset,
        run,
        TrainSettings(preset="paper", epochs=passes, batch=settings.batch, patience=0, seed=seed),
        network=network,
        split=split,
        job=JobControl(on_event, should_stop),
    )


def _reached_the_end(run: Path, passes: int) -> bool:
    """Whether a run that was refused had all its validations: it learned nothing, and that is a result."""
    folder = RunFolder(run)
    return folder.best.exists() and any(row.epoch >= passes for row in folder.history())
