"""Figures: panels in their places, pixel for pixel, as PNG and as SVG, with names and a colour bar."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from napari_weld_fcn.evaluation.figures import (
    GAP,
    Figure,
    Panel,
    comparison,
    drawn,
    placed,
    stage_figure,
    write_figure,
    written_as_svg,
)
from napari_weld_fcn.prediction.outputs import stretched, turbo

SVG = "{http://www.w3.org/2000/svg}"


def grain(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (rows, columns), dtype=np.uint8)


def heat(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((rows, columns), dtype=np.float32)


def three(count: int = 2, rows: int = 40, columns: int = 60) -> Figure:
    return comparison(
        [f"crop {index}" for index in range(count)],
        [grain(rows, columns, index) for index in range(count)],
        [heat(rows, columns, index) for index in range(count)],
        [heat(rows, columns, index) > 0.9 for index in range(count)],
    )


def test_inputs_heatmaps_and_truths_stand_one_under_the_other() -> None:
    figure = three()
    assert figure.rows == ("input", "heatmap", "truth") and figure.columns == ("crop 0", "crop 1")
    assert [[panel.shown for panel in row] for row in figure.panels] == [
        ["greys", "greys"],
        ["map", "map"],
        ["mask", "mask"],
    ]
    without = comparison(["part"], [grain(9, 9)], [heat(9, 9)])
    assert without.rows == ("input", "heatmap")


def test_blue_is_low_and_red_is_high_on_the_scale_of_the_panel() -> None:
    ramp = np.linspace(0, 4, 5, dtype=np.float32)[None]
    picture = Panel(ramp, "map", high=4.0).picture()
    np.testing.assert_array_equal(picture[0], turbo(np.linspace(0, 1, 5)))
    assert picture[0, 1, 2] > picture[0, 1, 0] and picture[0, 3, 0] > picture[0, 3, 2]


def test_a_mask_is_black_and_white_and_ignored_pixels_are_grey() -> None:
    assert Panel(np.array([[False, True]]), "mask").picture().tolist() == [[0, 255]]
    assert Panel(np.array([[0, 3]], np.int32), "mask").picture().tolist() == [[0, 255]]
    assert Panel(np.array([[0, 128, 255]], np.uint8), "mask").picture().tolist() == [[0, 128, 255]]


@given(
    sizes=st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=1, max_size=4),
    edge=st.integers(0, 40),
)
def test_panels_never_overlap_and_keep_their_row_and_column(sizes: list[tuple[int, int]], edge: int) -> None:
    names = [str(index) for index in range(len(sizes))]
    pixels = [np.zeros(size, np.uint8) for size in sizes]
    maps = [np.zeros(size, np.float32) for size in sizes]
    places = placed(comparison(names, pixels, maps, edge=edge))
    taken = np.zeros((max(p.top + p.rows for p in places), max(p.left + p.columns for p in places)), np.intp)
    for place in places:
        taken[place.top : place.top + place.rows, place.left : place.left + place.columns] += 1
    assert taken.max() == 1
    above, below = places[: len(sizes)], places[len(sizes) :]
    assert {place.top for place in above} == {0} and len({place.top for place in below}) == 1
    assert [place.left for place in above] == [place.left for place in below]
    assert not edge or max(max(place.rows, place.columns) for place in places) <= edge


def test_a_place_says_how_a_layer_is_scaled() -> None:
    big = comparison(["part"], [grain(200, 400)], [heat(200, 400)], edge=100)
    first, second = placed(big)
    assert (first.rows, first.columns) == (50, 100) and first.scale == (0.25, 0.25)
    assert second.top == 50 + GAP and second.name == "heatmap, part"


def test_the_drawing_shows_every_pixel_of_a_panel_that_is_not_shrunk() -> None:
    figure = three(1)
    picture = drawn(figure)
    grey = np.repeat(stretched(figure.panels[0][0].pixels)[..., None], 3, axis=2)
    colours = figure.panels[1][0].picture()
    for part in (grey, colours):
        windows = np.lib.stride_tricks.sliding_window_view(picture, part.shape)[..., 0, :, :, :]
        assert (windows == part).all(axis=(-1, -2, -3)).any()


def test_the_colour_bar_runs_from_red_above_to_blue_below() -> None:
    with_bar = drawn(three(1))
    column = with_bar[:, :, :].reshape(-1, 3)
    for end in turbo(np.array([0.0, 1.0])):
        assert (column == end).all(axis=1).any()
    figure = three(1)
    without = Figure(figure.panels, figure.rows, figure.columns)
    assert drawn(without).shape[1] < with_bar.shape[1]


def test_the_svg_holds_the_same_panels_and_names() -> None:
    figure = three()
    root = ElementTree.fromstring(written_as_svg(figure))
    rows, columns, _ = drawn(figure).shape
    assert (int(root.attrib["height"]), int(root.attrib["width"])) == (rows, columns)
    images = root.findall(f"{SVG}image")
    assert len(images) == 6 + 1
    data = re.fullmatch("data:image/png;base64,(.+)", images[0].attrib["href"])
    assert data is not None
    first = np.asarray(Image.open(io.BytesIO(base64.b64decode(data[1]))))
    np.testing.assert_array_equal(first, figure.panels[0][0].picture())
    words = [text.text for text in root.findall(f"{SVG}text")]
    assert set(words) == {"input", "heatmap", "truth", "crop 0", "crop 1", "0", "1", "probability"}


def test_names_may_hold_what_xml_does_not() -> None:
    figure = comparison(["a < b & c"], [grain(9, 9)], [heat(9, 9)])
    root = ElementTree.fromstring(written_as_svg(figure))
    assert "a < b & c" in [text.text for text in root.findall(f"{SVG}text")]


def test_narrow_panels_are_set_apart_so_that_their_names_fit() -> None:
    names = ["a rather long name of a crop", "and another one that is as long"]
    narrow = comparison(names, [grain(8, 8)] * 2, [heat(8, 8)] * 2)
    assert placed(narrow)[1].left > 100


def test_stages_have_a_row_each_and_one_scale_a_row() -> None:
    maps = [{"stages.0": heat(20, 20, seed), "stages.1": 50 * heat(20, 20, seed)} for seed in range(5)]
    figure = stage_figure([str(seed) for seed in range(5)], [grain(20, 20, seed) for seed in range(5)], maps)
    assert figure.rows == ("input", "stages.0", "stages.1") and len(figure.columns) == 5
    _, first, second = ({panel.high for panel in row} for row in figure.panels)
    assert len(first) == len(second) == 1
    assert 0.9 < first.pop() <= 1 and 45 < second.pop() <= 50


@pytest.mark.parametrize(("names", "inputs"), [([], []), (["a", "b"], [np.zeros((3, 3), np.uint8)])])
def test_a_figure_of_nothing_or_with_names_missing_is_refused(
    names: list[str], inputs: list[np.ndarray]
) -> None:
    with pytest.raises(ValueError, match="a figure"):
        comparison(names, inputs, [np.zeros((3, 3), np.float32)] * len(inputs))


def test_a_figure_is_written_as_png_and_svg(tmp_path: Path) -> None:
    png, svg = write_figure(tmp_path / "figure6", three())
    assert (png.name, svg.name) == ("figure6.png", "figure6.svg")
    np.testing.assert_array_equal(np.asarray(Image.open(png)), drawn(three()))
    assert svg.read_text().startswith("<svg ")
