"""Whether a network that learned all labels still does what was validated.

What it is scored on it has learned by then, so a high score proves little; but a low one proves that it is
ruined, as a network is that had too few steps. So both are scored at the threshold that the model is used
with, on the part that was held back and on the part that the first one learned. The later one is taken where
it has at least the validated score on the first, and on the second that or what there was, but for a margin:
it may learn a little less of each part than a network that had to learn one.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Checked:
    """Pixel F1 of the network that learned all labels, and of the one before, each at its own threshold.

    Attributes
    ----------
    held_back, held_back_before
        On the part that was held back, which the one before had not learned.
    learned, learned_before
        On the other part of that film.
    margin
        By how much less is let pass.
    threshold
        Of the network that learned all labels.
    """

    held_back: float
    held_back_before: float
    learned: float
    learned_before: float
    margin: float
    threshold: float

    @property
    def holds(self) -> bool:
        """Whether it is taken."""
        validated = self.held_back_before
        least = min(validated, self.learned_before)
        return self.held_back >= validated - self.margin and self.learned >= least - self.margin

    def to_card(self) -> dict[str, float | bool]:
        """Return what a card, or a command's JSON, says of it."""
        return {
            "taken": self.holds,
            "held_back": self.held_back,
            "held_back_before": self.held_back_before,
            "learned": self.learned,
            "learned_before": self.learned_before,
            "margin": self.margin,
            "threshold": self.threshold,
        }

    @classmethod
    def of_card(cls, said: dict[str, float], card_threshold: float) -> Checked:
        """Read what `to_card` returned; before there was a threshold in it, the card had the only one."""
        said = {"threshold": card_threshold, **said}
        return cls(**{name: said[name] for name in cls.__dataclass_fields__})

    def __str__(self) -> str:
        scores = (
            f"F1 {self.held_back:.3f} on the part that was held back (before: {self.held_back_before:.3f}), "
            f"{self.learned:.3f} on the other ({self.learned_before:.3f})"
        )
        if self.holds:
            return f"All labels are learned: {scores}; the model marks above {self.threshold:.3f}."
        return f"Learning all labels did not hold what was validated: {scores}. The network before is kept."
