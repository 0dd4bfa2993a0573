"""What a long job says while it runs, and how it is asked to stop.

A job takes a `JobControl`: it tells it these small frozen values from whatever thread it runs in, and asks it
at least once a second whether to stop. It knows nothing of Qt, of terminals or of who listens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_weld_fcn.errors import Stopped

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Message:
    """A sentence worth showing, such as that the tile was halved for lack of memory."""

    text: str


@dataclass(frozen=True)
class TileDone:
    """Tile `done` of `total` is computed; `seconds_left` is None until it can be estimated."""

    done: int
    total: int
    seconds_left: float | None = None


@dataclass(frozen=True)
class StepDone:
    """Step `done` of `total` of a fit, with its loss."""

    done: int
    total: int
    loss: float
    seconds_left: float | None = None


@dataclass(frozen=True)
class Validated:
    """Scores on the validation films after step `step`, all 0..1.

    Attributes
    ----------
    f1
        What the best step is chosen by: pooled over all crops or films of a run; in the training on
        simulation the mean over films with flaws, without labels that over windows.
    precision, recall
        Of the pixels of all films together, at `threshold`.
    flaw_share
        Share of their pixels that is flaw; 0 where nobody said, and no network is refused as blind.
    loss
        Mean over the steps since the validation before; None where nobody said.
    """

    step: int
    f1: float
    precision: float
    recall: float
    threshold: float
    flaw_share: float = 0.0
    loss: float | None = None


@dataclass(frozen=True, eq=False)
class FilmPredicted:
    """What the network says of a film that validates, after step `step`; told only where it is asked for.

    Attributes
    ----------
    film
        The film's name.
    position
        Its place among the films that were given, from 0.
    probability
        ``(rows, columns)`` float32 in [0, 1]; nobody changes it any more.
    """

    step: int
    film: str
    position: int
    probability: NDArray[np.float32]


Event = Message | TileDone | StepDone | Validated | FilmPredicted
OnEvent = Callable[[Event], None]
ShouldStop = Callable[[], bool]


def ignore(event: Event) -> None:
    """Listen to nothing: the default `on_event`."""


def never() -> bool:
    """Never stop: the default `should_stop`."""
    return False


@dataclass(frozen=True)
class JobControl:
    """Who listens to a job, and who may stop or pause it; of itself nobody.

    Attributes
    ----------
    on_event
        Is handed what the job tells, in the job's thread.
    should_stop, should_pause
        Asked at least once a second.
    should_show
        Whether somebody looks at the films that validate, so that they are worth telling.
    """

    on_event: OnEvent = ignore
    should_stop: ShouldStop = never
    should_pause: ShouldStop = never
    should_show: ShouldStop = never

    def tell(self, event: Event) -> None:
        """Tell whoever listens."""
        self.on_event(event)

    def check(self) -> None:
        """End the job here if it should stop.

        Raises
        ------
        Stopped
            If `should_stop` said so.
        """
        if self.should_stop():
            raise Stopped

    def heard_by(self, on_event: OnEvent) -> JobControl:
        """Return the same control for a part of the job, whose events another listener takes."""
        return replace(self, on_event=on_event)


#: The default: nobody listens, nobody stops it.
ALONE = JobControl()
