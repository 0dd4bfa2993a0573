"""What the user should know before trusting a result, as sentences.

Most take a figure of each plane, as `record.PlaneRun` holds it (shares 0..1), and the radiograph's name.
There is no sentence where nothing is to be said.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.radiograph.polarity import ASKED, Decision

#: Share of clipped pixels that is worth a warning.
CLIPPED = 0.05
#: Share of broken pixels that is worth one.
BROKEN = 0.002
#: Fewer grey levels than these lose the grain, where a larger share of the pixels is as grey as the next one.
FEW_LEVELS, FLAT = 32, 0.75
#: A picture whose shorter edge has fewer pixels says little.
SMALL = 16
#: A larger share of a picture is never marked rightly.
MOST_MARKED = 0.8
#: So many indications at least say something of the film's scale.
ENOUGH = 3
#: How near to a limit of the model's sizes counts as at it, as a factor.
_NEAR = 1.25
#: Where the polarity is set, by a form and by the command.
_SET = "set polarity (Flaws are, or --polarity) to"


def clipping(shares: Sequence[float], name: str) -> list[str]:
    """Warn where much of a plane lies at the ends of its scale; of a stack, name the worst plane."""
    share, clipped = max(shares), sum(each > CLIPPED for each in shares)
    if not clipped:
        return []
    what = "the film" if len(shares) == 1 else f"plane {list(shares).index(share)}"
    more = f" ({clipped} of {len(shares)} planes are over {CLIPPED:.0%})" if len(shares) > 1 else ""
    return [
        f"{name}: {share:.0%} of {what} is at the black or white end of its scale{more}; "
        "flaws cannot be seen there, so digitise it again with a wider window."
    ]


def broken(shares: Sequence[float], name: str) -> list[str]:
    """Warn where many pixels are far darker or brighter than all the rest."""
    share = max(shares)
    if share <= BROKEN:
        return []
    where = "of the film" if len(shares) == 1 else f"of plane {list(shares).index(share)}"
    return [
        f"{name}: {share:.1%} {where} is far darker or brighter than all the rest and was cut off: "
        "strong flaws on a flat film stay seen, but broken pixels hide flaws, so correct them before."
    ]


def levels(planes: Sequence[tuple[int, float]], name: str) -> list[str]:
    """Warn where a film has so few grey levels that its grain is lost, or is no film at all."""
    few = [count for count, flat in planes if count < FEW_LEVELS and flat > FLAT]
    if not few:
        return []
    what = "the picture has" if len(planes) == 1 else f"{len(few)} of {len(planes)} planes have"
    return [
        f"{name}: {what} only {min(few)} grey level{'s' if min(few) > 1 else ''} and no grain between them, "
        "so faint flaws are lost; digitise the film again with more. Where this is a mask, give its film."
    ]


def enlarged(planes: Sequence[bool], name: str) -> list[str]:
    """Warn where a film was enlarged, so that its flaws are not of the sizes that models know."""
    count = sum(planes)
    if not count:
        return []
    what = "the picture was" if len(planes) == 1 else f"{count} of {len(planes)} planes were"
    return [
        f"{name}: {what} enlarged about 2.5 times or more after digitising, so flaws are too large in pixels "
        "for the model, and most may be missed; predict the film at the size at which it was scanned."
    ]


def small_tile(asked: int | None, taken: int | None) -> list[str]:
    """Say where larger tiles were taken than were asked for; edges in pixels."""
    if asked == taken:
        return []
    return [
        f"Tiles of {asked} pixels are dwarfed by what the network sees around them, so tiles of {taken} were "
        "taken; the result is the same."
    ]


def size(shape: Sequence[int], name: str) -> list[str]:
    """Warn where a picture is too small to show what surrounds a flaw."""
    rows, columns = shape[-2:]
    if min(rows, columns) >= SMALL:
        return []
    return [f"{name}: {rows} x {columns} pixels are too few to tell a flaw from what is around it."]


def mostly_marked(share: float, name: str) -> list[str]:
    """Warn where more is marked than can be flaw."""
    if share <= MOST_MARKED:
        return []
    return [f"{name}: {share:.0%} of it is marked, so the threshold is too low for it; raise the threshold."]


def left_out(excluded: Sequence[float], name: str) -> list[str]:
    """Say where something was left out since it is no film."""
    share, planes = max(excluded), sum(each > 0 for each in excluded)
    if not planes:
        return []
    told = f"{share:.0%}" if share >= 0.005 else "less than 1%"
    where = "of the picture" if len(excluded) == 1 else f"of a plane or less, on {planes} of them,"
    return [
        f"{name}: {told} {where} is no film (a surround, a frame, text) and was left out, so nothing is "
        "marked there; the setting area (More settings, or --area) at all takes everything for film."
    ]


def dead_lines(counts: Sequence[tuple[int, int]], name: str) -> list[str]:
    """Say where a detector's dead lines were filled."""
    worst = max(counts, key=sum)
    if not any(worst):
        return []
    kinds = [
        f"{count} {kind}{'s' if count > 1 else ''}"
        for count, kind in zip(worst, ("row", "column"), strict=True)
        if count
    ]
    where = "of the film" if len(counts) == 1 else f"of plane {list(counts).index(worst)}"
    return [
        f"{name}: {' and '.join(kinds)} {where} {'has' if sum(worst) == 1 else 'have'} one grey from end to "
        "end, as a detector's dead lines have, and took the greys beside them: a flaw within is not seen, "
        "and one that they cross may be measured wrongly."
    ]


def polarity(decisions: Sequence[Decision], name: str) -> list[str]:
    """Say what a user may want otherwise: both polarities, a film turned round, or one that nothing told."""
    told = []
    if any(each.polarity == "either" for each in decisions):
        told.append(both_polarities(name))
    bright = [each for each in decisions if each.polarity == "bright" and each.why != ASKED]
    if bright:
        told.append(
            f"{name}: {_planes(bright, decisions)}{bright[0].why}, as in a detector's linear image, so flaws "
            f"were taken to be bright; where they are dark, {_SET} dark."
        )
    guessed = [each for each in decisions if not each.sure]
    if guessed:
        told.append(
            f"{name}: {_planes(guessed, decisions)}{guessed[0].why} whether flaws are dark or bright, so "
            f"they were taken to be dark; where they are bright, as in many castings, {_SET} bright."
        )
    return told


def both_polarities(name: str) -> str:
    """Say what else counts where dark and bright were both looked for."""
    return (
        f"{name}: dark and bright were both looked for and the stronger was kept, so bright wires, "
        "letters and inclusions count as indications too."
    )


def _planes(some: Sequence[Decision], of: Sequence[Decision]) -> str:
    return "" if len(of) == 1 else f"on {len(some)} of {len(of)} planes "


def rounding(differences: Sequence[float], name: str) -> list[str]:
    """Say how far bfloat16 was found from float32."""
    largest = max(differences)
    if not largest:
        return []
    return [
        f"{name}: bfloat16 moved a probability by {largest:.2g} where the network is least certain, and "
        "elsewhere perhaps by more; precision float32 is exact."
    ]


def scale(
    lengths: NDArray[np.float64],
    flaw_size_px: tuple[float, float] | None,
    min_size_px: float,
    name: str,
) -> list[str]:
    """Warn where all indications are as small, or as large, as the model knows flaws.

    The smallest that can be found is the larger of what the model knows and of what is kept at all.

    Parameters
    ----------
    lengths
        ``(indications,)`` maximum Feret lengths, pixels.
    flaw_size_px
        Smallest and largest flaw that the model saw, pixels.
    min_size_px
        Smallest indication that is kept, pixels.
    name
        The radiograph's.
    """
    if flaw_size_px is None or lengths.size < ENOUGH:
        return []
    smallest, largest = max(flaw_size_px[0], min_size_px), flaw_size_px[1]
    at_limit = (lengths <= smallest * _NEAR) | (lengths >= largest / _NEAR)
    if not at_limit.all():
        return []
    return [
        f"{name}: all {lengths.size} indications are at the limits of the sizes that can be found "
        f"({smallest:g} to {largest:g} pixels); the film is probably far from the model's scale: "
        "enlarge or shrink it."
    ]
