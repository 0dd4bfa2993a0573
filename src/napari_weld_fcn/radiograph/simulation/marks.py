"""What is on a film and is no flaw: wires, letters, scratches, dust, pressure marks, scanner lines.

A network that has not seen them calls them. Most are brighter than the weld, or sharper than anything that
the beam could draw, because they lie on the film and not in the steel; the dark and soft ones are rare.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from napari_weld_fcn.radiograph.simulation.conditions import Array, log_uniform
from napari_weld_fcn.radiograph.simulation.site import Site
from napari_weld_fcn.radiograph.simulation.stamps import Stamp, clip_to, ribbon, walk


def add(grey: Array, stamp: Stamp | None, contrast: float) -> None:
    """Add a stamp to the film in place, clipped to it."""
    if stamp is None:
        return
    where = clip_to(stamp, *grey.shape)
    if where is not None:
        grey[where[0], where[1]] += np.float32(contrast) * stamp.values[where[2], where[3]]


def soften(stamp: Stamp, sigma: float) -> Stamp:
    """Blur a stamp by `sigma` pixels, its box grown to hold the blur."""
    if sigma < 0.2:
        return stamp
    margin = int(np.ceil(3 * sigma))
    values = gaussian_filter(np.pad(stamp.values, margin), sigma, truncate=3.0)
    return Stamp(stamp.row - margin, stamp.column - margin, values)


def _straight(site: Site, shape: tuple[int, int], length: float, angle: float, width: float) -> Stamp | None:
    row, column = site.rng.uniform(0, shape[0]), site.rng.uniform(0, shape[1])
    rows, columns = walk(site.rng, row, column, length, angle, 0.0008)
    ones = np.ones(len(rows), np.float32)
    return ribbon(rows, columns, width * ones, ones, round_section=True, bounds=site.shape)


def wires(site: Site, grey: Array) -> None:
    """Image quality indicator, ISO 19232-1: parallel wires, each thinner than the one before."""
    angle = (np.pi / 2 if site.rng.random() < 0.8 else 0.0) + 0.06 * site.rng.normal()
    length, width = site.pixels(300, 1400), site.pixels(1.2, 7)
    pitch = site.pixels(25, 110)
    contrast = log_uniform(site.rng, 3, 40)
    row, column = site.rng.uniform(0, grey.shape[0]), site.rng.uniform(-100, grey.shape[1])
    for index in range(int(site.rng.integers(2, 8))):
        thin = 0.8**index
        at = (row + index * pitch * np.cos(angle), column + index * pitch * np.sin(angle))
        rows, columns = walk(site.rng, *at, length, angle, 0.0006)
        ones = np.ones(len(rows), np.float32)
        stamp = ribbon(rows, columns, width * thin * ones, ones, round_section=True, bounds=site.shape)
        if stamp is not None:
            add(grey, soften(stamp, site.conditions.unsharpness), contrast * thin)


@lru_cache(maxsize=64)
def _glyphs(text: str, size: int, thicker: int = 0) -> Array:
    font = ImageFont.load_default(size)
    left, top, right, bottom = (int(v) for v in font.getbbox(text, stroke_width=thicker))
    image = Image.new("L", (right - left + 4, bottom - top + 4))
    ImageDraw.Draw(image).text((2 - left, 2 - top), text, fill=255, font=font, stroke_width=thicker)
    return np.asarray(image, np.float32) / 255


def letters(site: Site, grey: Array) -> None:
    """Lead letters and numbers, bright, up to a centimetre high; some bold, underlined or on tape."""
    text = "".join(site.rng.choice(list("ABCDEFGHKLMNRSTX0123456789-+/"), int(site.rng.integers(1, 6))))
    size = int(np.clip(site.pixels(20, 260), 12, 320))
    values = _glyphs(text, size, int(size * site.rng.uniform(0, 0.07))).copy()
    if site.rng.random() < 0.3:
        values[-max(2, values.shape[0] // 10) :] = 1.0
    if site.rng.random() < 0.2:
        values = np.maximum(np.pad(values, 6), np.float32(site.rng.uniform(0.02, 0.1)))
    values = np.rot90(values, int(site.rng.choice([0, 0, 0, 1, 2, 3])))
    stamp = Stamp(
        int(site.rng.uniform(-values.shape[0] / 2, grey.shape[0])),
        int(site.rng.uniform(-values.shape[1] / 2, grey.shape[1])),
        values,
    )
    add(grey, soften(stamp, site.conditions.unsharpness), log_uniform(site.rng, 12, 180))


def pen(site: Site, grey: Array) -> None:
    """Handwriting with a pen on the film: dark curved strokes of one width, sharper than the beam draws.

    A stroke keeps its width and its blackness, whatever lies under it, and neither bead nor plate bounds it.
    """
    row, column = site.rng.uniform(0, grey.shape[0]), site.rng.uniform(0, grey.shape[1])
    width, reach = site.pixels(2, 11), site.pixels(25, 200)
    contrast = -log_uniform(site.rng, 15, 150) if site.rng.random() < 0.85 else log_uniform(site.rng, 15, 80)
    for _ in range(int(site.rng.integers(1, 6))):
        start = site.rng.normal(size=2) * reach * 0.4
        length, angle = reach * site.rng.uniform(0.4, 1.5), site.rng.uniform(0, 2 * np.pi)
        points = max(8, int(length / 2))
        turn = site.rng.uniform(-4, 4) / points
        heading = (
            angle + turn * np.arange(points) + 0.3 * np.sin(np.linspace(0, site.rng.uniform(0, 6), points))
        )
        rows = row + start[0] + np.cumsum(np.sin(heading)) * length / points
        columns = column + start[1] + np.cumsum(np.cos(heading)) * length / points
        stroke = ribbon(
            rows.astype(np.float32),
            columns.astype(np.float32),
            np.full(points, width, np.float32),
            np.ones(points, np.float32),
            bounds=site.shape,
        )
        if stroke is not None:
            covered = Stamp(stroke.row, stroke.column, np.minimum(stroke.values, np.float32(1)))
            add(grey, soften(covered, site.rng.uniform(0.3, 0.9)), contrast)


def specks(site: Site, grey: Array) -> None:
    """Clumps of grain and specks of emulsion: faint, a pixel or two across, of either sign, by the dozen."""
    count = int(log_uniform(site.rng, 3, 40) * max(1.0, grey.size / 65_000))
    strength = site.rng.uniform(0.6, 2.2) * site.conditions.noise
    rows = site.rng.integers(0, grey.shape[0], count)
    columns = site.rng.integers(0, grey.shape[1], count)
    clumps = np.zeros_like(grey)
    clumps[rows, columns] = site.rng.normal(-0.3, 1.0, count)
    sigma = float(site.rng.uniform(0.6, 1.8))
    grey += gaussian_filter(clumps, sigma, truncate=3.0) * np.float32(strength * 2 * np.pi * sigma**2)


def scratches(site: Site, grey: Array) -> None:
    """Scratches and roller lines: straight, hair-thin, sharper than the beam draws, of either sign."""
    for _ in range(int(site.rng.integers(1, 4))):
        angle = float(site.rng.choice([0.0, np.pi / 2, site.rng.uniform(0, np.pi)]))
        stamp = _straight(site, grey.shape, site.pixels(40, 900), angle, site.rng.uniform(0.5, 1.3))
        add(grey, stamp, float(site.rng.choice([1, 1, -1])) * log_uniform(site.rng, 1, 15))


def dust(site: Site, grey: Array) -> None:
    """Screen dust and drop-outs: single sharp pixels and specks, mostly bright."""
    count = int(log_uniform(site.rng, 1, 14) * max(1.0, grey.size / 40_000) ** 0.5)
    rows = site.rng.integers(0, grey.shape[0], count)
    columns = site.rng.integers(0, grey.shape[1], count)
    grey[rows, columns] += (site.rng.normal(size=count) * 20 + 4).astype(np.float32)


def pressure_mark(site: Site, grey: Array) -> None:
    """Crescent of a bent film: soft, faint, of either sign."""
    rows, columns = walk(site.rng, *site.place(1.5), site.pixels(15, 60), site.rng.uniform(0, np.pi), 0.0)
    bow = site.pixels(3, 12) * np.sin(np.linspace(0, np.pi, len(rows)))
    stamp = ribbon(rows + bow, columns, 0.5 * bow + 1, np.ones(len(rows)), round_section=True)
    if stamp is not None:
        add(
            grey,
            soften(stamp, 2 * site.conditions.unsharpness),
            float(site.rng.choice([1, 1, -0.5])) * log_uniform(site.rng, 2, 12),
        )


def streaks(site: Site, grey: Array) -> None:
    """Scanner and detector lines over the whole film."""
    across = grey if site.rng.random() < 0.7 else grey.T
    size = across.shape[1]
    strength = np.float32(site.rng.uniform(0.15, 1.2))
    lines = strength * site.rng.standard_normal((1, size), dtype=np.float32)
    bad = site.rng.integers(0, size, int(site.rng.integers(0, 3)))
    lines[0, bad] += np.float32(site.rng.choice([-1, 1]) * log_uniform(site.rng, 1, 8))
    across += lines


def static(site: Site, grey: Array) -> None:
    """Discharge of static electricity: a small dark tree, sharper than the beam draws."""
    row, column = site.rng.uniform(0, grey.shape[0]), site.rng.uniform(0, grey.shape[1])
    contrast = -log_uniform(site.rng, 5, 40)
    for _ in range(int(site.rng.integers(3, 9))):
        rows, columns = walk(site.rng, row, column, site.pixels(6, 40), site.rng.uniform(0, 2 * np.pi), 0.25)
        width = np.full(len(rows), site.rng.uniform(0.5, 1.2), np.float32)
        add(grey, ribbon(rows, columns, width, np.ones(len(rows), np.float32), bounds=site.shape), contrast)


def frame(site: Site, grey: Array) -> None:
    """Edges of the scanner's window, or of a picture: a few rows or columns too dark or too bright.

    Where a picture was resampled they ring, dark and bright rows in turn, as wide as it was enlarged.
    """
    rings = site.rng.random() < 0.5
    for side in range(4):
        if site.rng.random() < (0.15 if rings else 0.5):
            continue
        turned = np.rot90(grey, side)
        profile = _ringing(site) if rings else _falling(site)
        first, last = np.sort(site.rng.integers(0, turned.shape[1] + 1, 2))
        whole = rings or site.rng.random() < 0.7
        turned[: len(profile), slice(None) if whole else slice(first, last)] += profile[:, None]


def _falling(site: Site) -> Array:
    width = int(site.rng.integers(1, 6))
    step = float(site.rng.choice([-1, -1, -1, 1])) * log_uniform(site.rng, 2, 120)
    return np.float32(step) * np.linspace(1, site.rng.uniform(0, 1), width, dtype=np.float32)


def _ringing(site: Site) -> Array:
    rows = site.rng.uniform(-1, 1, int(site.rng.integers(1, 5))) * log_uniform(site.rng, 4, 60)
    wide = log_uniform(site.rng, 1, max(site.zoom, 1.5))
    at = np.arange(np.ceil(len(rows) * wide)) / wide
    return np.asarray(np.interp(at, np.arange(len(rows) + 1), [*rows, 0.0]), np.float32)


#: Draws on the film, ``(rows, columns)`` float32.
Mark = Callable[[Site, Array], None]

#: Each kind of mark with the share of films that carry it.
MARKS: Mapping[Mark, float] = {
    wires: 0.28,
    letters: 0.2,
    pen: 0.08,
    specks: 0.2,
    scratches: 0.06,
    dust: 0.15,
    pressure_mark: 0.02,
    static: 0.01,
    frame: 0.25,
}


def withheld(mark: Mark) -> Mark:
    """The same mark by the same random numbers, left off the film."""

    def draw(site: Site, grey: Array) -> None:
        mark(site, grey.copy())

    return draw
