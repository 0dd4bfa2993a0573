"""What a layer says is what is predicted, and what is found lies where it belongs."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from napari.layers import Image, Labels, Shapes

from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.radiograph.files import read
from napari_weld_fcn.radiograph.output import write_png
from napari_weld_fcn.radiograph.radiograph import Box
from napari_weld_fcn.viewer.files.saving import file_name
from napari_weld_fcn.viewer.films import radiograph_of, region_of
from napari_weld_fcn.viewer.layers import over_film, show_heatmap
from napari_weld_fcn.viewer.marks import features, narrow, show_indications, show_table
from napari_weld_fcn.viewer.showing import neighbour, row

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


@pytest.mark.parametrize(("folder", "expected"), [("W0001", (0.0403, "GDXray")), ("patches", (None, "none"))])
def test_pixel_size_is_the_commands_where_the_layer_came_from_a_file(
    viewer, tmp_path, folder, expected
) -> None:
    path = tmp_path / folder / "W0001_0001.png"
    path.parent.mkdir()
    write_png(path, PLANE)
    (layer,) = viewer.open(path, plugin="napari")
    for radiograph in (radiograph_of(layer)(), read(path)):
        assert (radiograph.pixel_size_mm, radiograph.pixel_size_source) == expected


def test_a_layers_name_is_no_origin_of_a_pixel_size() -> None:
    assert radiograph_of(Image(PLANE, name="W0001_0001"))().pixel_size_mm is None


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


@given(numbers=st.sets(st.integers(1, 40)))
def test_row_of_the_features_is_the_label_also_where_numbers_are_missing(numbers) -> None:
    there = np.array(sorted(numbers), np.int32)
    table = features({"label": there, "area_px": there * 10})
    labels = Labels(np.zeros((4, 4), np.uint16), features=table)
    assert labels._label_index == {number: number for number in range(max(numbers, default=0) + 1)}
    areas = labels.features["area_px"]
    assert {number: areas[number] for number in there} == {number: 10.0 * number for number in there}
    assert areas.notna().sum() == len(numbers)
    assert [row(labels, number) is not None for number in range(42)] == [n in numbers for n in range(42)]


def test_column_that_a_person_added_stays_with_its_number() -> None:
    layer = Labels(np.zeros((4, 4), np.uint16))
    show_table(layer, {"label": np.array([1, 2]), "area_px": np.array([5.0, 6.0])})
    layer.features = layer.features.assign(verdict=["", "pore", "slag"])
    show_table(layer, {"label": np.array([2, 4]), "area_px": np.array([7.0, 8.0])})
    assert layer.features["verdict"][2] == "slag"
    assert layer.features["area_px"].tolist()[2] == 7 and len(layer.features) == 5


def test_what_a_person_added_outlives_a_marking_without_its_numbers() -> None:
    layer = Labels(np.zeros((4, 4), np.uint16))
    two = {"label": np.array([1, 3]), "area_px": np.array([5.0, 6.0]), "length_mm": np.array([1.0, 2.0])}
    show_table(layer, two)
    layer.features = layer.features.assign(film=["", "A7", "", "A8"], verdict=[None, None, None, "slag"])
    show_table(layer, {"label": np.array([1]), "area_px": np.array([7.0])})
    assert list(layer.features) == ["index", "area_px", "film", "verdict"]
    assert np.isnan(layer.features["area_px"][3]) and row(layer, 3) is None
    show_table(layer, two)
    assert layer.features["film"].tolist()[1::2] == ["A7", "A8"] and layer.features["verdict"][3] == "slag"
    layer.features = layer.features[["verdict"]]  # only what is a person's own
    assert row(layer, 1) is None
    show_table(layer, two)
    assert layer.features["verdict"][3] == "slag" and layer.features["area_px"][3] == 6


def test_labels_are_narrow_where_they_fit() -> None:
    labels = np.array([[0, 1], [2, 3]], np.int32)
    assert narrow(labels).dtype == np.uint16
    assert narrow(labels * 2**15).dtype == np.int32


def test_map_is_clear_at_nothing_and_its_own_at_everything() -> None:
    from napari.utils.colormaps import ensure_colormap

    ends = over_film("turbo").map(np.array([0.0, 1.0]))
    assert ends[0, 3] == 0
    np.testing.assert_allclose(ends[1], ensure_colormap("turbo").map(np.array([1.0]))[0], atol=1e-3)


@given(numbers=st.sets(st.integers(1, 60), min_size=1), at=st.integers(0, 60))
def test_next_and_previous_undo_each_other_and_stay_among_the_numbers(numbers, at) -> None:
    there = sorted(numbers)
    after = neighbour(at, 1, there)
    assert after in numbers
    assert neighbour(neighbour(after, -1, there), 1, there) == after


def test_stepping_begins_at_either_end_and_goes_on_from_a_number_that_is_gone() -> None:
    assert (neighbour(0, 1, [2, 5, 9]), neighbour(0, -1, [2, 5, 9])) == (2, 9)
    assert (neighbour(6, 1, [2, 5, 9]), neighbour(6, -1, [2, 5, 9])) == (9, 5)


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


@pytest.mark.parametrize("kind", ["ink", "lightness", "white is 0", "packed 4 bits", "lzw", "zstd"])
def test_film_in_any_packing_and_colour_is_predicted_as_the_command_does(viewer, tmp_path, kind) -> None:
    path, none = tmp_path / "film.tif", np.zeros_like(PLANE)
    stored, how = {
        "ink": (np.stack([none, none, none, 255 - PLANE], axis=2), {"photometric": "separated"}),
        "lightness": (np.stack([PLANE, none, none], axis=2), {"photometric": "cielab"}),
        "white is 0": (~PLANE.astype(np.int16), {"photometric": "miniswhite"}),
        "packed 4 bits": (PLANE // 16, {"bitspersample": 4}),
        "lzw": (PLANE, {"compression": "lzw"}),
        "zstd": (PLANE, {"compression": "zstd"}),
    }[kind]
    tifffile.imwrite(path, stored, **how)
    (layer,) = viewer.open(path, plugin="napari")
    seen = PLANE // 16 * 17 if kind == "packed 4 bits" else PLANE
    for radiograph in (radiograph_of(layer)(), read(path)):
        np.testing.assert_array_equal(radiograph.pixels, seen)


def test_what_reading_tells_is_told_of_a_layer_too(viewer, tmp_path) -> None:
    path = tmp_path / "film.tif"
    turned = [("Orientation", "H", 1, 6, True)]
    tifffile.imwrite(path, PLANE, extratags=turned, resolution=(200, 400), resolutionunit="CENTIMETER")
    (layer,) = viewer.open(path, plugin="napari")
    assert radiograph_of(layer)().notes == read(path).notes
    assert len(read(path).notes) == 2


def test_the_thumbnail_of_a_film_has_not_its_pixel_size(viewer, tmp_path) -> None:
    size = {"resolution": (200, 200), "resolutionunit": "CENTIMETER", "metadata": None}
    with tifffile.TiffWriter(tmp_path / "film.tif") as writer:
        writer.write(PLANE[::2, ::2].copy(), subfiletype=1, photometric="minisblack", **size)
        writer.write(PLANE, photometric="minisblack", **size)
    (layer,) = viewer.open(tmp_path / "film.tif", plugin="napari")
    radiograph = radiograph_of(layer)()
    np.testing.assert_array_equal(radiograph.pixels, PLANE[::2, ::2])
    assert (radiograph.pixel_size_mm, radiograph.pixel_size_source) == (None, "none")
    (note,) = radiograph.notes
    assert "holds a film of 6 x 8 pixels, but its layer has 3 x 4" in note


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


def test_units_that_were_given_to_an_output_stay_and_it_lies_on_its_film(viewer) -> None:
    film = viewer.add_image(PLANE, name="weld", scale=(0.05, 0.1), translate=(3, -2), units=("mm", "mm"))
    heat, indications = outputs_of(viewer, film)
    indications.units, indications.scale = ("um", "um"), (50, 100)
    heat.units = ("cm", "cm")
    film.translate = (4, -2)
    assert outputs_of(viewer, film) == [heat, indications]
    for output, unit, factor in ((heat, "centimeter", 0.1), (indications, "micrometer", 1000)):
        assert [str(each) for each in output.units] == [unit, unit]
        np.testing.assert_allclose(output.extent.world, film.extent.world * factor)
    film.units = ("pixel", "pixel")
    for output in outputs_of(viewer, film):
        np.testing.assert_allclose(output.extent.world, film.extent.world)
        assert output.units == film.units


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
