"""How many indications there are, in the words that every front end uses.

What is marked is an indication; a film without marks has none above the threshold, which is not to say that
it has no flaw.
"""

from __future__ import annotations


def summary(count: int, threshold: float) -> str:
    """Say how many indications lie above which threshold.

    Parameters
    ----------
    count
        Of indications.
    threshold
        0..1, of the probability.
    """
    if count == 0:
        return "no indication above the threshold"
    above = f"{threshold:.2f}" if threshold >= 0.005 else f"{threshold:.2g}"
    return f"{count} indication{'s' if count > 1 else ''} above {above}"
