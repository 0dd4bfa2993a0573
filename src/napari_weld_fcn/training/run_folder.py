"""What a run leaves on disk, and what of it a resumed run relies on.

`settings.json` is written last of what begins a run: a folder without it is no run, whatever was killed in
between. `history.csv` and the models are written before the fit's own state, so after a kill they may be one
validation ahead of it; that validation is then done again, with the same outcome, and its row replaced.
"""

from __future__ import annotations

import csv
import io
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pydantic import ValidationError

import napari_weld_fcn
from napari_weld_fcn.errors import ModelError
from napari_weld_fcn.events import Validated
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.radiograph.output import make_folder, write_text
from napari_weld_fcn.training.settings import RunSettings

if TYPE_CHECKING:
    from napari_weld_fcn.training.data.sampling import TrainingData

_COLUMNS = ("epoch", "step", "loss", "f1", "precision", "recall", "threshold")


@dataclass(frozen=True)
class Row:
    """One validation: scores 0..1, the mean loss of the epoch."""

    epoch: int
    step: int
    loss: float
    f1: float
    precision: float
    recall: float
    threshold: float

    @classmethod
    def of(cls, scores: Validated, epoch: int) -> Row:
        """Name the epoch of a validation."""
        values = (scores.f1, scores.precision, scores.recall, scores.threshold)
        return cls(epoch, scores.step, scores.loss or 0.0, *values)


@dataclass(frozen=True)
class RunFolder:
    """The files of one run.

    Attributes
    ----------
    path
        The folder; need not exist before `begin`.
    """

    path: Path

    @property
    def settings_file(self) -> Path:
        """What makes a folder a run."""
        return self.path / "settings.json"

    @property
    def best(self) -> Path:
        """The model of the largest validation F1."""
        return self.path / "best.safetensors"

    @property
    def last(self) -> Path:
        """The model of the last validation."""
        return self.path / "last.safetensors"

    @property
    def start(self) -> Path:
        """The model that the run started from; not there if it started from nothing."""
        return self.path / "start.safetensors"

    @property
    def state(self) -> Path:
        """Folder of the optimiser's and the generators' state."""
        return self.path / "state"

    @property
    def data(self) -> Path:
        """The run's own copy of films or crops that came from memory, a dataset folder."""
        return self.path / "data"

    @property
    def clean(self) -> Path:
        """The run's own copy of films without labels that are mixed in, a dataset folder."""
        return self.path / "clean"

    @property
    def splits_file(self) -> Path:
        """Which crops or films train, and which validate."""
        return self.path / "splits.json"

    def begin(
        self,
        settings: RunSettings,
        split: str,
        start: Model | None,
        copied: TrainingData | None,
        clean: TrainingData | None = None,
    ) -> None:
        """Write what a resumed run reads.

        Parameters
        ----------
        settings, split
            `split` is the text of `splits.json`.
        start
            The model that is trained further.
        copied
            What has no folder of its own.
        clean
            Films without labels that are mixed in.

        Raises
        ------
        ModelError
            If the folder holds a run already.
        WeldFcnError
            If a file cannot be written.
        """
        if self.settings_file.exists() or self.state.exists():
            raise ModelError(f"{self.path}: holds a run already; resume it, or take another folder.")
        make_folder(self.path)
        if start is not None:
            start.save(self.start)
        if copied is not None:
            copied.save(self.data)
        if clean is not None:
            clean.save(self.clean)
        write_text(self.splits_file, split)
        write_text(self.settings_file, settings.model_dump_json(indent=1) + "\n")

    def read_settings(self) -> RunSettings:
        """Return the run's settings.

        Raises
        ------
        ModelError
            If the folder holds no run, or the file is damaged.
        """
        if not self.settings_file.exists():
            raise ModelError(
                f"{self.path}: has no {self.settings_file.name}, so it is no run; give the folder that a "
                "training wrote."
            )
        text = self._text(self.settings_file)
        try:
            return RunSettings.model_validate_json(text)
        except ValidationError as fault:
            first = fault.errors()[0]
            place = ".".join(map(str, first["loc"])) or "settings"
            raise ModelError(f"{self.settings_file}: is damaged ({place}: {first['msg']}).") from fault

    def check_best(self) -> None:
        """Refuse a run whose model is lost; ModelError says what is left of it."""
        if not self.best.exists():
            raise ModelError(
                f"{self.path}: {self.best.name}, the model of this run, is missing; put it back, or take "
                f"{self.last.name}, the model of its last validation."
            )

    def split_text(self) -> str:
        """Return the text of `splits.json`; ModelError if the file is missing."""
        return self._text(self.splits_file)

    def add_session(self, device: str) -> None:
        """Add to `environment.json` where and with what this part of the run is computed."""
        path = self.path / "environment.json"
        sessions: list[Any] = []
        if path.exists():
            try:
                sessions = list(json.loads(self._text(path)))
            except (ValueError, TypeError, RecursionError) as fault:
                raise ModelError(f"{path}: is damaged ({fault}).") from fault
        write_text(path, json.dumps([*sessions, environment(device)], indent=1) + "\n")

    def history(self) -> list[Row]:
        """Return the validations so far.

        Raises
        ------
        ModelError
            If `history.csv` is damaged.
        """
        path = self.path / "history.csv"
        if not path.exists():
            return []
        try:
            rows = list(csv.DictReader(io.StringIO(self._text(path))))
            return [_row(values) for values in rows]
        except (KeyError, TypeError, ValueError) as fault:
            raise ModelError(f"{path}: is no history of a run ({fault}).") from fault

    def history_with(self, row: Row) -> list[Row]:
        """Return the validations so far, and `row` in place of any that is not before it; as `history`."""
        return [*(before for before in self.history() if before.step < row.step), row]

    def write_history(self, rows: Sequence[Row]) -> None:
        """Write `history.csv`; WeldFcnError if it cannot be written."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows([getattr(each, name) for name in _COLUMNS] for each in rows)
        write_text(self.path / "history.csv", text.getvalue())

    def _text(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as fault:
            reason = fault.strerror if isinstance(fault, OSError) else fault
            raise ModelError(f"{path}: cannot be read, so {self.path} is no run ({reason}).") from fault


def _row(values: Mapping[str, str]) -> Row:
    scores = (float(values[name]) for name in _COLUMNS[2:])
    return Row(int(values["epoch"]), int(values["step"]), *scores)


def environment(device: str) -> dict[str, Any]:
    """Say with what a run is computed."""
    return {
        "napari-weld-fcn": napari_weld_fcn.__version__,
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(),
        "device": device,
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }
