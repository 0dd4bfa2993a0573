"""Groups of flaws as they occur in welds, each with its ISO 6520-1 number.

Flaws come in company: pores in clusters and chains, slag in tracks along the toes, cracks in bundles across
the bead. Each function draws one such group on a weld and returns *plans*: a shape of peak about 1 and the
contrast that its full depth gives on this film. Whether it can be seen is decided later, from blur and grain.

References
----------
ISO 6520-1:2007, Classification of geometric imperfections in metallic materials.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from napari_weld_fcn.radiograph.simulation.conditions import Conditions
from napari_weld_fcn.radiograph.simulation.fields import log_uniform
from napari_weld_fcn.radiograph.simulation.stamps import (
    Stamp,
    blob,
    dome,
    ragged_width,
    ribbon,
    ring,
    tapered,
    walk,
)
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


def _pore(site: Site, iso: int, row: float, column: float, radius: float, scale: float = 1.0) -> Plan:
    """Pore of any roundness; small ones have less depth, unless they run along the beam."""
    rng = site.rng
    angle = float(rng.uniform(0, np.pi))
    aspect = site.between(1, 1.6)
    size = min(1.0, radius / (6 * site.zoom) + 0.25)
    contrast = site.contrast() * size * scale
    kind = rng.random()
    if kind < 0.05:
        stamp = ring(row, column, radius * 1.2, float(rng.uniform(0.4, 0.9)), aspect, angle)
    elif kind < 0.17:
        stamp = blob(rng, row, column, radius, float(rng.uniform(0.1, 0.35)))
    else:
        stamp = dome(row, column, radius, aspect, angle, float(rng.choice([0.5, 0.5, 0.3, 0.8, 1.2])))
    return Plan(iso, stamp, contrast)


def _tail(site: Site, plan: Plan, radius: float, row: float, column: float) -> Iterator[Plan]:
    """Faint company of a pore: a shadow beside it, or a tail."""
    rng = site.rng
    if rng.random() < 0.12:
        angle, length = rng.uniform(0, 2 * np.pi), radius * rng.uniform(1.5, 4)
        rows, columns = walk(
            rng, row + np.sin(angle) * length / 2, column + np.cos(angle) * length / 2, length, angle, 0.06
        )
        width = np.linspace(1.5, 0.4, len(rows)) * radius
        stamp = ribbon(
            rows, columns, width, np.linspace(1, 0.3, len(rows)), round_section=True, bounds=site.shape
        )
        if stamp is not None:
            yield Plan(plan.iso6520, stamp, plan.contrast * rng.uniform(0.15, 0.6))


def gas_pores(site: Site) -> Iterator[Plan]:
    """Single and scattered pores, 2011 and 2012."""
    count = int(site.between(1, 30))
    iso = 2011 if count < 6 else 2012
    for _ in range(count):
        row, column = site.place(1.15)
        radius = site.pixels(1.5, 9)
        plan = _pore(site, iso, row, column, radius)
        yield plan
        yield from _tail(site, plan, radius, row, column)


def large_pore(site: Site) -> Iterator[Plan]:
    """One large pore, often with a smaller one over it, 2011."""
    row, column = site.place(0.8)
    radius = site.pixels(6, 26)
    power = float(site.rng.choice([0.25, 0.5, 0.5, 1.0]))
    yield Plan(
        2011,
        dome(row, column, radius, site.between(1, 1.5), site.rng.normal() * 0.4, power),
        site.contrast(3, 100),
    )
    for _ in range(int(site.rng.integers(0, 4))):
        offset = site.rng.normal(size=2) * radius * 0.8
        yield _pore(site, 2011, row + offset[0], column + offset[1], radius * site.rng.uniform(0.2, 1.1))


def cluster(site: Site) -> Iterator[Plan]:
    """Overlapping pores in a nest, 2013."""
    row, column = site.place(0.9)
    spread = site.pixels(5, 32)
    typical = site.pixels(1.3, 5)
    strength = site.rng.uniform(0.4, 1)
    for _ in range(int(site.between(4, 36))):
        offset = site.rng.normal(size=2) * spread * (0.7, 1.0)
        radius = typical * site.between(0.6, 1.8)
        plan = _pore(site, 2013, row + offset[0], column + offset[1], radius, strength)
        yield plan
        yield from _tail(site, plan, radius, row + offset[0], column + offset[1])
    if site.rng.random() < 0.25:
        yield Plan(2013, blob(site.rng, row, column, spread * 0.7, 0.5), site.contrast(3, 60))
    if site.rng.random() < 0.5:  # pores too small to be told apart
        yield Plan(
            HAZE, dome(row, column, 2.5 * spread, site.between(1, 1.6), power=2.0), site.contrast(3, 25)
        )


def linear_porosity(site: Site) -> Iterator[Plan]:
    """Pores in a row along the weld, 2014."""
    across = float(site.rng.choice([-0.8, 0.0, 0.8]) + 0.1 * site.rng.normal())
    _, column = site.place()
    pitch = site.pixels(5, 26)
    radius = site.pixels(1.3, 5)
    for index in range(int(site.between(3, 20))):
        at = column + index * pitch * site.rng.uniform(0.7, 1.3)
        row = site.weld.row_at(at, across) + site.rng.normal() * 1.5 * site.zoom
        yield _pore(site, 2014, row, at, radius * site.between(0.6, 1.6))


def wormholes(site: Site) -> Iterator[Plan]:
    """Tubes seen askew, herring-bone wise, 2016 and 2015."""
    angle = site.rng.uniform(-1.2, 1.2)
    for _ in range(int(site.between(1, 9))):
        row, column = site.place()
        rows, columns = walk(site.rng, row, column, site.pixels(7, 45), angle + 0.3 * site.rng.normal(), 0.02)
        width = site.pixels(2, 7) * np.linspace(1, site.rng.uniform(0.3, 1), len(rows))
        depth = np.linspace(1, site.rng.uniform(0.2, 1), len(rows))
        stamp = ribbon(
            rows, columns, width, depth * tapered(len(rows), 0.3), round_section=True, bounds=site.shape
        )
        if stamp is not None:
            yield Plan(int(site.rng.choice([2015, 2016])), stamp, site.contrast())


def _band(
    site: Site,
    iso: int,
    row: float,
    column: float,
    length: float,
    width: float,
    *,
    angle: float = 0.0,
    wander: float = 0.01,
    ragged: float = 0.4,
    patchy: float = 0.4,
    lean: float = 0.0,
    contrast: float | None = None,
) -> Iterator[Plan]:
    """One long flaw: it swells, thins, fades and comes back."""
    rng = site.rng
    rows, columns = walk(rng, row, column, length, angle, wander / np.sqrt(site.zoom))
    points = len(rows)
    widths = ragged_width(rng, points, width, length, site.pixels(6, 40), ragged) * tapered(points)
    depth = np.clip(ragged_width(rng, points, 1.0, length, site.pixels(8, 80), patchy), 0.05, 1.7)
    stamp = ribbon(
        rows, columns, widths, depth, round_section=bool(rng.random() < 0.4), lean=lean, bounds=site.shape
    )
    if stamp is not None:
        yield Plan(iso, stamp, site.contrast(2.5, 70) if contrast is None else contrast)


def slag(site: Site) -> Iterator[Plan]:
    """Slag: short ragged pieces, or tracks along the toes, often two side by side, 301."""
    tracks = site.rng.random() < 0.45
    for _ in range(int(site.between(1, 5))):
        row, column = site.place()
        length = site.pixels(30, 260) if tracks else site.pixels(8, 60)
        width = site.pixels(1.5, 7) if tracks else site.pixels(2.5, 10)
        slope = site.rng.normal() * (0.03 if tracks else 0.25)
        yield from _band(
            site, 301, row, column, length, width, angle=slope, wander=0.03, ragged=0.6, patchy=0.5
        )
        if tracks and site.rng.random() < 0.5:
            apart = site.pixels(15, 60)
            yield from _band(
                site, 301, row + apart, column, length * 0.9, width, angle=slope, wander=0.02, ragged=0.6
            )


def _branch(
    site: Site, rows: np.ndarray, columns: np.ndarray, angle: float, contrast: float
) -> Iterator[Plan]:
    for _ in range(int(site.rng.integers(0, 3))):
        index = int(site.rng.integers(0, len(rows)))
        yield from _crack_line(
            site,
            float(rows[index]),
            float(columns[index]),
            site.pixels(8, 40),
            angle + site.rng.normal() * 0.8,
            contrast,
        )


def _crack_line(
    site: Site, row: float, column: float, length: float, angle: float, contrast: float
) -> Iterator[Plan]:
    rng = site.rng
    rows, columns = walk(rng, row, column, length, angle, 0.12 / np.sqrt(site.zoom))
    points = len(rows)
    width = ragged_width(rng, points, site.pixels(0.7, 2.4), length, site.pixels(5, 25), 0.5)
    depth = np.clip(ragged_width(rng, points, 1.0, length, site.pixels(6, 40), 0.6), 0.02, 1.8) * tapered(
        points, 0.7
    )
    stamp = ribbon(
        rows, columns, np.maximum(width, 0.35), depth, lean=float(rng.uniform(-0.5, 0.5)), bounds=site.shape
    )
    if stamp is not None:
        yield Plan(100, stamp, contrast)


def cracks(site: Site) -> Iterator[Plan]:
    """Tight tilted cracks across or along the bead, with branches, 100."""
    rng = site.rng
    across = rng.random() < 0.6
    base = (np.pi / 2 if across else 0.0) + rng.normal() * 0.2
    strength = site.contrast(4, 80)
    for _ in range(int(site.between(1, 7))):
        row, column = site.place(1.0)
        angle = base + rng.normal() * 0.25
        contrast = strength * site.between(0.5, 1.5)
        length = site.pixels(15, 150)
        lines = list(_crack_line(site, row, column, length, angle, contrast))
        yield from lines
        if lines and rng.random() < 0.5:
            rows, columns = walk(rng, row, column, length * 0.8, angle, 0.05)
            yield from _branch(site, rows, columns, angle, contrast * 0.7)


def open_crack(site: Site) -> Iterator[Plan]:
    """Wide gaping crack with a shadow on one side, 100."""
    row, column = site.place(0.9)
    angle = float(site.rng.choice([0.0, 0.0, np.pi / 2]) + site.rng.normal() * 0.15)
    length = site.pixels(40, 220)
    width = site.pixels(2, 8)
    strong = site.contrast(25, 160)
    yield from _band(
        site,
        100,
        row,
        column,
        length,
        width,
        angle=angle,
        wander=0.035,
        ragged=0.5,
        lean=0.8,
        contrast=strong,
    )
    if site.rng.random() < 0.5:
        shift = site.rng.normal() * width
        yield from _band(
            site,
            100,
            row + shift,
            column,
            length * 0.7,
            width * 1.8,
            angle=angle,
            ragged=0.6,
            contrast=strong * 0.2,
        )


def lack_of_fusion(site: Site) -> Iterator[Plan]:
    """Straight line along a flank, sharp on one side, 401."""
    for _ in range(int(site.rng.integers(1, 3))):
        across = float(site.rng.choice([-1, 1]) * site.rng.uniform(0.3, 0.95))
        _, column = site.place()
        row = site.weld.row_at(column, across)
        yield from _band(
            site,
            401,
            row,
            column,
            site.pixels(25, 320),
            site.pixels(1.2, 6),
            angle=site.rng.normal() * 0.03,
            wander=0.006,
            ragged=0.3,
            lean=float(site.rng.choice([-0.9, 0.9])),
        )


def lack_of_penetration(site: Site) -> Iterator[Plan]:
    """Straight dark band on the centre line, from a hair's breadth to the whole gap, 402."""
    along = len(site.weld.centre)
    wide = site.rng.random() < 0.4
    width = site.pixels(5, 18) if wide else site.pixels(1, 4)
    across = 0.25 * site.rng.normal()
    through = site.rng.random() < 0.5
    _, column = site.place()
    row = site.weld.row_at(column, across)
    length = 2.6 * along if through and along < 1500 else site.pixels(40, 600)
    yield from _band(
        site,
        402,
        row,
        column,
        length,
        width,
        angle=site.rng.normal() * 0.02,
        wander=0.003,
        ragged=0.2 if wide else 0.35,
        patchy=0.35,
        contrast=site.contrast(6 if wide else 2.5, 110 if wide else 60),
    )


def shrinkage(site: Site) -> Iterator[Plan]:
    """Irregular cavities, 202."""
    for _ in range(int(site.between(1, 6))):
        row, column = site.place()
        radius = site.pixels(4, 20)
        yield Plan(202, blob(site.rng, row, column, radius, site.rng.uniform(0.3, 0.7)), site.contrast(3, 80))


def crater_pipe(site: Site) -> Iterator[Plan]:
    """Crater at the end of a pass: a pit with rays, 2024."""
    row, column = site.place(0.6)
    radius = site.pixels(3, 9)
    contrast = site.contrast(5, 60)
    yield Plan(2024, blob(site.rng, row, column, radius, 0.4), contrast)
    for _ in range(int(site.rng.integers(0, 12))):
        angle = site.rng.uniform(0, 2 * np.pi)
        length = radius * site.rng.uniform(1.5, 4)
        start = radius * 0.3 + length / 2
        yield from _crack_line(
            site,
            row + np.sin(angle) * start,
            column + np.cos(angle) * start,
            length,
            angle,
            contrast * site.rng.uniform(0.4, 1),
        )


def undercut(site: Site) -> Iterator[Plan]:
    """Notch along a toe of the bead, 5011."""
    side = float(site.rng.choice([-1.0, 1.0])) * site.rng.uniform(0.93, 1.06)
    _, column = site.place()
    length = site.pixels(30, 250)
    points = max(8, int(length / 3))
    columns = np.linspace(column - length / 2, column + length / 2, points).astype(np.float32)
    rows = np.array([site.weld.row_at(c, side) for c in columns], np.float32)
    width = ragged_width(site.rng, points, site.pixels(2, 8), length, site.pixels(10, 60), 0.5) * tapered(
        points
    )
    depth = np.clip(ragged_width(site.rng, points, 1.0, length, site.pixels(10, 60), 0.5), 0.05, 1.6)
    stamp = ribbon(rows, columns, width, depth, round_section=True, bounds=site.shape)
    if stamp is not None:
        yield Plan(5011, stamp, site.contrast(3, 50))


def root_concavity(site: Site) -> Iterator[Plan]:
    """Broad soft furrow along the centre line, 515."""
    _, column = site.place()
    row = site.weld.row_at(column, 0.1 * site.rng.normal())
    yield from _band(
        site,
        515,
        row,
        column,
        site.pixels(60, 400),
        site.pixels(8, 24),
        wander=0.004,
        ragged=0.3,
        contrast=site.contrast(12, 60),
    )


def burn_through(site: Site) -> Iterator[Plan]:
    """Large hole melted through the root, 510."""
    row, column = site.place(0.3)
    radius = site.pixels(10, 34)
    yield Plan(510, blob(site.rng, row, column, radius, 0.3), site.contrast(20, 120))


def tungsten(site: Site) -> Iterator[Plan]:
    """Bright sharp grains of the electrode, 304."""
    for _ in range(int(site.between(1, 6))):
        row, column = site.place()
        yield Plan(
            304,
            dome(row, column, site.pixels(1, 4), site.between(1, 2.5), site.rng.uniform(0, np.pi)),
            -site.contrast(20, 150),
        )


def spatter(site: Site) -> Iterator[Plan]:
    """Bright drops on and beside the bead, 602."""
    for _ in range(int(site.between(1, 8))):
        row, column = site.place(1.6)
        yield Plan(602, blob(site.rng, row, column, site.pixels(2, 14), 0.25), -site.contrast(4, 60))


def excess_penetration(site: Site) -> Iterator[Plan]:
    """Bright drop at the root, 504."""
    row, column = site.place(0.3)
    yield Plan(504, blob(site.rng, row, column, site.pixels(8, 40), 0.3), -site.contrast(6, 60))


#: Each kind of group with its share of all groups, in the order in which they matter.
GROUPS: dict[Callable[[Site], Iterator[Plan]], float] = {
    gas_pores: 0.20,
    large_pore: 0.07,
    cluster: 0.13,
    linear_porosity: 0.06,
    wormholes: 0.05,
    slag: 0.12,
    cracks: 0.11,
    open_crack: 0.03,
    lack_of_fusion: 0.07,
    lack_of_penetration: 0.10,
    shrinkage: 0.04,
    crater_pipe: 0.02,
    undercut: 0.02,
    root_concavity: 0.01,
    burn_through: 0.005,
    tungsten: 0.02,
    spatter: 0.03,
    excess_penetration: 0.015,
}


def draw_group(site: Site) -> list[Plan]:
    """Draw one group of a random kind."""
    shares = np.array(list(GROUPS.values()))
    kind = list(GROUPS)[int(site.rng.choice(len(shares), p=shares / shares.sum()))]
    return list(kind(site))
