"""The split of a film that is alone: two parts of it with a gap between them.

Where it is cut decides how much flaw each part has and how many crops and how much flaw are lost to the gap,
so every cut at the end of a crop is weighed, across both edges. Cutting in the middle is simpler, and often
leaves one part without a flaw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_weld_fcn.dataset.places import Place, Split, distance
from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.errors import DatasetError


@dataclass(frozen=True)
class _Cut:
    """Crops that end by `low` are below the gap, those that begin from `high` on are above it."""

    axis: str
    low: int
    high: int
    below_validates: bool
    cost: float


def cut_in_two(places: Sequence[Place], settings: SplitSettings, gap_share: float = 1.0) -> Split:
    """Cut the one film where both shares come closest to what is asked for and least is lost to the gap.

    Parameters
    ----------
    places, settings
        As for `dataset.splits.split`; all places are of one film.
    gap_share
        The gap takes no more than this of what lies along it.

    Raises
    ------
    DatasetError
        If no cut leaves a crop with a flaw on both sides.
    """
    extents = {
        "column": np.array([(place.column, place.column + place.columns) for place in places]),
        "row": np.array([(place.row, place.row + place.rows) for place in places]),
    }
    flaw = np.array([place.flaw_pixels for place in places])
    longest_first = sorted(extents, key=lambda axis: -np.ptp(extents[axis]))
    gaps = {axis: min(settings.gap, int(np.ptp(extents[axis]) * gap_share)) for axis in extents}
    cuts = [_best_cut(axis, extents[axis], flaw, settings, gaps[axis]) for axis in longest_first]
    found = [cut for cut in cuts if cut is not None]
    if found:
        cut = min(found, key=lambda cut: cut.cost)
        return _apart(places[0].film, extents[cut.axis], cut)
    raise DatasetError(
        f"Film {places[0].film} is alone and cannot be cut in two parts, {settings.gap} pixels apart, "
        "that both have a crop with a flaw; give more films, more crops or a smaller gap."
    )


def _apart(film: str, extents: np.ndarray, cut: _Cut) -> Split:
    below, above = extents[:, 1] <= cut.low, extents[:, 0] >= cut.high
    sides = (above, below, ~(below | above)) if cut.below_validates else (below, above, ~(below | above))
    training, validation, left_out = (tuple(np.flatnonzero(side).tolist()) for side in sides)
    where = f"before {cut.axis} {cut.low}" if cut.below_validates else f"from {cut.axis} {cut.high} on"
    note = (
        f"Film {film} is alone and was cut in two: {len(validation)} of {len(extents)} crops, those {where}, "
        f"validate; {len(left_out)} that touch the gap of {cut.high - cut.low} pixels take no part, and the "
        "score holds for this film only."
    )
    return Split(training, validation, left_out, note)


def _best_cut(
    axis: str, extents: np.ndarray, flaw: np.ndarray, settings: SplitSettings, gap: int
) -> _Cut | None:
    """Weigh every cut at the end of a crop; None where no cut leaves flaws on both sides."""
    starts, ends = extents.T
    cuts = np.unique(ends)
    amounts = np.stack([np.ones_like(flaw), flaw], axis=-1)  # of crops, of flaw
    below = _summed(ends, amounts, cuts, "right")
    above = amounts.sum(axis=0) - _summed(starts, amounts, cuts + gap, "left")
    possible = (below[:, 1] > 0) & (above[:, 1] > 0)
    if not possible.any():
        return None
    kept = below + above
    lost = (1 - kept / amounts.sum(axis=0)).mean(axis=-1)
    with np.errstate(invalid="ignore"):
        costs = np.stack([distance(side / kept, settings) + lost for side in (below, above)], axis=-1)
    costs[~possible] = np.inf
    later_first = settings.seed % 2 == 0  # of two cuts that are as good
    cut, side = np.unravel_index((costs[:, ::-1] if later_first else costs).argmin(), costs.shape)
    low = int(cuts[cut])
    return _Cut(axis, low, low + gap, bool(side == 0) != later_first, float(costs.min()))


def _summed(values: np.ndarray, amounts: np.ndarray, limits: np.ndarray, side: Any) -> np.ndarray:
    """For each limit, the sum of the amounts whose value comes before it (or is it, for "right")."""
    order = values.argsort(kind="stable")
    sums = np.concatenate([np.zeros_like(amounts[:1]), amounts[order].cumsum(axis=0)])
    return np.asarray(sums[np.searchsorted(values[order], limits, side)])
