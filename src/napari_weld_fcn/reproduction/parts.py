"""What of an experiment is done, on disk, so that nothing is done twice.

Each part is a function that gives numbers. What it gave is written down with its time, whole or not at all,
and given again when it is asked for again. A part that was begun before and never finished says so, since its
time is then that of its last attempt alone. How far the whole is, and how long the rest takes by what was
done so far, `Pace` says.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.events import TileDone
from napari_weld_fcn.radiograph.output import make_folder, write_text

SETTINGS = "settings.json"


@dataclass(frozen=True)
class Part:
    """One finished part.

    Attributes
    ----------
    name
        What it is called.
    values
        What it gave; JSON.
    seconds, cpu_seconds
        What it took, by the clock and of all processors, in the session that finished it.
    resumed
        Whether an earlier session had begun it.
    """

    name: str
    values: dict[str, Any]
    seconds: float
    cpu_seconds: float
    resumed: bool


@dataclass(frozen=True)
class Parts:
    """The parts of the experiment in one folder.

    Attributes
    ----------
    folder
        The experiment's.
    """

    folder: Path

    def begin(self, about: Mapping[str, Any]) -> None:
        """Make the folder, or check that it holds this very experiment.

        Parameters
        ----------
        about
            What the experiment is; JSON.

        Raises
        ------
        SettingsError
            If it holds another one, or cannot be read.
        WeldFcnError
            If it cannot be made or written to.
        """
        path = self.folder / SETTINGS
        if path.exists():
            self._check(path, about)
            return
        make_folder(self.folder / "parts")
        write_text(path, json.dumps(about, indent=1) + "\n")

    def done(self, name: str) -> Part | None:
        """Return a part that is finished, or None.

        Raises
        ------
        SettingsError
            If its file is damaged.
        """
        path = self._path(name)
        if not path.exists():
            return None
        try:
            return Part(name=name, **json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, RecursionError) as fault:
            raise SettingsError(
                f"{path}: is damaged ({fault}); delete it to have this part done again."
            ) from fault

    def do(self, name: str, work: Callable[[], dict[str, Any]]) -> Part:
        """Return a part, doing it where it is not done.

        Raises
        ------
        SettingsError
            If its file is damaged.
        WeldFcnError
            If it cannot be written.
        """
        before = self.done(name)
        if before is not None:
            return before
        begun = self.folder / "parts" / f"{name}.begun"
        resumed = begun.exists()
        write_text(begun, "")
        clock, cpu = time.perf_counter(), time.process_time()
        values = work()
        part = Part(name, values, time.perf_counter() - clock, time.process_time() - cpu, resumed)
        told = {key: getattr(part, key) for key in ("values", "seconds", "cpu_seconds", "resumed")}
        write_text(self._path(name), json.dumps(told, indent=1, allow_nan=False) + "\n")
        begun.unlink()
        return part

    def _path(self, name: str) -> Path:
        return self.folder / "parts" / f"{name}.json"

    def _check(self, path: Path, about: Mapping[str, Any]) -> None:
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as fault:
            raise SettingsError(f"{path}: cannot be read ({fault}); take another folder.") from fault
        other = [name for name in about if not isinstance(before, dict) or before.get(name) != about[name]]
        if other:
            was = before.get(other[0]) if isinstance(before, dict) else None
            raise SettingsError(
                f"{self.folder}: holds an experiment whose {other[0]} is {was!r} and not "
                f"{about[other[0]]!r}; take another folder, or go on with the same settings."
            )


class Pace:
    """The parts of an experiment on their way.

    Parameters
    ----------
    costs
        Of each part, by its name; only their ratios matter.
    """

    def __init__(self, costs: Mapping[str, float]) -> None:
        self._costs, self._total = costs, sum(costs.values())
        self._done: set[str] = set()
        self._under_way: dict[str, float] = {}
        self._skipped = 0.0
        self._began = time.perf_counter()

    def skip(self, name: str) -> None:
        """Count a part that is done, an earlier session's unless `finish` said otherwise."""
        if name not in self._done:
            self._skipped += self._costs[name]
        self._done.add(name)

    def finish(self, name: str) -> None:
        """Count a part that is done."""
        self._done.add(name)

    def progress(self, name: str, share: float) -> TileDone:
        """Say how far the whole is, in thousandths, now that `name` is done to a share."""
        self._under_way[name] = share
        done = self._sum()
        return TileDone(round(1000 * done / self._total), 1000, self._left(done))

    def told(self) -> str:
        """Say it in words."""
        done = self._sum()
        left = self._left(done)
        rest = "" if left is None else f", about {max(left / 60, 0):.0f} min left"
        return f"{done / self._total:.0%} done{rest}"

    def _sum(self) -> float:
        shares = self._under_way | dict.fromkeys(self._done, 1.0)
        return sum(share * self._costs[name] for name, share in shares.items())

    def _left(self, done: float) -> float | None:
        own = done - self._skipped
        if own <= 0:
            return None
        return (time.perf_counter() - self._began) / own * (self._total - done)
