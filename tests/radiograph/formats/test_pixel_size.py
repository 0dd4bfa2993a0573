"""A resolution is believed where it can be a measurement."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_weld_fcn.radiograph.formats.pixel_size import (
    LARGEST_MM,
    MM_PER_UNIT,
    SMALLEST_MM,
    PixelSize,
    believable,
    from_density,
)


@given(st.floats(SMALLEST_MM, 0.2))
def test_inches_and_centimetres_give_the_same_size(size_mm):
    assert from_density(25.4 / size_mm, 25.4 / size_mm, 25.4).mm == pytest.approx(size_mm)
    assert from_density(10 / size_mm, 10 / size_mm, 10).mm == pytest.approx(size_mm)


@pytest.mark.parametrize("dpi", [72, 96, 72.009, 96.012, 1])
def test_default_resolutions_are_not_believed_in_either_unit(dpi):
    assert from_density(dpi, dpi, 25.4) == PixelSize()
    assert from_density(dpi / 2.54, dpi / 2.54, 10) == PixelSize()


@pytest.mark.parametrize("density", [0, -630, math.nan, math.inf])
def test_densities_that_are_no_number_of_pixels_are_not_believed(density):
    assert from_density(density, 630, 25.4) == PixelSize()
    assert from_density(630, density, 25.4) == PixelSize()


def test_oblong_pixels_have_no_edge_and_that_is_told():
    fax = from_density(204, 98, 25.4)
    assert fax.mm is None
    (note,) = fax.notes
    assert "0.1245 mm wide and 0.2592 mm high, not square" in note
    assert believable(0.04, 0.0402) == PixelSize(0.04)


def test_oblong_sizes_of_no_radiograph_are_not_told():
    assert believable(0.04, 90) == believable(1e-6, 0.04) == PixelSize()


@pytest.mark.parametrize(
    ("name", "millimetres"), [("millimeter", 1), ("micrometer", 1e-3), ("microns", 1e-3), ("inches", 25.4)]
)
def test_units_count_by_their_long_names_too(name, millimetres):
    assert MM_PER_UNIT[name] == millimetres


@pytest.mark.parametrize("size_mm", [0.0, SMALLEST_MM / 2, LARGEST_MM * 2, math.nan])
def test_sizes_of_no_radiograph_are_not_believed(size_mm):
    assert believable(size_mm, size_mm) == PixelSize()
