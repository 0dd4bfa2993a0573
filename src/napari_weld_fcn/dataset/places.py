"""What a split is made of, and what it is: places of crops in films, and positions on two sides.

The split of a film that is alone: two parts of it with a gap between them.

Where it is cut decides how much flaw each part has and how many crops and how much flaw are lost to the gap,
so every cut at the end of a crop is weighed, across both edges. Cutting in the middle is simpler, and often
leaves one part without a flaw.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.errors import DatasetError

_LISTS = ("training", "validation", "left_out")


@dataclass(frozen=True)
class Place:
    """Where a crop, or a whole film, lies and how much flaw it has.

    Attributes
    ----------
    film
        Identifies the film.
    row, column
        Place of the first pixel in the film.
    rows, columns
        Size in pixels.
    flaw_pixels
        Pixels of the mask that are flaw.
    """

    film: str
    row: int
    column: int
    rows: int
    columns: int
    flaw_pixels: int


@dataclass(frozen=True)
class Split:
    """Positions in the list that was split, each list ascending; every position is in exactly one.

    Attributes
    ----------
    training, validation
        Neither is empty, and both have flaws.
    left_out
        What touches the gap where a film that is alone was cut in two; else empty.
    note
        A sentence on what validates.
    """

    training: tuple[int, ...]
    validation: tuple[int, ...]
    left_out: tuple[int, ...] = ()
    note: str = ""

    def to_json(self) -> str:
        """Return the text of `splits.json`."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @staticmethod
    def from_json(text: str, source: str = "splits.json") -> Split:
        """Read what `to_json` wrote.

        Parameters
        ----------
        text
            The file's content.
        source
            What to call it where it is damaged.

        Raises
        ------
        DatasetError
            If it is no split, or holds a position twice.
        """
        try:
            given = json.loads(text)
            training, validation, left_out = (tuple(given[name]) for name in _LISTS)
            note = given["note"]
        except (ValueError, TypeError, KeyError, RecursionError) as fault:
            raise DatasetError(f"{source}: is no split of a dataset ({fault}).") from fault
        positions = [*training, *validation, *left_out]
        whole = all(type(position) is int and position >= 0 for position in positions)
        if not whole or len(set(positions)) < len(positions) or not isinstance(note, str):
            raise DatasetError(f"{source}: is no split of a dataset (a position is twice in it, or is none).")
        return Split(training, validation, left_out, note)


def distance(shares: np.ndarray, settings: SplitSettings) -> Any:
    """How far shares of the crops and of the flaw, on the last axis, are from what is asked for."""
    return np.abs(shares - settings.validation_share).sum(axis=-1)


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
