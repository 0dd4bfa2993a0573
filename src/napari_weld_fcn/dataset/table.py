"""`dataset.csv`: where every pair comes from, one row each, for a spreadsheet, for pandas and for training.

The table is the dataset: a file that no row names is not part of it. How it is read again stands in
`table_reading`.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from napari_weld_fcn.dataset.pair import Pair
from napari_weld_fcn.dataset.polarity import FlawsAre
from napari_weld_fcn.radiograph.normalisation import Normalisation

IMAGES, MASKS, TABLE = "images", "masks", "dataset.csv"

#: Every other column of numbers is a parameter of the transforms.
COLUMNS = (
    "image",
    "mask",
    "film",
    "row",
    "column",
    "rows",
    "columns",
    "variant",
    "film_mean",
    "film_spread",
    "film_low",
    "film_high",
    "film_white",
    "film_polarity",
    "pixel_size_mm",
    "flaw_pixels",
)


@dataclass(frozen=True)
class Row:
    """What a dataset says of one pair without opening its files.

    Attributes
    ----------
    image, mask
        Paths relative to the dataset folder, with forward slashes.
    film
        Identifies the film; splits are by film.
    row, column
        Place of the first pixel in the film.
    rows, columns
        Size in pixels; None in a folder without a table, until the pair is read.
    variant
        0 for the crop itself.
    normalisation
        Of the whole film; None in a folder without a table, where the image is the whole film.
    full_scale
        Grey level that stands for white in the whole film; None where it has to be guessed.
    polarity
        Of the whole film's flaws; None in a folder without a table, where the image decides.
    pixel_size_mm
        Edge of one pixel in mm, or None where it is not known.
    flaw_pixels
        Pixels of the mask that are flaw; None where nobody has counted.
    parameters
        What the variant's transforms drew, by name.
    """

    image: str
    mask: str
    film: str
    row: int = 0
    column: int = 0
    rows: int | None = None
    columns: int | None = None
    variant: int = 0
    normalisation: Normalisation | None = None
    full_scale: float | None = None
    polarity: FlawsAre | None = None
    pixel_size_mm: float | None = None
    flaw_pixels: int | None = None
    parameters: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The pair's name: what its image is called, without the suffix."""
        return PurePosixPath(self.image).stem


def row_of(pair: Pair, image: str, mask: str, flaw_pixels: int) -> Row:
    """Describe a pair whose files are `image` and `mask`.

    Raises
    ------
    ValueError
        If a parameter is called as one of `COLUMNS`, or is no finite number.
    """
    wrong = [name for name, value in pair.parameters.items() if name in COLUMNS or not math.isfinite(value)]
    if wrong or "" in pair.parameters:
        raise ValueError(f"{pair.name}: {wrong} cannot be parameters in a table")
    rows, columns = pair.pixels.shape
    return Row(
        image=image,
        mask=mask,
        film=pair.film,
        row=pair.row,
        column=pair.column,
        rows=rows,
        columns=columns,
        variant=pair.variant,
        normalisation=pair.normalisation,
        full_scale=pair.full_scale,
        polarity=pair.polarity,
        pixel_size_mm=pair.pixel_size_mm,
        flaw_pixels=flaw_pixels,
        parameters=dict(pair.parameters),
    )


def table_text(rows: Iterable[Row]) -> str:
    """The text of `dataset.csv`: `COLUMNS`, then the parameters in the order in which they first occur.

    Numbers are written so that they are read back as they were; what is not known is empty.
    """
    lines = [_cells(row) for row in rows]
    names = dict.fromkeys(name for cells in lines for name in cells)
    text = io.StringIO()
    writer = csv.DictWriter(text, [*COLUMNS, *(n for n in names if n not in COLUMNS)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _cells(row: Row) -> dict[str, object]:
    assert row.normalisation is not None
    known = {
        "film_mean": float(row.normalisation.mean),
        "film_spread": float(row.normalisation.spread),
        "film_low": _if_finite(row.normalisation.low),
        "film_high": _if_finite(row.normalisation.high),
        "film_white": None if row.full_scale is None else float(row.full_scale),
        "film_polarity": row.polarity,
        "pixel_size_mm": None if row.pixel_size_mm is None else float(row.pixel_size_mm),
    }
    own = {name: known[name] if name in known else getattr(row, name) for name in COLUMNS}
    return own | {name: float(value) for name, value in row.parameters.items()}


def _if_finite(level: float) -> float | None:
    return float(level) if math.isfinite(level) else None
