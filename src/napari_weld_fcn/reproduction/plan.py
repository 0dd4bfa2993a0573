"""What the experiment is made of, whatever its scale: films, crops, networks, seeds, and how crops are dealt.

The paper's network with three activations, by film; with SELU also on random crops; and the encoder-decoder
of the paper's future work by both protocols. A seed decides weights, order and, at random, which crops
validate and are tested on: two networks of one seed differ in nothing else.

A score is worth what its split is worth. By film, no film has crops on two sides, so that the score is one
for a film that was never seen. `random-crops` is the paper's own, and leaks: crops of one film, neighbours
that overlap among them, lie on all sides, so that a network is tested on grain, beads and pores that it was
trained on. It is here to be compared with, and nothing else of this program uses it.

Whatever the protocol, the crops that choose checkpoint and threshold are dealt the same way and are not those
that are tested on; otherwise the choice would be part of the score.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import combinations
from math import comb
from typing import Literal

import numpy as np

from napari_weld_fcn.dataset.places import Place, Split
from napari_weld_fcn.dataset.settings import PRESETS, CropSettings, SplitSettings
from napari_weld_fcn.dataset.splits import folds, split_places
from napari_weld_fcn.errors import DatasetError, SettingsError
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings

Protocol = Literal["ratio", "8/2", "leave-one-out", "k-fold", "random-crops"]

#: Share of the crops, or of the films, that is tested on; and share of the rest that validates.
TESTED, VALIDATED = 0.2, 1 / 8

#: What each protocol is, in a sentence for the reader of its scores.
MEANING: dict[Protocol, str] = {
    "ratio": "By film: whole films are tested on, about a fifth of the crops and of the flaw.",
    "8/2": "By film: a fifth of the films (two of ten) is tested on; no crop of them is trained on.",
    "leave-one-out": "By film: each film with flaws is tested on in turn, by a network that never saw it.",
    "k-fold": "By film: each of five groups of films is tested on in turn.",
    "random-crops": "Random crops, as in the paper: a fifth of all crops is tested on, whatever film they "
    "are of, so that every film is trained on too. This score leaks.",
}
BY_FILM: Protocol = "8/2"
AT_RANDOM: Protocol = "random-crops"
_FILE_NAMES: dict[Protocol, str] = {BY_FILM: "film", AT_RANDOM: "random"}
#: Choices of films that are gone through for the one of 8/2.
_MOST_CHOICES = 100_000
#: Draws of random crops before it is given up that each side has a flaw.
_MOST_DRAWS = 100


@dataclass(frozen=True)
class Training:
    """One network by one protocol with one seed."""

    network: str
    protocol: Protocol
    seed: int

    @property
    def name(self) -> str:
        """What its run and its part are called."""
        return f"{self.network.replace(' ', '-')}_{_FILE_NAMES[self.protocol]}_{self.seed}"

    def __str__(self) -> str:
        how = "by film" if self.protocol == BY_FILM else "random crops"
        return f"{self.network}, {how}, seed {self.seed}"


def _networks() -> dict[str, NetworkSettings]:
    return {
        "fcn selu": NetworkSettings(kind="fcn", activation="selu"),
        # ELU's own alpha is 1; the default is that of SELU
        "fcn elu": NetworkSettings(kind="fcn", activation="elu", alpha=1.0),
        "fcn relu": NetworkSettings(kind="fcn", activation="relu"),
        "autoencoder": NetworkSettings(kind="autoencoder", activation="relu"),
    }


@dataclass(frozen=True)
class Plan:
    """An experiment; the one without arguments is the paper's.

    Attributes
    ----------
    networks
        By name. The first is the one of the figures.
    both
        Names of those that are trained by both protocols, the first among them; the others by film alone.
    seeds
        Of every network.
    crops
        How the films are cut.
    films, simulation
        How many films are simulated where there are no real ones, and what they are.
    """

    networks: Mapping[str, NetworkSettings] = field(default_factory=_networks)
    both: tuple[str, ...] = ("fcn selu", "autoencoder")
    seeds: tuple[int, ...] = (0, 1, 2)
    crops: CropSettings = PRESETS["paper"]
    films: int = 10
    simulation: SimulationSettings = SimulationSettings()

    @property
    def first(self) -> str:
        """The network of the figures: the paper's own."""
        return next(iter(self.networks))

    @property
    def trainings(self) -> tuple[Training, ...]:
        """All trainings, those by both protocols first: what is interrupted has the leak gap at least."""
        compared = [each for name in self.both for two in self.both_ways(name) for each in two]
        others = [name for name in self.networks if name not in self.both]
        return (*compared, *(Training(name, BY_FILM, seed) for seed in self.seeds for name in others))

    def both_ways(self, network: str) -> list[tuple[Training, Training]]:
        """Return the trainings of a network by film and on random crops, seed by seed."""
        return [(Training(network, BY_FILM, seed), Training(network, AT_RANDOM, seed)) for seed in self.seeds]


@dataclass(frozen=True)
class Division:
    """Positions in the list that was divided, each ascending; no position is in two.

    Attributes
    ----------
    training, validation, test
        None is empty, and all have flaws.
    """

    training: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]


def divisions(protocol: Protocol, places: Sequence[Place], seed: int = 0) -> tuple[Division, ...]:
    """Divide crops by a protocol: once, or once for each film or group that is tested on in turn.

    Parameters
    ----------
    protocol
        A key of `MEANING`.
    places
        One for each crop; variants have the place of their crop and stay on its side.
    seed
        The same seed gives the same division, whatever the order of `places`. ``8/2`` is the same for every
        seed; ``leave-one-out`` and ``k-fold`` draw by it which films validate, not which are tested on.

    Returns
    -------
    tuple of Division

    Raises
    ------
    DatasetError
        If a side would have no crop or no flaw.
    SettingsError
        If there is no such protocol, or there are too many films for ``8/2`` or too few for ``k-fold``.
    """
    return tuple(_validated(outer, protocol, places, seed) for outer in _tested(protocol, places, seed))


def films_at(places: Sequence[Place], positions: Sequence[int]) -> set[str]:
    """Return the films of some positions."""
    return {places[i].film for i in positions}


def seen_share(places: Sequence[Place], division: Division) -> float:
    """Return the share of the tested pixels that training crops show as well: 0 by film."""
    shown: dict[str, np.ndarray] = {}
    for film in films_at(places, division.test):
        own = [place for place in places if place.film == film]
        shown[film] = np.zeros(
            [max(p.row + p.rows for p in own) + 1, max(p.column + p.columns for p in own) + 1], np.bool_
        )
    for place in (places[i] for i in division.training):
        if place.film in shown:
            shown[place.film][_part(place)] = True
    tested = [shown[places[i].film][_part(places[i])] for i in division.test]
    return sum(int(part.sum()) for part in tested) / max(sum(part.size for part in tested), 1)


def _part(place: Place) -> tuple[slice, slice]:
    return (
        slice(max(place.row, 0), place.row + place.rows),
        slice(max(place.column, 0), place.column + place.columns),
    )


def _tested(protocol: Protocol, places: Sequence[Place], seed: int) -> tuple[Split, ...]:
    """Splits whose validation is what is tested on."""
    if protocol == "ratio":
        return (split_places(places, SplitSettings(validation_share=TESTED, seed=seed)),)
    if protocol == "8/2":
        return (_nearest_films(places, TESTED),)
    if protocol == "leave-one-out":
        return folds(places, SplitSettings(kind="leave-one-out", seed=seed))
    if protocol == "k-fold":
        return folds(places, SplitSettings(kind="k-fold", seed=seed))
    if protocol == "random-crops":
        return (_random_crops(places, TESTED, seed),)
    raise SettingsError(f"Protocol {protocol}: there is none; there are {', '.join(MEANING)}.")


def _validated(outer: Split, protocol: Protocol, places: Sequence[Place], seed: int) -> Division:
    """Take what validates from what is not tested on, by the same rule."""
    rest = [places[i] for i in outer.training]
    if protocol == "random-crops":
        inner = _random_crops(rest, VALIDATED, seed)
    else:
        _check_two_films(rest)
        ratio = SplitSettings(validation_share=VALIDATED, seed=seed)
        inner = _nearest_films(rest, VALIDATED) if protocol == "8/2" else split_places(rest, ratio)
    training, validation = (
        tuple(outer.training[i] for i in side) for side in (inner.training, inner.validation)
    )
    return Division(training, validation, outer.validation)


def _check_two_films(places: Sequence[Place]) -> None:
    if len({place.film for place in places}) < 2:
        raise DatasetError(
            "Training, validation and test by film need three films at least, and three with flaws."
        )


def _nearest_films(places: Sequence[Place], share: float) -> Split:
    """So many films as are a share of all, and of these those whose share of the flaw is nearest it."""
    flaw: dict[str, int] = {}
    for place in places:
        flaw[place.film] = flaw.get(place.film, 0) + place.flaw_pixels
    number = max(1, round(len(flaw) * share))
    if comb(len(flaw), number) > _MOST_CHOICES:
        raise SettingsError(
            f"8/2 is for about ten films, but there are {len(flaw)}; take the protocol ratio."
        )
    wanted = share * sum(flaw.values())

    def distance(films: tuple[str, ...]) -> tuple[float, tuple[str, ...]]:
        return abs(sum(flaw[film] for film in films) - wanted), films

    films = min(combinations(sorted(flaw), number), key=distance)
    return split_places(places, SplitSettings(kind="films", films=films))


def _random_crops(places: Sequence[Place], share: float, seed: int) -> Split:
    """A share of the crops, drawn without a look at their films, and again where a side has no flaw."""
    crops = {(place.film, place.row, place.column) for place in places}
    number = max(1, round(len(crops) * share))
    for draw in range(_MOST_DRAWS):
        chosen = set(sorted(crops, key=_chance(seed, draw))[:number])
        held = [(place.film, place.row, place.column) in chosen for place in places]
        training, validation = (
            tuple(i for i, each in enumerate(held) if each is side) for side in (False, True)
        )
        if all(any(places[i].flaw_pixels for i in side) for side in (training, validation)):
            note = f"{len(validation)} of {len(places)} crops, of any film."
            return Split(training, validation, note=note)
    raise DatasetError("Too few crops show a flaw: training, validation and test need some each.")


def _chance(seed: int, draw: int) -> Callable[[tuple[str, int, int]], bytes]:
    """A random order of crops that depends on nothing but their films and places, and the draw."""
    return lambda crop: blake2b(f"{seed}/{draw}/{crop}".encode(errors="surrogatepass")).digest()
