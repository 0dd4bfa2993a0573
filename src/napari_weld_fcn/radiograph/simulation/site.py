"""Where flaws are drawn, and what a drawn flaw is before it is exposed.

References
----------
ISO 6520-1:2007, Classification of geometric imperfections in metallic materials.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_weld_fcn.radiograph.simulation.conditions import Conditions
from napari_weld_fcn.radiograph.simulation.fields import log_uniform
from napari_weld_fcn.radiograph.simulation.stamps import Stamp
from napari_weld_fcn.radiograph.simulation.weld import Weld

ISO_6520_NAMES = {
    100: "crack",
    202: "shrinkage cavity",
    2011: "gas pore",
    2012: "uniformly distributed porosity",
    2013: "clustered porosity",
    2014: "linear porosity",
    2015: "elongated cavity",
    2016: "wormhole",
    2024: "crater pipe",
    301: "slag inclusion",
    304: "tungsten inclusion",
    401: "lack of fusion",
    402: "lack of penetration",
    504: "excess penetration",
    510: "burn-through",
    515: "root concavity",
    5011: "undercut",
    602: "spatter",
}


#: Stands in for a class where a group is accompanied by a darkening that nobody outlines.
HAZE = 0


@dataclass(frozen=True)
class Plan:
    """One flaw to be exposed: `contrast` in grey levels at a value of 1, positive where it is darker."""

    iso6520: int
    stamp: Stamp
    contrast: float


@dataclass(frozen=True)
class Site:
    """Where a group is drawn: the film's weld and conditions, and the generator."""

    rng: np.random.Generator
    weld: Weld
    conditions: Conditions

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the film."""
        return self.weld.grey.shape[0], self.weld.grey.shape[1]

    @property
    def zoom(self) -> float:
        """Pixels over those of a film at magnification 1."""
        return self.conditions.zoom

    def between(self, low: float, high: float) -> float:
        """Log-uniform number."""
        return log_uniform(self.rng, low, high)

    def contrast(self, low: float = 2.5, high: float = 80.0) -> float:
        """Grey levels of a flaw's full depth; faint ones are as many as strong ones on a log scale."""
        return self.between(low, high)

    def pixels(self, low: float, high: float) -> float:
        """Length in pixels of this film, given for magnification 1."""
        return self.between(low, high) * self.zoom

    def place(self, across: float = 0.85) -> tuple[float, float]:
        """Place on the bead, up to `across` half widths from its centre."""
        return self.weld.place(self.rng, float(self.rng.uniform(-across, across)))
