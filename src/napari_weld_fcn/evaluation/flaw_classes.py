"""Which kind each flaw of a simulated series is, from the `flaws.csv` beside its films.

The masks of a series tell flaw from background and no more. The table has each flaw's centre and length, so a
connected part is of the kind of the flaw whose centre lies on it, else of the nearest flaw within half its
length (a bent flaw's centre lies beside it, and a broken one has parts). Other parts stay without a class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.dataset.spreadsheet import TABLE_FAULTS, read_sheet
from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.prediction.indications import measure

TABLE = "flaws.csv"
_COLUMNS = ("image", "name", "visible", "iso6520", "row", "column", "length_px")
#: Centres this near are one however short the flaw is, pixels; the table rounds to four digits.
_NEAR_PX = 2.0


@dataclass(frozen=True)
class FlawClass:
    """Number after ISO 6520-1 and its name; 0 where it is not known."""

    iso6520: int = 0
    name: str = "not classified"


UNKNOWN = FlawClass()


@dataclass(frozen=True)
class KnownFlaw:
    """A visible flaw of the table: its class, its centre (pixels from 0) and its length (pixels)."""

    kind: FlawClass
    row: float
    column: float
    length_px: float


def read_classes(film: Path) -> dict[str, list[KnownFlaw]]:
    """Read the visible flaws by film, from the table beside `film`; empty where there is none.

    Raises
    ------
    RadiographError
        If the table is not as `simulate` writes it.
    """
    path = film.with_name(TABLE)
    if not path.is_file():
        return {}
    found: dict[str, list[KnownFlaw]] = {}
    try:
        for _, row in read_sheet(path, _COLUMNS, texts=("image", "name")).lines:
            image, name, visible, iso6520, *figures = (str(row[column]) for column in _COLUMNS)
            if visible.title() == "True":
                flaw = KnownFlaw(FlawClass(int(iso6520), name), *map(float, figures))
                found.setdefault(image, []).append(flaw)
    except (KeyError, ValueError, *TABLE_FAULTS) as fault:
        raise RadiographError(f"{path}: is no table of flaws as simulate writes it ({fault}).") from fault
    return found


def classes_of(instances: NDArray[Any], flaws: Sequence[KnownFlaw]) -> dict[int, FlawClass]:
    """Give the regions of `instances`, ``(rows, columns)``, the classes of the flaws they show, by number."""
    if not flaws:
        return {}
    rows, columns = instances.shape
    found: dict[int, FlawClass] = {}
    for flaw in flaws:
        row, column = min(max(round(flaw.row), 0), rows - 1), min(max(round(flaw.column), 0), columns - 1)
        if number := int(instances[row, column]):
            found.setdefault(number, flaw.kind)
    centres = np.array([(flaw.row, flaw.column) for flaw in flaws])
    reach = np.array([max(flaw.length_px / 2, _NEAR_PX) for flaw in flaws])
    table = measure(instances, np.zeros(instances.shape, np.float32))
    for number, row, column in zip(table["label"].tolist(), table["row"], table["column"], strict=True):
        distances = np.hypot(row - centres[:, 0], column - centres[:, 1])
        nearest = int(np.argmin(np.where(distances <= reach, distances, np.inf)))
        if distances[nearest] <= reach[nearest]:
            found.setdefault(number, flaws[nearest].kind)
    return found
