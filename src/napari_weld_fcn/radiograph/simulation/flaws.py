"""Round flaws and their company: pores, cavities, drops, and what is brighter than the weld.

Groups of flaws as they occur in welds, each with its ISO 6520-1 number.

Flaws come in company: pores in clusters and chains, slag in tracks along the toes, cracks in bundles across
the bead. Each function draws one such group on a weld and returns *plans*: a shape of peak about 1 and the
contrast that its full depth gives on this film. Whether it can be seen is decided later, from blur and grain.

References
----------
ISO 6520-1:2007, Classification of geometric imperfections in metallic materials.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from napari_weld_fcn.radiograph.simulation.long_flaws import (
    broad_lens,
    cracks,
    crater_pipe,
    flat_cavities,
    lack_of_fusion,
    lack_of_penetration,
    open_crack,
    root_concavity,
    slag,
    undercut,
)
from napari_weld_fcn.radiograph.simulation.site import HAZE, Plan, Site
from napari_weld_fcn.radiograph.simulation.stamps import blob, dome, ribbon, ring, tapered, walk


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
    power = float(site.rng.choice([0.25, 0.5, 1.0, 2.0]))
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


def shrinkage(site: Site) -> Iterator[Plan]:
    """Irregular cavities, 202."""
    for _ in range(int(site.between(1, 6))):
        row, column = site.place()
        radius = site.pixels(4, 20)
        yield Plan(202, blob(site.rng, row, column, radius, site.rng.uniform(0.3, 0.7)), site.contrast(3, 80))


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
    gas_pores: 0.30,
    large_pore: 0.15,
    cluster: 0.26,
    linear_porosity: 0.10,
    wormholes: 0.05,
    slag: 0.12,
    cracks: 0.11,
    open_crack: 0.03,
    lack_of_fusion: 0.07,
    lack_of_penetration: 0.10,
    shrinkage: 0.04,
    crater_pipe: 0.02,
    undercut: 0.02,
    root_concavity: 0.02,
    broad_lens: 0.05,
    flat_cavities: 0.05,
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
