"""What detectors find on simulated films, by kind and size of flaw, beside a top-hat.

Films are simulated, looked at by every detector and forgotten one by one: forty of 4000 x 1500 with their
truth would fill the memory, and simulating them again for each detector would take longer than looking. For
the same reason the top-hat meets each film once, at a ladder of depths, and the best depth is chosen when all
films are counted.

Every score of a model that this project gives is on the same films: `scored_films`, whose seeds lie apart
from those of patches and validation films.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from numpy.typing import NDArray

from napari_weld_fcn.evaluation.benchmark.classical import HALF_DEPTH, RADIUS, top_hat
from napari_weld_fcn.evaluation.tally import Tally
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.indications import ALL_PEAKS
from napari_weld_fcn.prediction.predict import probability
from napari_weld_fcn.radiograph.simulation.film import SimulatedFilm, simulate
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings

Detector = Callable[[SimulatedFilm], NDArray[Any]]

#: Depths among which the top-hat's best is chosen, in grey levels of 255.
DEPTHS = (2.0, 3.0, 4.0, 5.0, 6.5, 8.0, 10.0, 13.0, 17.0, 22.0, 30.0, 40.0, 60.0)

#: Seed of the first film that a model is scored on.
FIRST_SCORED = 7_000_000

#: What the films are that a model is scored on.
SCORED_FILMS = SimulationSettings(rows=1500, columns=4000)


def scored_films(
    count: int, settings: SimulationSettings = SCORED_FILMS, first: int = FIRST_SCORED
) -> Iterator[SimulatedFilm]:
    """Simulate the films that models are scored on, one by one.

    Parameters
    ----------
    count
        How many.
    settings
        What they are.
    first
        Seed of the first; the others follow.
    """
    return (simulate(settings, first + index) for index in range(count))


def benchmark_model(
    model: Model,
    films: Iterable[SimulatedFilm],
    *,
    threshold: float = 0.0,
    min_size_px: float | None = None,
    top_hat_depths: Sequence[float] = DEPTHS,
) -> dict[str, Any]:
    """Score a model on simulated films.

    Parameters
    ----------
    model
        Applied as `predict` applies it.
    films
        Gone through once; `scored_films` gives those that figures are published on.
    threshold
        Pixels above it are marked; 0 takes the model's own.
    min_size_px
        Smallest maximum Feret length of an indication and of a flaw that counts, pixels; None takes the
        model's own.
    top_hat_depths
        As for `benchmark_films`.

    Returns
    -------
    dict
        What `benchmark_films` returns, ready for a card.

    Raises
    ------
    ValueError
        If there is no film.
    """
    return benchmark_films(
        films,
        lambda film: probability(film.radiograph, model),
        threshold or model.card.threshold,
        model.card.min_size_px if min_size_px is None else min_size_px,
        model.card.peak_odds,
        top_hat_depths=top_hat_depths,
    )


def benchmark_films(
    films: Iterable[SimulatedFilm],
    detector: Detector,
    threshold: float,
    min_size_px: float = 0.0,
    peak_odds: float = ALL_PEAKS,
    *,
    top_hat_radius: int = RADIUS,
    top_hat_depths: Sequence[float] = DEPTHS,
) -> dict[str, Any]:
    """Score a detector on simulated films, beside a top-hat at its best depth.

    Parameters
    ----------
    films
        Gone through once; a generator that simulates them one by one will do.
    detector
        Gives each film's probabilities, ``(rows, columns)`` in [0, 1].
    threshold
        The detector's own; pixels above it are marked.
    min_size_px
        Smallest maximum Feret length of an indication, and of a flaw that counts, pixels.
    peak_odds
        The detector's, as for `label`; a top-hat has none.
    top_hat_radius
        Half the top-hat's window, pixels.
    top_hat_depths
        Depths among which the one of the largest pixel F1 is taken, grey levels of 255; none leaves the
        top-hat out.

    Returns
    -------
    dict
        Ready for JSON: `Tally.as_dict` of the detector, and under ``top_hat`` the same of the top-hat.
        ``found`` is the share of visible flaws with an indication of their own, ``marked`` of those that are
        found or at least half covered.

    Raises
    ------
    ValueError
        If there is no film.
    """
    own = Tally(threshold, min_size_px, peak_odds)
    others = [Tally(depth / (depth + HALF_DEPTH), min_size_px) for depth in top_hat_depths]
    count = 0
    for film in films:
        count += 1
        own.add(film, detector(film))
        if others:
            classical = top_hat(film.radiograph.pixels, top_hat_radius)
            for other in others:
                other.add(film, classical)
    if not count:
        raise ValueError("no film to score on")
    return own.as_dict() | _best(others, top_hat_depths, top_hat_radius)


def _best(others: Sequence[Tally], depths: Sequence[float], radius: int) -> dict[str, Any]:
    """Return the top-hat's figures at its best depth, under ``top_hat``; nothing where it was left out."""
    if not others:
        return {}
    best = max(range(len(others)), key=lambda index: others[index].f1)
    return {"top_hat": {"radius_px": radius, "depth": depths[best]} | others[best].as_dict()}
