"""Whether the flaws of a film are dark or bright, decided once for each film from its bead.

A film is brighter where it was exposed through more metal; so its bead is bright, and a flaw, which lacks
metal, is dark. A detector's linear image is the other way round. Nothing in a file tells the two apart, and a
network that knows flaws as dark finds none on the other, without a word. The bead tells, where it is clear:
it has more metal than the plates beside it. Guessed from anything less (a dark band on a magnified patch may
be the flaw itself, the dark middle of a pipe is no bead) it would turn good films round, so everything else
counts as dark, and `Decision.sure` says that nothing told it.

Crops go by the decision on their whole film. Predicting, evaluating and training all decide here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.radiograph.area.film_area import FilmArea, film_area
from napari_weld_fcn.radiograph.area.strips import Strip, strips
from napari_weld_fcn.radiograph.normalisation import Normalisation

FlawsAre = Literal["dark", "bright"]

#: Narrowest bead, in pixels, since a dark band that is narrower may be a flaw.
NARROWEST_PX = 80

#: Why a polarity holds: it was asked for, or what the bead tells.
ASKED = "asked for"
DARK, BRIGHT = "its bead is brighter than its plate", "its bead is darker than its plate"
NO_BEAD = "no bead is clear enough to tell"


@dataclass(frozen=True)
class Decision:
    """How the flaws of one film are looked for.

    Attributes
    ----------
    polarity
        They are ``dark``, ``bright``, or ``either`` where that was asked for.
    why
        A clause, such as ``its bead is darker than its plate``.
    sure
        Whether somebody asked for it or a clear bead tells it.
    """

    polarity: Literal["dark", "bright", "either"]
    why: str
    sure: bool = True


def decide(
    pixels: Any,
    asked: Literal["auto", "dark", "bright", "either"] = "auto",
    area: FilmArea | None = None,
) -> Decision:
    """Decide how the flaws of a film are looked for.

    Parameters
    ----------
    pixels
        ``(rows, columns)`` of the whole film, any real dtype; a lazy array is read some rows at a time.
    asked
        ``auto`` looks at the bead; anything else is taken as it is.
    area
        Where the film is; None finds it.
    """
    if asked != "auto":
        return Decision(asked, ASKED)
    film = _film(pixels, film_area(pixels) if area is None else area)
    bright = {strip.bright for strip in strips(film) if strip.is_sure and _is_wide(strip, film.shape)}
    if len(bright) != 1:
        return Decision("dark", NO_BEAD, sure=False)
    return Decision("dark", DARK) if bright.pop() else Decision("bright", BRIGHT)


def flaws_are(pixels: Any) -> FlawsAre:
    """Return `decide`'s polarity of a film that nobody said anything of; ``(rows, columns)``, may be lazy."""
    return "bright" if decide(pixels).polarity == "bright" else "dark"


def seen(pixels: Any, film: Normalisation, polarity: str) -> NDArray[np.float32]:
    """Return pixels as a network sees them: normalised, and negated where flaws are bright.

    Parameters
    ----------
    pixels
        Any shape and real dtype, of a film or a part of it.
    film
        Normalisation of the whole film.
    polarity
        ``dark`` or ``bright``.

    Returns
    -------
    numpy.ndarray
        Same shape, float32; flaws are below their surroundings.
    """
    values = film.apply(pixels)
    return np.negative(values, out=values) if polarity == "bright" else values


def _film(pixels: Any, area: FilmArea) -> Any:
    """The film's own pixels, as lazy as they are where nothing has to be filled."""
    rows, columns = (slice(0, size) for size in area.shape)
    if area.outside is not None or pixels.dtype.kind == "f":
        return area.read(pixels, rows, columns)
    top, left, bottom, right = area.box
    return pixels[top:bottom, left:right]


def _is_wide(strip: Strip, shape: tuple[int, ...]) -> bool:
    return strip.width * (shape[1] if strip.vertical else shape[0]) >= NARROWEST_PX
