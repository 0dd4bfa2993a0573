"""What a layer says is what is predicted, and what is found lies where it belongs."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from napari.layers import Image, Labels, Shapes

from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.prediction.tiles import Box
from napari_weld_fcn.radiograph.files import read
from napari_weld_fcn.radiograph.output import write_png
from napari_weld_fcn.viewer.film import radiograph_of, region_of
from napari_weld_fcn.viewer.layers import features, narrow, over_film, show_heatmap, show_indications
from napari_weld_fcn.viewer.saving import file_name
from napari_weld_fcn.viewer.stepping import neighbour

PLANE = np.arange(48, dtype=np.uint8).reshape(6, 8)


def test_grey_layer_keeps_its_pixels_and_dtype() -> None:
    for dtype in (bool, np.uint8, np.uint16, np.float32):
        radiograph = radiograph_of(Image(PLANE.astype(dtype), name="weld"))()
        assert radiograph.pixels.dtype == dtype and radiograph.name == "weld"


def test_finest_of_several_resolutions_is_predicted() -> None:
    radiograph = radiograph_of(Image([PLANE, PLANE[::2, ::2]], multiscale=True))()
    np.testing.assert_array_equal(radiograph.pixels, PLANE)


@pytest.mark.parametrize(
    ("units", "scale", "expected"),
    [
        (("mm", "mm"), (0.05, 0.05), 0.05),
        (("um", "um"), (40.3, 40.3), 0.0403),
        (("mm", "mm"), (0.05, 0.1), None),
        (("pixel", "pixel"), (0.05, 0.05), None),
    ],
)
def test_pixel_size_comes_from_a_scale_in_units_of_length(units, scale, expected) -> None:
    radiograph = radiograph_of(Image(PLANE, scale=scale, units=units))()
    assert radiograph.pixel_size_mm == (None if expected is None else pytest.approx(expected))
    assert radiograph.pixel_size_source == ("none" if expected is None else "user")


def test_pixel_size_is_the_commands_where_the_layer_came_from_a_file(viewer, tmp_path) -> None:
    path = tmp_path / "W0001_0001.png"
    write_png(path, PLANE)
    (layer,) = viewer.open(path, plugin="napari")
    radiograph, expected = radiograph_of(layer)(), read(path)
    assert radiograph.pixel_size_mm == expected.pixel_size_mm == 0.0403
    assert radiograph.pixel_size_source == expected.pixel_size_source == "GDXray"


boxes = st.tuples(st.integers(0, 29), st.integers(0, 39), st.integers(1, 30), st.integers(1, 40))


@given(box=boxes, scale=st.sampled_from([1.0, 0.04, 3.5]), shift=st.integers(-50, 50))
def test_rectangle_on_pixel_edges_gives_exactly_those_pixels(box, scale, shift) -> None:
    top, left, rows, columns = box
    bottom, right = min(top + rows, 30), min(left + columns, 40)
    film = Image(np.zeros((30, 40), np.uint8), scale=(scale, scale), translate=(shift, -shift))
    corners = [(top, left), (top, right), (bottom, right), (bottom, left)]
    drawn = [film.data_to_world((row - 0.5, column - 0.5)) for row, column in corners]
    assert region_of(Shapes([np.array(drawn)]), film) == Box(top, left, bottom, right)


def test_rectangle_beyond_the_border_is_cut_and_one_outside_refused() -> None:
    film = Image(np.zeros((30, 40), np.uint8))
    wide = Shapes([[[-10, 5], [-10, 99], [99, 99], [99, 5]]])
    assert region_of(wide, film) == Box(0, 5, 30, 40)
    with pytest.raises(SettingsError, match="outside"):
        region_of(Shapes([[[50, 50], [50, 60], [60, 60], [60, 50]]]), film)


def test_rectangle_drawn_in_a_stack_counts_for_its_planes() -> None:
    stack = Image(np.zeros((3, 30, 40), np.uint8))
    drawn = Shapes([[[1, 2, 4], [1, 2, 20], [1, 9, 20], [1, 9, 4]]])
    assert region_of(drawn, stack) == Box(2, 4, 10, 21)


@given(count=st.integers(0, 30))
def test_row_of_the_features_is_the_label(count) -> None:
    numbers = np.arange(1, count + 1, dtype=np.int32)
    table = features({"label": numbers, "area_px": numbers * 10})
    labels = Labels(np.zeros((4, 4), np.uint16), features=table)
    assert labels.features["area_px"].tolist()[1:] == [10.0 * number for number in numbers]
    assert labels._label_index == {number: number for number in range(count + 1)}


def test_labels_are_narrow_where_they_fit() -> None:
    labels = np.array([[0, 1], [2, 3]], np.int32)
    assert narrow(labels, 3).dtype == np.uint16
    assert narrow(labels, 2**16).dtype == np.int32


def test_map_is_clear_at_nothing_and_its_own_at_everything() -> None:
    from napari.utils.colormaps import ensure_colormap

    ends = over_film("turbo").map(np.array([0.0, 1.0]))
    assert ends[0, 3] == 0
    np.testing.assert_allclose(ends[1], ensure_colormap("turbo").map(np.array([1.0]))[0], atol=1e-3)


@given(total=st.integers(1, 50), at=st.integers(-5, 60))
def test_next_and_previous_undo_each_other_and_stay_in_range(total, at) -> None:
    after = neighbour(at, 1, total)
    assert 1 <= after <= total
    assert neighbour(neighbour(after, -1, total), 1, total) == after


def test_stepping_begins_at_either_end() -> None:
    assert (neighbour(0, 1, 9), neighbour(0, -1, 9)) == (1, 9)


@pytest.mark.parametrize(
    ("layer", "expected"), [("W0001_0001", "W0001_0001"), ("a/b:c", "a_b_c"), ("..", "film")]
)
def test_layer_names_become_file_names(layer, expected) -> None:
    assert file_name(layer) == expected


def stored_otherwise(path, photometric) -> None:
    """A TIFF whose numbers are not its greys: 0 is white, or they are places in a palette."""
    extra = {}
    if photometric == "palette":
        extra["colormap"] = np.tile(np.arange(255, -1, -1, dtype=np.uint16) * 257, (3, 1))
    tifffile.imwrite(path, PLANE, photometric=photometric, **extra)


@pytest.mark.parametrize("photometric", ["miniswhite", "palette"])
def test_film_stored_with_0_as_white_is_predicted_as_the_command_does(viewer, tmp_path, photometric) -> None:
    path = tmp_path / "film.tif"
    stored_otherwise(path, photometric)
    (layer,) = viewer.open(path, plugin="napari")
    np.testing.assert_array_equal(layer.data, PLANE)
    np.testing.assert_array_equal(radiograph_of(layer)().pixels, read(path).pixels)
    np.testing.assert_array_equal(read(path).pixels, 255 - PLANE)


def test_edited_film_is_predicted_as_it_is_shown(viewer, tmp_path) -> None:
    stored_otherwise(tmp_path / "film.tif", "miniswhite")
    (layer,) = viewer.open(tmp_path / "film.tif", plugin="napari")
    layer.data = 255 - layer.data
    np.testing.assert_array_equal(radiograph_of(layer)().pixels, 255 - PLANE)


def test_outputs_of_another_run_follow_a_film_that_was_moved(viewer) -> None:
    film = viewer.add_image(PLANE, name="weld")
    table = {"label": np.arange(1, 2)}

    def outputs() -> list:
        heat = show_heatmap(viewer, film, PLANE.astype(np.float32), "turbo")
        return [heat, show_indications(viewer, film, PLANE // 40, table)]

    before = outputs()
    film.scale, film.translate = (0.05, 0.05), (3, -2)
    film.units, film.axis_labels = ("mm", "mm"), ("row", "column")
    assert outputs() == before
    for output in before:
        np.testing.assert_allclose(output.extent.world, film.extent.world)
        assert (output.units, output.axis_labels) == (film.units, film.axis_labels)


def outputs_of(viewer, film) -> list:
    heat = show_heatmap(viewer, film, PLANE.astype(np.float32), "turbo")
    return [heat, show_indications(viewer, film, PLANE // 40, {"label": np.arange(1, 2)})]


def test_films_that_bore_one_name_have_outputs_of_their_own(viewer) -> None:
    first = viewer.add_image(PLANE, name="weld")
    before = outputs_of(viewer, first)
    first.name = "before repair"
    second = viewer.add_image(PLANE, name="weld")
    after = outputs_of(viewer, second)
    assert len({layer.unique_id for layer in (*before, *after)}) == 4
    assert outputs_of(viewer, first) == before
    assert outputs_of(viewer, second) == after


def test_film_opened_again_takes_the_outputs_that_it_left(viewer) -> None:
    first = viewer.add_image(PLANE, name="weld")
    before = outputs_of(viewer, first)
    viewer.layers.remove(first)
    again = viewer.add_image(PLANE, name="weld")
    assert outputs_of(viewer, again) == before
    again.name = "renamed"
    assert outputs_of(viewer, again) == before
