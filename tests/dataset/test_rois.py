"""Where crops are cut: what is asked for is covered, evenly, and no window leaves a film without need."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_weld_fcn.dataset.rois import (
    Band,
    around_flaws,
    cover,
    jittered,
    over_band,
    over_rectangles,
    spread_evenly,
    spread_over_band,
    square,
    unique,
)
from napari_weld_fcn.radiograph.radiograph import Box

edges = st.integers(1, 3000)
sizes = st.integers(1, 400)
shapes = st.tuples(edges, edges)


def covered(windows: list[Box], shape: tuple[int, int]) -> np.ndarray:
    seen = np.zeros(shape, bool)
    for window in windows:
        seen[window.within(shape).slices] = True
    return seen


def lies_on(window: Box, shape: tuple[int, int]) -> bool:
    """On the film, or standing out of a smaller one by the same on both sides, to a pixel."""
    for first, edge in zip((window.top, window.left), shape, strict=True):
        before, behind = -first, first + window.shape[0] - edge
        if edge >= window.shape[0] and (before > 0 or behind > 0):
            return False
        if edge < window.shape[0] and (min(before, behind) < 0 or abs(before - behind) > 1):
            return False
    return True


@given(length=edges, size=sizes, overlap=st.floats(0, 0.9))
def test_windows_cover_a_length_evenly_with_the_overlap_asked_for(length, size, overlap) -> None:
    firsts = cover(length, size, overlap)
    if length <= size:
        assert len(firsts) == 1
        return
    steps = np.diff(firsts)
    assert firsts[0] == 0 and firsts[-1] == length - size
    assert steps.max() <= max(size * (1 - overlap), 1)
    assert steps.max() - steps.min() <= 1


@given(length=edges, size=sizes)
def test_no_fewer_windows_would_cover_a_length(length, size) -> None:
    assert len(cover(length, size)) == -(-length // size)


@given(length=edges, size=sizes, count=st.integers(1, 60))
def test_a_spread_has_its_count_and_differs_while_there_is_room(length, size, count) -> None:
    firsts = spread_evenly(length, size, count)
    assert len(firsts) == count
    assert len(set(firsts)) == min(count, max(length - size, 0) + 1)


@given(shape=shapes, size=st.integers(16, 400), overlap=st.floats(0, 0.6))
def test_a_grid_covers_the_whole_film_and_no_window_leaves_it(shape, size, overlap) -> None:
    windows = over_band(Band.whole(shape), shape, size, overlap)
    assert covered(windows, shape).all()
    assert all(lies_on(window, shape) for window in windows)
    assert len(unique(windows)) == len(windows)


@st.composite
def bands(draw):
    """A film's shape and a wandering band on it."""
    shape = draw(shapes)
    vertical = draw(st.booleans())
    across, along = (shape[1], shape[0]) if vertical else shape
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    centre = across * (0.5 + 0.3 * np.sin(rng.uniform(0, 6) + rng.uniform(0, 0.01) * np.arange(along)))
    half = across * rng.uniform(0.01, 0.4)
    upper, lower = np.clip(centre - half, 0, across), np.clip(centre + half, 0, across)
    return shape, Band(upper, lower, vertical)


@given(film=bands(), size=st.integers(16, 400))
def test_a_grid_over_a_band_covers_it_and_keeps_to_it(film, size) -> None:
    shape, band = film
    windows = over_band(band, shape, size)
    assert all(lies_on(window, shape) for window in windows)
    seen = covered(windows, shape)
    seen = seen.T if band.vertical else seen
    places = np.arange(seen.shape[0])[:, None] + 0.5
    assert seen[(places > band.upper) & (places < band.lower - 1)].all()
    assert len(windows) <= len(over_band(Band.whole(shape), shape, size)) + len(cover(max(shape), size))


@given(film=bands(), size=st.integers(16, 400), count=st.integers(1, 80))
def test_a_band_takes_exactly_as_many_windows_as_are_asked_for(film, size, count) -> None:
    shape, band = film
    windows = spread_over_band(band, shape, size, count)
    assert len(windows) == count
    assert all(lies_on(window, shape) for window in windows)
    places = (max(shape[0] - size, 0) + 1) * (max(shape[1] - size, 0) + 1)
    assert len(unique(windows)) == min(count, places) or places < 2 * count


@pytest.mark.parametrize("shape", [(1500, 4000), (366, 3512), (835, 4919), (1100, 5000), (4000, 1500)])
def test_36_windows_reach_both_ends_and_waste_little_on_overlap(shape) -> None:
    across, along = sorted(shape)
    band = Band(np.full(along, 0.25 * across), np.full(along, 0.75 * across), vertical=shape[0] > shape[1])
    windows = spread_over_band(band, shape, 256, 36)
    assert len(unique(windows)) == 36
    seen = covered(windows, shape)
    seen = seen.T if band.vertical else seen
    bead = seen[across // 4 : across * 3 // 4]
    assert bead[:, [0, -1]].any(axis=0).all()
    assert bead.mean() > 0.9 * min(36 * 256**2 / bead.size, 1)


@given(
    shape=st.tuples(st.integers(64, 900), st.integers(64, 900)),
    corners=st.lists(st.tuples(*[st.floats(-100, 1000)] * 4), max_size=5),
    size=st.integers(16, 300),
    overlap=st.floats(0, 0.6),
)
def test_rectangles_are_covered_whatever_the_order_of_their_corners(shape, corners, size, overlap) -> None:
    rectangles = np.array(corners).reshape(-1, 4)
    windows = over_rectangles(rectangles, shape, size, overlap)
    assert all(lies_on(window, shape) for window in windows)
    seen = covered(windows, shape)
    rows, columns = np.indices(shape, sparse=True)
    for top, left, bottom, right in rectangles:
        inside = (rows >= min(top, bottom)) & (rows <= max(top, bottom))
        assert seen[inside & (columns >= min(left, right)) & (columns <= max(left, right))].all()
    turned = rectangles[:, [2, 1, 0, 3]]
    assert over_rectangles(turned, shape, size, overlap) == windows


def test_a_small_rectangle_lies_in_the_middle_of_its_window() -> None:
    assert over_rectangles(np.array([[400, 500, 419, 539]]), (1000, 1000), 100) == [square(360, 470, 100)]


def test_a_rectangle_beside_the_film_gives_no_window() -> None:
    assert over_rectangles(np.array([[10, -50, 20, -5.0]]), (100, 100), 32) == []


@given(
    spots=st.lists(st.tuples(st.integers(0, 299), st.integers(0, 399)), max_size=8), size=st.integers(8, 200)
)
def test_every_flaw_is_in_a_window_and_no_window_is_without(spots, size) -> None:
    flaw = np.zeros((300, 400), bool)
    for row, column in spots:
        flaw[row : row + 7, column : column + 4] = True
    windows = around_flaws(flaw, size)
    assert covered(windows, flaw.shape)[flaw].all()
    assert all(flaw[window.within(flaw.shape).slices].any() for window in windows)
    assert all(lies_on(window, flaw.shape) for window in windows)


def test_a_flaw_lies_in_the_middle_of_its_window() -> None:
    flaw = np.zeros((300, 400), bool)
    flaw[150:160, 200:220] = True
    assert around_flaws(flaw, 64) == [square(123, 178, 64)]


def test_windows_of_a_long_slanted_flaw_all_show_it() -> None:
    flaw = np.zeros((600, 600), bool)
    np.fill_diagonal(flaw, True)
    windows = around_flaws(flaw, 100)
    assert len(windows) < 36
    assert covered(windows, flaw.shape)[flaw].all()


@given(shape=shapes, size=st.integers(16, 300), jitter=st.integers(1, 200), seed=st.integers(0, 5))
def test_jitter_stays_within_its_range_and_on_the_film(shape, size, jitter, seed) -> None:
    windows = over_band(Band.whole(shape), shape, size)
    shifted = jittered(windows, shape, jitter, np.random.default_rng(seed))
    assert shifted == jittered(windows, shape, jitter, np.random.default_rng(seed))
    for before, after in zip(windows, shifted, strict=True):
        assert max(abs(after.top - before.top), abs(after.left - before.left)) <= jitter
        assert lies_on(after, shape)
