"""How a network is fitted."""

from __future__ import annotations

from typing import Literal

from napari_weld_fcn.settings import Settings, setting


class FitSettings(Settings):
    """The seeded loop: its length, its rate, its objective, and what it keeps."""

    steps: int = setting(3000, "Steps of the optimiser", step=100, ge=1)
    batch: int = setting(16, "Patches in a step", unit="patches", step=1, ge=1)
    learning_rate: float = setting(2e-3, "Highest learning rate, reached after the warm-up", step=1e-4, gt=0)
    final_rate: float = setting(
        0.01, "Share of the learning rate that the cosine ends at", step=0.01, ge=0, le=1
    )
    warm_up: int = setting(200, "Steps over which the rate rises", step=10, ge=0)
    weight_decay: float = setting(1e-3, "Decay of the weights (AdamW)", step=1e-4, ge=0)
    gradient_limit: float = setting(1.0, "Largest norm of the gradient", step=0.1, gt=0)
    averaging: float = setting(
        0.998, "Share of the averaged weights kept at each step", step=0.001, ge=0, lt=1
    )
    dice_weight: float = setting(
        0.5, "Weight of the batch soft Dice beside the cross-entropy", step=0.1, ge=0
    )
    dice_smoothing: float = setting(50.0, "Pixels added to both sides of the Dice ratio", step=10, gt=0)
    validate_every: int = setting(300, "Steps between two validations and two saves", step=50, ge=1)
    precision: Literal["float32", "bfloat16"] = setting("bfloat16", "Arithmetic of the forward pass")
    seed: int = setting(0, "Seed of the weights and of everything that is drawn", step=1, ge=0)


class PatchSettings(Settings):
    """How simulated patches reach the network: seen as if their film's normalisation were another."""

    spread_min: float = setting(0.6, "Least factor on a normalised patch", step=0.1, gt=0)
    spread_max: float = setting(1.5, "Largest factor on a normalised patch", step=0.1, gt=0)
    shift: float = setting(0.7, "Largest shift of a normalised patch", step=0.1, ge=0)
    workers: int = setting(1, "Processes that simulate", step=1, ge=1)
