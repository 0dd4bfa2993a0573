"""What an evaluation, or a look at the stages of a network, is asked for."""

from __future__ import annotations

from typing import Any, Literal

from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.settings import Settings, setting


class EvaluationSettings(PredictionSettings):
    """One call of `evaluate`: films are predicted as `predict` does it, then compared with their truth."""

    min_iou: float = setting(
        0.1,
        "Smallest intersection over union at which an indication can be the one that found a flaw",
        label="Found from IoU",
        step=0.05,
        gt=0,
        le=1,
    )
    false_calls: float = setting(
        1.0,
        "False calls for each film that can be lived with; a threshold is given for it",
        step=0.5,
        ge=0,
        label="False calls a film",
    )
    resamples: int = setting(
        1000,
        "Resamples of the films for the intervals; 0 gives none",
        zero="no intervals",
        step=100,
        ge=0,
        le=100_000,
        advanced=True,
    )
    confidence: float = setting(0.95, "Confidence of the intervals", step=0.01, gt=0, lt=1, advanced=True)
    seed: int = setting(0, "The same seed gives the same intervals", step=1, ge=0, advanced=True)


def _as_predicted(name: str) -> Any:
    return PredictionSettings.model_fields[name]


class FeatureSettings(Settings):
    """One call of `feature_maps`."""

    show: Literal["mean", "strongest", "channel"] = setting(
        "mean", "Mean over a stage's channels, the strongest at each pixel, or one channel"
    )
    channel: int = setting(0, "Number of the channel that is shown, from 0", step=1, ge=0)
    stage: str = setting("", "The stages to show, with commas between them; empty shows all")
    polarity: Literal["auto", "dark", "bright"] = setting(
        _as_predicted("polarity").default,
        "Flaws are darker or brighter than their surroundings; auto tells it from the bead",
        label="Flaws are",
    )
    tile: int | None = _as_predicted("tile")
    device: Literal["auto", "cpu", "cuda", "mps"] = _as_predicted("device")
