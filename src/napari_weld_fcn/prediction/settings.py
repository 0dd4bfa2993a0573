"""What a prediction is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from napari_weld_fcn.settings import Settings, setting

Polarity = Literal["auto", "dark", "bright", "either"]


class PredictionSettings(Settings):
    """One call of `predict`; what is None the model, the file or the program chooses."""

    retired: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("quality", "oversampled"), "every film is predicted in one pass at its own pixels"
    )
    former_defaults: ClassVar[Mapping[str, Any]] = {"polarity": "dark"}

    threshold: float | None = setting(
        None, "Probability above which a pixel is marked", zero="the model's own", step=0.01, ge=0, lt=1
    )
    polarity: Polarity = setting(
        "auto",
        "Flaws are darker or brighter than their surroundings; auto takes them to be bright where the bead "
        "is darker than its plate, else dark; either keeps the stronger of both, so that bright wires and "
        "inclusions count as well",
        label="Flaws are",
    )
    min_size: float | None = setting(
        None,
        "Smallest maximum Feret length of an indication",
        zero="the model's own",
        step=0.5,
        ge=0,
        label="Minimum size",
    )
    min_size_unit: Literal["px", "mm"] = setting("px", "Unit of the minimum size")
    pixel_size_mm: float | None = setting(
        None, "Edge of a pixel", zero="from the film", unit="mm", step=0.001, ge=0, le=10
    )
    peak_odds: float | None = setting(
        None,
        "How many times the odds of the threshold an indication has at its peak, of which 1 keeps every mark",
        zero="the model's own",
        step=0.5,
        ge=0,
        le=1e6,
        advanced=True,
    )
    area: Literal["film", "all"] = setting(
        "film",
        "What counts and is marked in: the exposed film without what surrounds it, or all of the picture",
        advanced=True,
    )
    tile: int | None = setting(
        None,
        "Edge of a tile",
        zero="what suits the memory",
        label="Tile edge",
        unit="pixels",
        step=64,
        ge=0,
        le=16384,
        advanced=True,
    )
    precision: Literal["auto", "float32", "bfloat16"] = setting(
        "auto",
        "Arithmetic of the network; auto is float32, bfloat16 is faster on some processors and rounds",
        advanced=True,
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = setting("auto", "Where the network runs", advanced=True)
