"""What a prediction is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from napari_weld_fcn.settings import Settings, setting

Polarity = Literal["auto", "dark", "bright", "either"]


class PredictionSettings(Settings):
    """One call of `predict`; zero means that the model, the file or the program chooses."""

    retired: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("quality", "oversampled"), "every film is predicted in one pass at its own pixels"
    )
    former_defaults: ClassVar[Mapping[str, Any]] = {"polarity": "dark"}

    threshold: float = setting(
        0.0, "Probability above which a pixel is marked; 0 takes the model's own", step=0.01, ge=0, lt=1
    )
    polarity: Polarity = setting(
        "auto",
        "Flaws are darker or brighter than their surroundings; auto takes them to be bright where the bead "
        "is darker than its plate, else dark; either keeps the stronger of both, so that bright wires and "
        "inclusions count as well",
    )
    min_size: float = setting(
        0.0, "Smallest maximum Feret length of an indication; 0 takes the model's own", step=0.5, ge=0
    )
    min_size_unit: Literal["px", "mm"] = setting("px", "Unit of the minimum size")
    pixel_size_mm: float = setting(
        0.0, "Edge of a pixel; 0 takes the file's own", unit="mm", step=0.001, ge=0, le=10
    )
    peak_odds: float = setting(
        0.0,
        "How many times the odds of the threshold an indication has at its peak; 0 takes the model's own, 1 "
        "keeps every mark",
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
    tile: int = setting(
        0,
        "Edge of a tile; 0 chooses one that suits the memory",
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
    device: Literal["auto", "cpu", "cuda", "mps"] = setting("auto", "Where the network runs")
