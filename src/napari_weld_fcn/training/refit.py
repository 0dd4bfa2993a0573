"""How a run is shared where one film alone is learned whole in the end.

A part of the film is held back first, to choose the network; then all labels are learned. From nothing the
second learning goes on from the chosen network: it knows these labels alone, so there is nothing that more
steps could make it forget, and learned anew, in the half of a short time, it would be learned half. A model
that is tuned forgets other films with each step, so there the second learning begins with the model again and
takes as many steps as were chosen.
"""

from __future__ import annotations

from napari_weld_fcn.dataset.films import FilmSplit
from napari_weld_fcn.dataset.places import Split
from napari_weld_fcn.training.settings import TrainSettings

#: The first learning's share of both.
SHARE_FROM_NOTHING, SHARE_FROM_MODEL = 2 / 3, 1 / 2
#: Highest rate of the second learning where it goes on, as a share of the first one's.
RATE_GOING_ON = 0.2
#: How the sentence begins that is told when a run learns what was held back too.
LEARNING_ALL = "Learning all labels"


def refits_on_all(train: TrainSettings, split: Split | FilmSplit) -> bool:
    """Whether what is held back of a film with labels is learned in the end."""
    return train.refit_on_all and train.devices == 1 and isinstance(split, FilmSplit) and split.cuts_a_film


def first_share(*, from_model: bool) -> float:
    """Share of time, or of steps, that the first learning has."""
    return SHARE_FROM_MODEL if from_model else SHARE_FROM_NOTHING


def told(train: TrainSettings, share: float, *, from_model: bool) -> str:
    """Say before it begins how long each of two learnings is.

    Parameters
    ----------
    train
        Of the run.
    share
        Of the first learning.
    from_model
        Whether a model is trained further.
    """
    how = "learned from the model anew" if from_model else "learned further"
    if train.minutes:
        first = train.minutes * share
        return (
            f"Of {_minutes(train.minutes)} the first {first:.3g} are for a part of the film, on the rest it "
            f"validates; in the last {train.minutes - first:.3g} all labels are {how}, and that is checked."
        )
    steps = "as many steps" if share == SHARE_FROM_MODEL else "half as many steps"
    return f"In the end all labels are {how}, for {steps} as were chosen, and that is checked."


def _minutes(minutes: float) -> str:
    return f"{minutes:.3g} minute{'s' * (minutes != 1)}"
