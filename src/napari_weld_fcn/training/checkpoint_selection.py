"""Which of the validated networks is taken, and when it is no use to go on: the one place that says so.

Late in a fit the rate is low and the weights are averaged longest, so networks hardly differ and the largest
F1 on a few flaws is luck. So a later network is taken unless its F1 is lower than the largest by more than a
margin; the same rule says when nothing better has come for a while. A network that learned all labels in the
end is taken where it still does what was validated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class CheckpointSelection:
    """The rule of one run.

    Attributes
    ----------
    margin
        By how much less F1 a later network may have and is taken.
    patience
        Validations without a better one after which it is enough; 0 never is.
    to_beat
        F1 of the network that the run began with, which must be exceeded; None where any network will do.
    """

    margin: float = 0.0
    patience: int = 0
    to_beat: float | None = None

    def best(self, f1: Sequence[float]) -> int | None:
        """Index of the validation whose network is taken; None where none may be."""
        able = [index for index, score in enumerate(f1) if self.to_beat is None or score > self.to_beat]
        return able[best_of([f1[index] for index in able], self.margin)] if able else None

    def enough(self, f1: Sequence[float]) -> bool:
        """Whether nothing better has come for a while."""
        if not self.patience or not f1:
            return False
        return len(f1) - 1 - best_of(f1, self.margin) >= self.patience


def best_of(f1: Sequence[float], margin: float) -> int:
    """Index of the last score that is at most `margin` below the largest before it.

    Parameters
    ----------
    f1
        One for each validation, in their order; at least one.
    margin
        0 takes the largest, and the last of equals.
    """
    best, largest = 0, f1[0]
    for index, score in enumerate(f1):
        if score >= largest - margin:
            best = index
        largest = max(largest, score)
    return best


@dataclass(frozen=True)
class Checked:
    """Pixel F1 of the network that learned all labels, and of the one before, each at its own threshold.

    What it is scored on it has learned by then, so a high score proves little; but a low one proves that it
    is ruined, as a network is that had too few steps. It is taken where it has at least the validated score
    on the part that was held back, and on the other part that or what there was, but for a margin: it may
    learn a little less of each part than a network that had to learn one.

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
