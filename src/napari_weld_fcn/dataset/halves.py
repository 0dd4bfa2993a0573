"""The split of a film that is alone: two parts of it with a gap between them.

Where it is cut decides how much flaw each part has and how many crops are lost to the gap, so every cut at
the end of a crop is weighed. Cutting in the middle is simpler, and often leaves one part without a flaw.
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

    low: int
    high: int
    below_validates: bool


def cut_in_two(places: Sequence[Place], settings: SplitSettings) -> Split:
    """Cut the one film where both shares come closest to what is asked for and least is lost to the gap.

    Parameters
    ----------
    places, settings
        As for `dataset.splits.split`; all places are of one film.

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
    for axis in sorted(extents, key=lambda axis: -np.ptp(extents[axis])):
        cut = _best_cut(extents[axis], flaw, settings)
        if cut is not None:
            return _apart(places[0].film, axis, extents[axis], cut)
    raise DatasetError(
        f"Film {places[0].film} is alone and cannot be cut in two parts, {settings.gap} pixels apart, "
        "that both have a crop with a flaw; give more films, more crops or a smaller gap."
    )


def _apart(film: str, axis: str, extents: np.ndarray, cut: _Cut) -> Split:
    below, above = extents[:, 1] <= cut.low, extents[:, 0] >= cut.high
    sides = (above, below, ~(below | above)) if cut.below_validates else (below, above, ~(below | above))
    training, validation, left_out = (tuple(np.flatnonzero(side).tolist()) for side in sides)
    where = f"before {axis} {cut.low}" if cut.below_validates else f"from {axis} {cut.high} on"
    note = (
        f"Film {film} is alone and was cut in two: {len(validation)} of {len(extents)} crops, those {where}, "
        f"validate; {len(left_out)} that touch the gap of {cut.high - cut.low} pixels take no part, and the "
        "score holds for this film only."
    )
    return Split(training, validation, left_out, note)


def _best_cut(extents: np.ndarray, flaw: np.ndarray, settings: SplitSettings) -> _Cut | None:
    """Weigh every cut at the end of a crop; None where no cut leaves flaws on both sides."""
    starts, ends = extents.T
    cuts = np.unique(ends)
    amounts = np.stack([np.ones_like(flaw), flaw], axis=-1)  # of crops, of flaw
    below = _summed(ends, amounts, cuts, "right")
    above = amounts.sum(axis=0) - _summed(starts, amounts, cuts + settings.gap, "left")
    possible = (below[:, 1] > 0) & (above[:, 1] > 0)
    if not possible.any():
        return None
    kept = below + above
    lost = 1 - kept[:, 0] / len(flaw)
    with np.errstate(invalid="ignore"):
        costs = np.stack([distance(side / kept, settings) + lost for side in (below, above)], axis=-1)
    costs[~possible] = np.inf
    later_first = settings.seed % 2 == 0  # of two cuts that are as good
    cut, side = np.unravel_index((costs[:, ::-1] if later_first else costs).argmin(), costs.shape)
    return _Cut(int(cuts[cut]), int(cuts[cut]) + settings.gap, bool(side == 0) != later_first)


def _summed(values: np.ndarray, amounts: np.ndarray, limits: np.ndarray, side: Any) -> np.ndarray:
    """For each limit, the sum of the amounts whose value comes before it (or is it, for "right")."""
    order = values.argsort(kind="stable")
    sums = np.concatenate([np.zeros_like(amounts[:1]), amounts[order].cumsum(axis=0)])
    return np.asarray(sums[np.searchsorted(values[order], limits, side)])
