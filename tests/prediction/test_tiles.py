from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.prediction.tiles import sensible_tile, split, tile_shape, with_halo
from napari_weld_fcn.radiograph.radiograph import Box

sizes = st.tuples(st.integers(1, 90), st.integers(1, 90))
edges = st.tuples(st.integers(1, 50), st.integers(1, 50))


def tiles(shape: tuple[int, int], tile: tuple[int, int], halo: int, stride: int) -> list[tuple[Box, Box]]:
    """What is written and what is read, tile after tile."""
    parts = split(Box(0, 0, *shape), tile, stride)
    return [(inner, with_halo(inner, shape, halo, stride)) for inner in parts]


@given(shape=sizes, tile=edges, halo=st.integers(0, 30), stride=st.sampled_from([1, 2, 8, 16]))
def test_every_pixel_lies_inside_exactly_one_tile(shape, tile, halo, stride):
    count = np.zeros(shape, int)
    for inner, _ in tiles(shape, tile, halo, stride):
        count[inner.slices] += 1
    assert (count == 1).all()


@given(shape=sizes, tile=edges, halo=st.integers(0, 30), stride=st.sampled_from([1, 2, 8, 16]))
def test_a_tile_is_read_on_the_stride_and_with_its_halo_unless_at_the_border(shape, tile, halo, stride):
    for inner, outer in tiles(shape, tile, halo, stride):
        assert all(edge % stride == 0 for edge in (inner.top, inner.left, outer.top, outer.left))
        assert outer.top <= max(inner.top - halo, 0)
        assert outer.left <= max(inner.left - halo, 0)
        for stop, wanted, size in zip(
            (outer.bottom, outer.right), (inner.bottom, inner.right), shape, strict=True
        ):
            assert min(wanted + halo, size) <= stop <= size
            assert stop == size or stop % stride == 0


@given(shape=sizes, tile=edges, stride=st.sampled_from([1, 4, 8]))
def test_no_tile_is_larger_than_asked_for_unless_the_stride_is(shape, tile, stride):
    for inner, _ in tiles(shape, tile, 0, stride):
        assert all(edge <= max(asked, stride) for edge, asked in zip(inner.shape, tile, strict=True))


def test_a_region_is_cut_on_the_grid_of_the_whole_image():
    boxes = list(split(Box(3, 5, 20, 9), (8, 8), 8))
    assert [(box.top, box.bottom) for box in boxes[::2]] == [(3, 8), (8, 16), (16, 20)]
    assert [(box.left, box.right) for box in boxes[:2]] == [(5, 8), (8, 9)]
    assert sum(box.area for box in boxes) == 17 * 4


@pytest.mark.parametrize("shape", [(400, 4000), (1500, 4000), (9000, 9000), (1, 30000), (7, 3)])
@pytest.mark.parametrize("halo", [17, 91])
def test_a_chosen_tile_keeps_its_window_within_the_pixels_allowed(shape, halo):
    stride, allowed = 8, 1_500_000
    chosen = tile_shape(shape, halo, stride, allowed)
    for _, outer in tiles(shape, chosen, halo, stride):
        assert outer.area <= allowed


def test_a_film_with_few_rows_is_cut_into_strips_of_its_whole_height():
    rows, columns = tile_shape((400, 40000), 91, 8, 1_500_000)
    assert rows >= 400
    assert columns < 40000


def test_an_image_that_fits_is_one_tile():
    assert len(tiles((500, 700), tile_shape((500, 700), 91, 8, 1_500_000), 91, 8)) == 1


def test_even_where_nothing_fits_a_tile_has_one_stride():
    assert min(tile_shape((5000, 5000), 91, 8, 100)) >= 8


def test_a_box_without_pixels_is_refused_with_its_numbers():
    with pytest.raises(SettingsError, match="rows 5 to 5"):
        Box(5, 0, 5, 9)
    with pytest.raises(SettingsError, match="larger"):
        Box(100, 100, 120, 120).within((50, 50))


@given(asked=st.integers(1, 500), halo=st.integers(0, 300), stride=st.sampled_from([1, 2, 8, 32]))
def test_a_tile_is_never_dwarfed_by_its_halo(asked, halo, stride):
    taken = sensible_tile(asked, halo, stride)
    assert taken >= max(asked, halo)
    assert taken == asked or taken < halo + stride
    assert sensible_tile(None, halo, stride) is None
