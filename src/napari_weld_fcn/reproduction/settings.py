"""What a reproduction of the paper is asked for; what it always does stands in `plan`."""

from __future__ import annotations

from napari_weld_fcn.settings import Settings, setting

#: The paper's counts: crops of its films, and pairs that their variants make.
CROPS, PAIRS = 360, 11_871
#: Passes over the pairs at scale 1; the paper does not say how many it made.
PASSES = 3


class ReproductionSettings(Settings):
    """One call of `reproduce`."""

    scale: float = setting(
        1.0,
        f"Share of the paper's {PAIRS} pairs and of the training steps; films, crops, seeds and networks "
        "stay",
        step=0.01,
        gt=0,
        le=1,
    )
    batch: int = setting(8, "Crops in a step", unit="crops", step=1, ge=1, le=4096, advanced=True)

    at_once: int | None = setting(
        None,
        "Trainings that run at a time, each with its share of the processor",
        zero="one for each of its threads, as far as memory goes, and one on a GPU",
        step=1,
        ge=0,
        le=256,
        advanced=True,
    )

    def pairs(self, crops: int) -> int:
        """Return how many pairs `crops` crops become, themselves among them: at least one each."""
        return max(crops, round(PAIRS * self.scale * crops / CROPS))

    def passes(self, crops: int) -> int:
        """Return how often the pairs are gone through: `PASSES`, or fewer where each crop is but one pair."""
        return max(1, round(PASSES * PAIRS * self.scale * crops / CROPS / self.pairs(crops)))
