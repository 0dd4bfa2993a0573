"""A resolution is believed where it can be a measurement."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_weld_fcn.radiograph.pixel_size import LARGEST_MM, SMALLEST_MM, believable, from_density


@given(st.floats(SMALLEST_MM, 0.2))
def test_inches_and_centimetres_give_the_same_size(size_mm):
    assert from_density(25.4 / size_mm, 25.4 / size_mm, 25.4) == pytest.approx(size_mm)
    assert from_density(10 / size_mm, 10 / size_mm, 10) == pytest.approx(size_mm)


@pytest.mark.parametrize("dpi", [72, 96, 72.009, 96.012, 1])
def test_default_resolutions_are_not_believed_in_either_unit(dpi):
    assert from_density(dpi, dpi, 25.4) is None
    assert from_density(dpi / 2.54, dpi / 2.54, 10) is None


@pytest.mark.parametrize("density", [0, -630, math.nan, math.inf])
def test_densities_that_are_no_number_of_pixels_are_not_believed(density):
    assert from_density(density, 630, 25.4) is None
    assert from_density(630, density, 25.4) is None


def test_oblong_pixels_have_no_edge():
    assert from_density(204, 98, 25.4) is None
    assert believable(0.04, 0.0402) == 0.04


@pytest.mark.parametrize("size_mm", [0.0, SMALLEST_MM / 2, LARGEST_MM * 2, math.nan])
def test_sizes_of_no_radiograph_are_not_believed(size_mm):
    assert believable(size_mm, size_mm) is None
