"""The names of GDXray, the public database of radiographs, and what they tell.

`W0001_0003` is image 3 of series 1 of the welds. The name matters because GDXray's files carry no pixel
size, while its welds were all digitised at one: 40.3 um (630 dpi). Castings, baggage and the rest come from
set-ups of many magnifications, so their names tell nothing of the kind.

References
----------
Mery et al. (2015), GDXray: The database of X-ray images for nondestructive testing, J. Nondestruct. Eval.
34(4):42.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Edge of one pixel of GDXray's weld series, in mm.
WELD_PIXEL_SIZE_MM = 0.0403

_NAME = re.compile(r"([BCNSW])(\d{4})_(\d{4})")


@dataclass(frozen=True)
class GDXrayName:
    """Group letter (``"W"`` welds, ``"C"`` castings, ...), series and 1-based image number."""

    group: str
    series: int
    number: int

    @property
    def pixel_size_mm(self) -> float | None:
        """Edge of one pixel in mm where the group has one, else None."""
        return WELD_PIXEL_SIZE_MM if self.group == "W" else None


def parse_name(name: str) -> GDXrayName | None:
    """Take a file's name without its suffix apart; None where it is not one of GDXray's.

    Parameters
    ----------
    name
        For example ``"W0001_0003"``.
    """
    match = _NAME.fullmatch(name)
    return GDXrayName(match[1], int(match[2]), int(match[3])) if match else None
