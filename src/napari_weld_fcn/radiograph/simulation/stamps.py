"""Shapes of flaws and marks: small arrays that say how much metal is missing, and where.

A film may carry thousands of flaws; each is drawn and blurred in a box of its own size and then added, never
on a canvas of the film's size. Compact shapes are domes; everything long is a *ribbon*: points along a
curve, spread over its width and dropped onto the pixel grid with bilinear weights, so that a crack of half
a pixel is as exact as a slag track of twenty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_weld_fcn.radiograph.simulation.conditions import Array, curve, field


@dataclass(frozen=True)
class Stamp:
    """A shape in its box: `values` ``(rows, columns)`` float32 >= 0 with its corner at `row`, `column`."""

    row: int
    column: int
    values: Array


def _grid(reach: int, centre_row: float, centre_column: float) -> tuple[int, int, Array, Array]:
    row, column = int(np.floor(centre_row)) - reach, int(np.floor(centre_column)) - reach
    y = np.arange(2 * reach + 2, dtype=np.float32)[:, None] + np.float32(row - centre_row)
    x = np.arange(2 * reach + 2, dtype=np.float32)[None] + np.float32(column - centre_column)
    return row, column, y, x


def dome(
    row: float, column: float, radius: float, aspect: float = 1.0, angle: float = 0.0, power: float = 0.5
) -> Stamp:
    """Ellipsoid of peak 1 with its long half axis `radius`; `power` 0.5 is a sphere, less is flatter."""
    top, left, y, x = _grid(int(np.ceil(radius)) + 1, row, column)
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    u, v = (x * cosine + y * sine) / np.float32(radius), (y * cosine - x * sine) * np.float32(aspect / radius)
    return Stamp(top, left, np.clip(1 - u * u - v * v, 0, None) ** np.float32(power))


def ring(
    row: float, column: float, radius: float, hollow: float, aspect: float = 1.0, angle: float = 0.0
) -> Stamp:
    """Dome whose middle is filled again to the share `hollow`: a pore that is lined with slag."""
    outer = dome(row, column, radius, aspect, angle, 0.35)
    inner = dome(row, column, radius * 0.7, aspect, angle, 0.35)
    values = outer.values.copy()
    at = slice(inner.row - outer.row, inner.row - outer.row + inner.values.shape[0])
    along = slice(inner.column - outer.column, inner.column - outer.column + inner.values.shape[1])
    values[at, along] -= (
        np.float32(hollow) * inner.values[: values[at, along].shape[0], : values[at, along].shape[1]]
    )
    return Stamp(outer.row, outer.column, np.clip(values, 0, None))


def blob(rng: np.random.Generator, row: float, column: float, radius: float, ragged: float) -> Stamp:
    """Irregular cavity of peak 1: a dome whose outline and depth are torn by smooth noise."""
    top, left, y, x = _grid(int(np.ceil(radius * 1.7)) + 2, row, column)
    side = y.shape[0]
    tilt, stretch = np.float32(rng.normal() * 0.3), np.float32(rng.uniform(0.6, 1.6))
    y, x = y + tilt * x, x / stretch
    inside = 1 - (x * x + y * y) / np.float32(radius**2)
    rough = ragged * field(rng, side, side, max(radius * 0.9, 1.5)) + 0.6 * ragged * field(
        rng, side, side, max(radius * 0.4, 1.2)
    )
    values = np.sqrt(np.clip(inside + rough * (inside > -1.2), 0, None))
    border = np.minimum(np.arange(side), np.arange(side)[::-1])
    values *= np.clip(np.minimum(border[:, None], border[None]) / 2.0, 0, 1)
    return Stamp(top, left, (values / max(float(values.max()), 1e-6)).astype(np.float32))


def walk(
    rng: np.random.Generator, row: float, column: float, length: float, angle: float, wander: float
) -> tuple[Array, Array]:
    """Rows and columns of a curve through (row, column); `wander` is the turn a pixel, in radians."""
    steps = max(6, int(length / 2))
    step = length / steps
    heading = angle + np.cumsum(rng.standard_normal(steps)) * wander * np.sqrt(step)
    rows, columns = np.cumsum(np.sin(heading)) * step, np.cumsum(np.cos(heading)) * step
    middle = steps // 2
    return (rows - rows[middle] + row).astype(np.float32), (columns - columns[middle] + column).astype(
        np.float32
    )


def ribbon(
    rows: Array,
    columns: Array,
    width: Array,
    depth: Array,
    *,
    round_section: bool = False,
    lean: float = 0.0,
    bounds: tuple[int, int] | None = None,
) -> Stamp | None:
    """Band along a curve.

    Parameters
    ----------
    rows, columns
        ``(points,)`` the curve, pixels.
    width, depth
        ``(points,)`` full width in pixels and height of the values along it.
    round_section
        Whether the cross-section is a tube's chord instead of a slot.
    lean
        -1..1: the band's depth leans to one side, as that of a tilted gap does.
    bounds
        Rows and columns of the film; what lies far outside is not drawn.

    Returns
    -------
    Stamp or None
        None where the curve has no length.
    """
    if bounds is not None:
        rows, columns, width, depth = _inside(bounds, rows, columns, width, depth)
    ds = np.hypot(np.diff(rows), np.diff(columns))
    total = float(ds.sum())
    if total < 0.5:
        return None
    count = max(4, int(total * 1.3))
    at = np.concatenate([[0.0], np.cumsum(ds)])
    s = np.linspace(0, total, count)
    y, x, w, d = (np.interp(s, at, values) for values in (rows, columns, width, depth))
    ty, tx = np.gradient(y), np.gradient(x)
    norm = np.hypot(ty, tx) + 1e-6
    lanes = max(3, int(float(w.max()) * 1.25) + 1)
    offset = (np.arange(lanes) + 0.5) / lanes - 0.5
    section = np.sqrt(np.clip(1 - 4 * offset**2, 0, None)) if round_section else np.ones(lanes)
    section = section * (1 + 2 * lean * offset)
    py = (y[:, None] + w[:, None] * offset * (tx / norm)[:, None]).ravel()
    px = (x[:, None] - w[:, None] * offset * (ty / norm)[:, None]).ravel()
    mass = (d[:, None] * section * (w[:, None] / lanes) * (total / count)).ravel()
    return splat(py, px, mass)


def _inside(
    bounds: tuple[int, int], rows: Array, columns: Array, width: Array, depth: Array
) -> tuple[Array, ...]:
    """The stretch of a curve between its first and last point near a film of `bounds` pixels."""
    margin = float(width.max()) + 40
    on_film = (
        (rows > -margin) & (rows < bounds[0] + margin) & (columns > -margin) & (columns < bounds[1] + margin)
    )
    touched = np.flatnonzero(on_film)
    keep = slice(touched[0], touched[-1] + 1) if touched.size else slice(0, 1)
    return rows[keep], columns[keep], width[keep], depth[keep]


def splat(rows: np.ndarray, columns: np.ndarray, mass: np.ndarray) -> Stamp:
    """Drop masses onto the pixel grid with bilinear weights."""
    top, left = int(np.floor(rows.min())), int(np.floor(columns.min()))
    r, c = rows - top, columns - left
    r0, c0 = r.astype(np.int32), c.astype(np.int32)
    fr, fc = r - r0, c - c0
    shape = (int(r0.max()) + 2, int(c0.max()) + 2)
    size = shape[0] * shape[1]
    flat = r0 * shape[1] + c0
    below, above = mass * fr, mass * (1 - fr)
    values = np.zeros(size)
    for step, weight in ((0, above), (shape[1], below)):
        right = weight * fc
        values += np.bincount(flat + step, weight - right, size)
        values += np.bincount(flat + (step + 1), right, size)
    return Stamp(top, left, values.reshape(shape).astype(np.float32))


def ragged_width(
    rng: np.random.Generator, points: int, width: float, length: float, scale: float, depth: float
) -> Array:
    """Width ``(points,)`` along a band of `length` pixels that swells and thins over `scale` pixels."""
    swell = 1 + depth * curve(rng, points, max(2.0, scale * points / max(length, 1.0)))
    return np.asarray(width * np.clip(swell, 0.1, 2.5), np.float32)


def tapered(points: int, power: float = 0.4) -> Array:
    """Weights ``(points,)`` that fall off to both ends of a flaw."""
    return (np.sin(np.linspace(0.12, np.pi - 0.12, points)) ** power).astype(np.float32)


def near(stamp: Stamp, shape: tuple[int, ...], margin: int) -> Stamp | None:
    """The part of a stamp that lies on a film of `shape` or within `margin` pixels of it, or None."""
    rows, columns = shape
    where = clip_to(
        Stamp(stamp.row + margin, stamp.column + margin, stamp.values),
        rows + 2 * margin,
        columns + 2 * margin,
    )
    if where is None:
        return None
    return Stamp(where[0].start - margin, where[1].start - margin, stamp.values[where[2], where[3]])


def clip_to(stamp: Stamp, rows: int, columns: int) -> tuple[slice, slice, slice, slice] | None:
    """Slices of the film and of the stamp where they overlap, or None."""
    r0, c0 = max(0, stamp.row), max(0, stamp.column)
    r1, c1 = min(rows, stamp.row + stamp.values.shape[0]), min(columns, stamp.column + stamp.values.shape[1])
    if r0 >= r1 or c0 >= c1:
        return None
    return (
        slice(r0, r1),
        slice(c0, c1),
        slice(r0 - stamp.row, r1 - stamp.row),
        slice(c0 - stamp.column, c1 - stamp.column),
    )
