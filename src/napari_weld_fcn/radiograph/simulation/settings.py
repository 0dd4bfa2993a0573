"""What a simulated radiograph is asked to be.

Ranges are drawn from film by film; a range whose ends are equal fixes the value. `framing` decides between
a whole film, its weld running along the rows, and a window somewhere on one, as a crop is.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from napari_weld_fcn.settings import Settings, setting

#: ISO 6520-1 numbers of the flaws that are darker than the weld and so belong to a mask by default.
DARK_FLAWS = (100, 2011, 2012, 2013, 2014, 2015, 2016, 2024, 202, 301, 401, 402, 5011, 515, 510)


class SimulationSettings(Settings):
    """Size, magnification, harshness, flaws and truth of simulated radiographs."""

    rows: int = setting(1500, "Height of a film", unit="pixels", step=100, ge=32, le=40000)
    columns: int = setting(4000, "Width of a film", unit="pixels", step=100, ge=32, le=100000)
    depth_bits: Literal[8, 16] = setting(8, "Bits of a pixel")
    framing: Literal["film", "window"] = setting(
        "film", "A whole film, or a window of one in any orientation"
    )
    magnification_min: float = setting(
        1.0, "Smallest magnification; 1 is 0.0403 mm per pixel", step=0.1, ge=0.1, le=10
    )
    magnification_max: float = setting(1.0, "Largest magnification", step=0.1, ge=0.1, le=10)
    native_share: float = setting(
        0.0,
        "Share of films at magnification 1, whatever the range; the others are spread over it",
        step=0.05,
        ge=0,
        le=1,
    )
    flawless_share: float = setting(0.1, "Share of films without a flaw", step=0.05, ge=0, le=1)
    harsh_share: float = setting(
        0.1, "Share of films with strong grain and a hard window", step=0.05, ge=0, le=1
    )
    jpeg_share: float = setting(0.2, "Share of films with JPEG traces", step=0.05, ge=0, le=1)
    flaw_density: float = setting(
        2.0, "Groups of flaws for each 10 square centimetres of weld on a film", step=0.1, ge=0, le=50
    )
    flaw_classes: tuple[int, ...] = setting(
        DARK_FLAWS, "ISO 6520-1 numbers that count as flaws", advanced=True
    )
    truth_fraction: float = setting(
        0.28,
        "A pixel is flaw from this fraction of the flaw's peak darkening on",
        step=0.05,
        gt=0,
        lt=1,
        advanced=True,
    )
    truth_peak: float = setting(
        45.0, "A peak counts up to this many grey levels", step=1, gt=0, advanced=True
    )
    masking: float = setting(
        0.08,
        "A pixel is no flaw below this fraction of the strongest darkening near it",
        step=0.05,
        ge=0,
        lt=1,
        advanced=True,
    )
    masking_reach: float = setting(
        5.0,
        "How far a strong flaw outshines others, at magnification 1",
        unit="pixels",
        step=1,
        ge=0,
        le=100,
        advanced=True,
    )
    visible_contrast: float = setting(
        1.5, "Least peak darkening that can be seen, in grey levels", step=0.1, ge=0, advanced=True
    )
    visible_share: float = setting(
        0.6,
        "A pixel is no flaw below this fraction of the least contrast that can be seen",
        step=0.1,
        ge=0,
        le=1,
        advanced=True,
    )
    visible_step: float = setting(
        0.8,
        "Least difference that can be seen after the window, in displayed grey levels",
        step=0.1,
        ge=0,
        advanced=True,
    )
    visible_to_noise: float = setting(
        4.0, "Least contrast to noise over a flaw's area that can be seen", step=0.1, ge=0, advanced=True
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.magnification_min > self.magnification_max:
            raise ValueError(
                f"magnification_min {self.magnification_min:g} is above "
                f"magnification_max {self.magnification_max:g}"
            )
        return self


class InsertionSettings(Settings):
    """Simulated flaws that are put into a real film: how many, how large, how strong."""

    flawless_share: float = setting(
        0.6, "Share of the windows that stay without a flaw", step=0.05, ge=0, le=1
    )
    groups: int = setting(3, "Most groups of flaws in a window", step=1, ge=1, le=100)
    magnification_min: float = setting(
        0.5, "Smallest magnification of the flaws; 1 is a pixel of 0.0403 mm", step=0.1, ge=0.1, le=10
    )
    magnification_max: float = setting(2.0, "Largest magnification of the flaws", step=0.1, ge=0.1, le=10)
    contrast: float = setting(
        1.0,
        "Factor on the contrast of the flaws, which spans 2.5 to 80 grey levels of 256",
        step=0.1,
        gt=0,
        le=10,
    )
    sure_to_noise: float = setting(
        4.0,
        "Flaws of less contrast to noise than this are ignored: nobody could tell them from grain for sure",
        step=0.5,
        ge=0,
    )
    margin: int = setting(
        8, "By how much what may be a flaw already is grown", unit="pixels", step=1, ge=0, le=200
    )
