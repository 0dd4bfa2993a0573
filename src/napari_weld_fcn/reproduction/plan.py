"""What the experiment is made of, whatever its scale: films, crops, networks, protocols, seeds.

The paper's network with three activations, by film; with SELU also on random crops; and the encoder-decoder
of the paper's future work by both protocols. A seed decides weights, order and, at random, which crops
validate and are tested on: two networks of one seed differ in nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from napari_weld_fcn.dataset.settings import PRESETS, CropSettings
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.reproduction.protocols import Protocol

BY_FILM: Protocol = "8/2"
AT_RANDOM: Protocol = "random-crops"
_FILE_NAMES: dict[Protocol, str] = {BY_FILM: "film", AT_RANDOM: "random"}


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
