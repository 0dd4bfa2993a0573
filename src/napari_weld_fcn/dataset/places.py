"""What a split is made of, and what it is: places of crops in films, and positions on two sides."""

from __future__ import annotations

import json
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
