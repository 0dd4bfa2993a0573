"""Plate and weld bead: what the film shows before there is any flaw.

The bead's cross-section is one curve of the distance from the centre line, counted in half widths, so that
a wandering edge, a scalloped toe and a soft flank all come from two edge curves and a small table. Grey
rises with thickness, as on GDXray's films.

Where flaws are drawn, and what a drawn flaw is before it is exposed.

References
----------
ISO 6520-1:2007, Classification of geometric imperfections in metallic materials.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from napari_weld_fcn.radiograph.simulation.conditions import Array, Conditions, curve, field, log_uniform
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.radiograph.simulation.stamps import Stamp

#: Share of the windows that show the outline of a part, with what lies beyond it.
OUTLINED = 0.08


@dataclass(frozen=True)
class Weld:
    """The film before flaws, and where its bead lies.

    Attributes
    ----------
    grey
        ``(rows, columns)`` float32, grey levels before the window.
    centre, upper, lower
        ``(columns,)`` float32: row of the centre line, and half widths above and below it, pixels.
    """

    grey: Array
    centre: Array
    upper: Array
    lower: Array

    def place(self, rng: np.random.Generator, across: float) -> tuple[float, float]:
        """Row and column of a random place; `across` is -1 at the upper toe and 1 at the lower."""
        column = float(rng.uniform(0, len(self.centre)))
        return self.row_at(column, across), column

    def row_at(self, column: float, across: float) -> float:
        """Row at `column` that lies `across` half widths from the centre line."""
        index = int(np.clip(column, 0, len(self.centre) - 1))
        reach = self.upper[index] if across < 0 else self.lower[index]
        return float(self.centre[index] + across * reach)

    @property
    def half_width(self) -> float:
        """Mean half width of the bead, pixels."""
        return float((self.upper.mean() + self.lower.mean()) / 2)


def _edges(rng: np.random.Generator, settings: SimulationSettings, zoom: float) -> tuple[Array, Array, Array]:
    rows, columns = settings.rows, settings.columns
    if settings.framing == "film":
        half = rows * rng.uniform(0.14, 0.32)
        middle = rows * rng.uniform(0.4, 0.6)
        slope = rng.normal() * 0.03 * rows / columns
    else:
        half = log_uniform(rng, 35, 130) * zoom
        middle = rng.uniform(-0.2, 1.2) * rows
        slope = rng.normal() * 0.05
    along = np.arange(columns, dtype=np.float32)
    centre = (
        middle
        + slope * (along - columns / 2)
        + curve(rng, columns, log_uniform(rng, 60, 400) * zoom) * 2 * zoom
    )
    halves = []
    for _ in range(2):
        wander = 1 + log_uniform(rng, 0.01, 0.08) * curve(rng, columns, log_uniform(rng, 15, 200) * zoom)
        if rng.random() < 0.35:  # each pass freezes with a round toe: scallops
            pitch = log_uniform(rng, 40, 160) * zoom
            phase = along / pitch + 0.3 * curve(rng, columns, 3 * pitch)
            wander = wander + rng.uniform(0.02, 0.12) * np.abs(np.sin(np.pi * phase))
        halves.append((half * np.clip(wander, 0.3, 2)).astype(np.float32))
    return centre.astype(np.float32), halves[0], halves[1]


def _profile(rng: np.random.Generator, softness: float) -> Array:
    """Height of the bead over 0..2 half widths in 512 steps, 1 at its top; `softness` in half widths."""
    distance = np.linspace(0, 2, 512)
    height = np.clip(1 - distance ** rng.uniform(1.2, 6), 0, None)
    mirrored = np.concatenate([height[::-1], height])
    return gaussian_filter1d(mirrored, softness * 256, mode="nearest")[512:].astype(np.float32)


def _distance(weld_rows: int, centre: Array, upper: Array, lower: Array) -> Array:
    offset = np.arange(weld_rows, dtype=np.float32)[:, None] - centre
    return np.where(offset < 0, -offset / upper, offset / lower)


def _ripples(rng: np.random.Generator, distance: Array, upper: Array, zoom: float) -> Array:
    pitch = log_uniform(rng, 8, 60) * zoom
    columns = distance.shape[1]
    along = np.arange(columns, dtype=np.float32) / pitch + 0.5 * curve(rng, columns, 4 * pitch)
    bend = np.float32(rng.uniform(-1.5, 1.5) * float(upper.mean()) / pitch)
    phase = (along + bend * distance**2) * np.float32(2 * np.pi)
    return np.asarray(np.sin(phase) * np.float32(rng.uniform(0.005, 0.06)))


def make_weld(rng: np.random.Generator, settings: SimulationSettings, conditions: Conditions) -> Weld:
    """Draw a plate with its weld bead."""
    rows, columns = settings.rows, settings.columns
    zoom = conditions.zoom
    centre, upper, lower = _edges(rng, settings, zoom)
    half = float(upper.mean())
    distance = _distance(rows, centre, upper, lower)
    table = _profile(rng, float(np.clip(log_uniform(rng, 2, 26) * zoom * 0.5 / half, 0.004, 0.5)))
    bead = table[np.minimum(distance * 255.5, 511).astype(np.int16)]
    if rng.random() < 0.6:
        bead = bead * (1 + _ripples(rng, distance, upper, zoom))
    bead = bead * (1 + 0.06 * field(rng, rows, columns, 70 * zoom))
    if rng.random() < 0.2:
        bead = bead * (1 + _beading(rng, rows, columns, zoom))
    if rng.random() < 0.4:
        bead += _passes(rng, rows, centre, lower, zoom)
    height = rng.uniform(20, 150) * (rng.uniform(0.05, 0.3) if rng.random() < 0.15 else 1)
    grey = rng.uniform(10, 90) + height * bead
    grey += _plates(rng, rows, columns, centre, zoom)
    if settings.framing == "window" and rng.random() < OUTLINED:
        grey += _beyond_an_edge(rng, rows, columns, conditions.unsharpness)
    return Weld(grey.astype(np.float32), centre, upper, lower)


def _beyond_an_edge(rng: np.random.Generator, rows: int, columns: int, blur: float) -> Array:
    """What lies beyond the outline of a part, straight or round: an opening, or another part."""
    radius = log_uniform(rng, 150, 3000)
    angle = rng.uniform(0, 2 * np.pi)
    row = rng.uniform(0, rows) + radius * np.sin(angle)
    column = rng.uniform(0, columns) + radius * np.cos(angle)
    down, along = np.ogrid[:rows, :columns]
    beyond = (radius - np.hypot(down - row, along - column)) * rng.choice([1, 1, -1])
    cover = 1 / (1 + np.exp(-np.clip(beyond / (blur * rng.uniform(0.3, 2)), -30, 30)))
    step = log_uniform(rng, 10, 200) * rng.choice([-1, -1, 1])
    return np.asarray(np.float32(step) * cover.astype(np.float32))


def _beading(rng: np.random.Generator, rows: int, columns: int, zoom: float) -> Array:
    """Lobes of a hand-laid bead, as wide as it and short along it, in heights of the bead."""
    pitch = log_uniform(rng, 12, 60) * zoom
    lobes = field(rng, rows, columns, pitch * rng.uniform(1.5, 4), stretch=1 / rng.uniform(1.5, 4))
    return np.asarray(lobes * np.float32(log_uniform(rng, 0.02, 0.12)), np.float32)


def _passes(rng: np.random.Generator, rows: int, centre: Array, lower: Array, zoom: float) -> Array:
    """Steps and shallow valleys between passes, in heights of the bead."""
    offset = np.arange(rows, dtype=np.float32)[:, None] - centre
    total = np.zeros_like(offset)
    for _ in range(int(rng.integers(1, 4))):
        at = offset - np.float32(rng.uniform(-0.7, 0.7)) * lower
        at += np.float32(3 * zoom) * curve(rng, len(centre), 120 * zoom)
        width = np.float32(log_uniform(rng, 3, 14) * zoom)
        if rng.random() < 0.5:
            total += np.float32(0.1 * rng.normal()) * np.tanh(at / width)
        else:
            total -= np.float32(rng.uniform(0.01, 0.06)) / (1 + (at / (2 * width)) ** 2)
    return total


def _plates(rng: np.random.Generator, rows: int, columns: int, centre: Array, zoom: float) -> Array:
    """Slow shading, mottle, a plate thicker on one side, a backing bar, the plate's edge; grey levels."""
    grey = np.float32(rng.uniform(0, 6)) * field(rng, rows, columns, 150 * zoom)
    grey += np.float32(rng.uniform(0, 3)) * field(
        rng, rows, columns, 50 * zoom, stretch=log_uniform(rng, 0.5, 2)
    )
    if rng.random() < 0.4:
        grey += np.float32(log_uniform(rng, 0.15, 1.5)) * field(
            rng, rows, columns, log_uniform(rng, 6, 30) * zoom
        )
    across = np.arange(rows, dtype=np.float32)[:, None]
    if rng.random() < 0.25:
        grey += np.float32(10 * rng.normal()) * np.tanh(
            (across - centre) / np.float32(log_uniform(rng, 4, 40) * zoom)
        )
    if rng.random() < 0.08:  # a straight edge: backing bar, end of the plate, collimator
        place = rng.uniform(-0.1, 1.1) * rows
        line = (
            across
            - np.float32(place)
            - np.float32(0.03 * rng.normal()) * np.arange(columns, dtype=np.float32)
        )
        step = np.float32(log_uniform(rng, 3, 60) * rng.choice([-1, 1]))
        grey += step / (1 + np.exp(-np.clip(line / np.float32(log_uniform(rng, 1, 6) * zoom), -30, 30)))
    return grey


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
