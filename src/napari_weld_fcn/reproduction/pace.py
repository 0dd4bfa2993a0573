"""How far an experiment is, and how long the rest of it takes by what was done so far."""

from __future__ import annotations

import time
from collections.abc import Mapping

from napari_weld_fcn.events import TileDone


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
