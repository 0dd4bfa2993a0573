"""Long flaws: slag in tracks along the toes, cracks in bundles across the bead, lines on flank and root."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from napari_weld_fcn.radiograph.simulation.site import Plan, Site
from napari_weld_fcn.radiograph.simulation.stamps import blob, ragged_width, ribbon, tapered, walk


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
            site.pixels(1.2, 6) if site.rng.random() < 0.6 else site.pixels(6, 20),
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
    """Broad furrow along the centre line, soft or with a rim, often in several stretches, 515."""
    _, column = site.place()
    across = 0.25 * site.rng.normal()
    width, contrast = site.pixels(10, 60), site.contrast(3, 50)
    for _ in range(int(site.rng.integers(1, 4))):
        length = max(site.pixels(60, 500), 2 * width)
        yield from _band(
            site,
            515,
            site.weld.row_at(column, across),
            column,
            length,
            width * site.between(0.7, 1.4),
            angle=site.rng.normal() * 0.06,
            wander=0.006,
            ragged=0.35,
            patchy=0.3,
            contrast=contrast * site.between(0.7, 1.4),
        )
        column += length * site.rng.uniform(0.7, 1.5)


def broad_lens(site: Site) -> Iterator[Plan]:
    """Faint long lens of a gap that lies flat between passes, on the bead or beside it, 401."""
    row, column = site.place(1.25)
    for _ in range(int(site.between(1, 5))):
        length = site.pixels(35, 260)
        yield from _band(
            site,
            401,
            row,
            column,
            length,
            length * site.between(0.06, 0.25),
            angle=site.rng.normal() * 0.08,
            wander=0.01,
            ragged=0.35,
            patchy=0.5,
            lean=float(site.rng.uniform(-0.8, 0.8)),
            contrast=site.contrast(2.5, 30),
        )
        column += length * site.rng.uniform(0.8, 2.5)
        row += site.rng.normal() * 4 * site.zoom


def flat_cavities(site: Site) -> Iterator[Plan]:
    """Broad shallow hollows of any shape, much fainter than they are wide, 202."""
    row, column = site.place(0.9)
    for _ in range(int(site.between(1, 4))):
        radius = site.pixels(10, 40)
        at = (row + site.rng.normal() * 10 * site.zoom, column + site.rng.normal() * 60 * site.zoom)
        yield Plan(202, blob(site.rng, *at, radius, site.rng.uniform(0.2, 0.6)), site.contrast(2.5, 30))
