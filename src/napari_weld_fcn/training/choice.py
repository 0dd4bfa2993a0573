"""Which of the validated networks is taken.

Late in a fit the rate is low and the weights are averaged longest, so networks hardly differ and the largest
F1 on a few flaws is luck. So a later network is taken unless its F1 is lower than the largest by more than a
margin; the same rule says when nothing better has come for a while.
"""

from __future__ import annotations

from collections.abc import Sequence


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
