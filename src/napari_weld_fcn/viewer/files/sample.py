"""A weld radiograph to try everything on: simulated, so it is free, small and comes with its truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings

#: Small enough to be made in a second or two, large enough to need several tiles.
SETTINGS = SimulationSettings(
    rows=800, columns=2400, flawless_share=0, harsh_share=0, jpeg_share=0, flaw_density=4
)
#: A film of middling blackness with pores, slag and wormholes to be seen at once.
SEED = 25

NAME = "simulated weld"

#: What the truth says of each flaw, besides its kind.
MEASURES = ("iso6520", "length_px", "width_px", "length_mm", "depth_mm", "contrast", "contrast_to_noise")


def simulated_weld() -> list[tuple[Any, dict[str, Any], str]]:
    """Make the sample: a film, and its flaws as labels that are hidden at first.

    Returns
    -------
    list of layer data
        The radiograph in mm, and the labels with each flaw's kind and size as features.
    """
    from napari_weld_fcn.radiograph.simulation.film import simulate

    film = simulate(SETTINGS, SEED)
    size = film.radiograph.pixel_size_mm
    placement = {"scale": (size, size), "units": ("mm", "mm")}
    truth = {**placement, "name": f"{NAME} truth", "features": _features(film.flaws), "visible": False}
    limits = np.percentile(film.radiograph.pixels, (0.5, 99.5))
    return [
        (film.radiograph.pixels, {**placement, "name": NAME, "contrast_limits": limits}, "image"),
        (film.instances, truth, "labels"),
    ]


def _features(flaws: list[Any]) -> pd.DataFrame:
    """Row k is flaw k, and row 0 the background; a number that the film does not show has an empty row."""
    shown = {flaw.number: flaw for flaw in flaws if flaw.number}
    rows = [shown.get(number) for number in range(max(shown, default=0) + 1)]
    columns: dict[str, list[Any]] = {"index": list(range(len(rows)))}
    columns["kind"] = [flaw.name if flaw else "" for flaw in rows]
    for name in MEASURES:
        columns[name] = [getattr(flaw, name) if flaw else np.nan for flaw in rows]
    return pd.DataFrame(columns)
