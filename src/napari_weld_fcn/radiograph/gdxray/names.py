"""The names of GDXray and what they tell.

`W0001_0003` is image 3 of series 1 of the welds. GDXray's files carry no pixel size, while its welds were
all digitised at one: 40.3 um (630 dpi). A name alone is no origin, for any file can be called so: the size
holds for a file that lies in the folder of its series, as GDXray is unpacked. Castings, baggage and the rest
come from set-ups of many magnifications and have none. Series W0002 and W0004 of the welds are no radiographs
but the masks of W0001, film by film.

References
----------
Mery et al. (2015), GDXray: The database of X-ray images for nondestructive testing, J. Nondestruct. Eval.
34(4):42.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

#: Edge of one pixel of GDXray's weld series, in mm.
WELD_PIXEL_SIZE_MM = 0.0403

#: Group letters and the folders of the groups, in small letters.
GROUP_FOLDERS = {
    "B": ("baggage", "baggages"),
    "C": ("castings",),
    "N": ("nature",),
    "S": ("settings",),
    "W": ("welds",),
}
#: Series of masks by the series they belong to, the one to be preferred first.
MASK_SERIES = {("W", 1): (("W", 2), ("W", 4))}

_SERIES = re.compile(r"([BCNSW])(\d{4})", re.IGNORECASE | re.ASCII)
_NAME = re.compile(r"([BCNSW])(\d{4})_(\d{4})", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class GDXrayName:
    """Group letter (``"W"`` welds, ``"C"`` castings, ...), series and 1-based image number."""

    group: str
    series: int
    number: int

    @property
    def is_mask(self) -> bool:
        """Whether the image is the mask of another series' image."""
        return is_mask_series(self.group, self.series)


def parse_name(name: str) -> GDXrayName | None:
    """Take a file's name without its suffix apart; None where it is not one of GDXray's.

    Parameters
    ----------
    name
        For example ``"W0001_0003"``, in capitals or small letters.
    """
    match = _NAME.fullmatch(name)
    return GDXrayName(match[1].upper(), int(match[2]), int(match[3])) if match else None


def parse_series(name: str) -> tuple[str, int] | None:
    """Take the name of a series' folder, such as ``"W0001"``, apart into group letter and number, or None."""
    match = _SERIES.fullmatch(name)
    return (match[1].upper(), int(match[2])) if match else None


def series_pixel_size_mm(path: Path) -> float | None:
    """Return the edge of one pixel in mm of a file of GDXray's weld series; None for any other file.

    Parameters
    ----------
    path
        For example ``Welds/W0001/W0001_0003.png``; the same name in a folder of another name tells nothing.
    """
    name, folder = parse_name(path.stem), parse_series(path.absolute().parent.name)
    in_series = name is not None and name.group == "W" and folder == (name.group, name.series)
    return WELD_PIXEL_SIZE_MM if in_series else None


def series_name(group: str, series: int) -> str:
    """Return the name of a series, such as ``"W0001"``."""
    return f"{group}{series:04d}"


def is_mask_series(group: str, series: int) -> bool:
    """Whether a series holds the masks of another one."""
    return any((group, series) in masks for masks in MASK_SERIES.values())
