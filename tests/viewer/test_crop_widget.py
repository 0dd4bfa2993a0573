"""The Crop ROIs form as a person uses it: films, truth, what it will cut, and what it cuts."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import dask.array as da
import numpy as np
import pytest
from napari.layers import Image, Labels, Shapes
from typer.testing import CliRunner

from napari_weld_fcn.cli.app import app
from napari_weld_fcn.dataset.crops import crop
from napari_weld_fcn.dataset.pair import BACKGROUND, FLAW, IGNORED
from napari_weld_fcn.dataset.settings import CropSettings
from napari_weld_fcn.dataset.store import read_dataset
from napari_weld_fcn.radiograph.gdxray.series import open_series
from napari_weld_fcn.radiograph.radiograph import Radiograph, to_luminance
from napari_weld_fcn.radiograph.simulation.film import simulate, write_simulated
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.viewer.belonging import films
from napari_weld_fcn.viewer.crop.stacks import is_crops, pairs_in_layers
from napari_weld_fcn.viewer.crop.widget import CropWidget
from napari_weld_fcn.viewer.files.series import SEPARATE_FILMS, SEPARATE_SIZES

SETTINGS = SimulationSettings(rows=120, columns=300, flawless_share=0, flaw_density=50)


@pytest.fixture(scope="module")
def welds() -> list[Any]:
    """Two small films with flaws; where they are faint, the truth of one can be empty."""
    films = (simulate(SETTINGS, seed) for seed in itertools.count(3))
    return list(itertools.islice((film for film in films if film.mask.any()), 2))


@pytest.fixture
def form(viewer: Any, qtbot: Any) -> Any:
    """The form as the menu opens it, asking for a grid of 64 pixels."""
    _, widget = viewer.window.add_plugin_dock_widget("napari-weld-fcn", "Crop ROIs")
    ask(widget, rois="grid", size=64)
    return widget


def ask(form: Any, **values: Any) -> None:
    for name, value in values.items():
        form.inputs.form.widgets[name].value = value


@pytest.fixture
def weld_fcn_crops(tmp_path: Any) -> Any:
    """What the command cuts, as pairs."""

    def crops(*arguments: Any) -> list[Any]:
        CliRunner().invoke(app, ["crop", *map(str, arguments), str(tmp_path / "by command")])
        return list(read_dataset(tmp_path / "by command"))

    return crops


@pytest.fixture
def done(qtbot: Any) -> Any:
    """Wait until the form is at rest and says what its fields ask for."""

    def wait(form: Any) -> None:
        form.following.begin()
        qtbot.waitUntil(lambda: form.job is None and form.following.settled)

    return wait


@pytest.fixture
def cut(form: Any, done: Any, qtbot: Any) -> Any:
    """Press Crop and wait."""

    def press() -> None:
        done(form)
        form.run()
        qtbot.waitUntil(lambda: form.job is None, timeout=60_000)

    return press


def add(viewer: Any, weld: Any, name: str, truth: str = "{} truth", **keywords: Any) -> tuple[Image, Labels]:
    film = viewer.add_image(weld.radiograph.pixels, name=name, **keywords)
    return film, viewer.add_labels(weld.instances, name=truth.format(name), **keywords)


def test_the_form_opens_from_two_menus(viewer, form) -> None:
    def entries(menu: Any, path: str = "") -> Any:
        for action in menu.actions():
            here = f"{path} > {action.text()}".replace("&", "")
            if action.menu() is None:
                yield here
            else:
                action.menu().aboutToShow.emit()
                yield from entries(action.menu(), here)

    found = [entry for entry in entries(viewer.window._qt_window.menuBar()) if "Crop ROIs" in entry]
    assert {entry.split(" > ")[1] for entry in found} == {"Layers", "Plugins"}


def test_the_form_cuts_what_the_python_call_cuts(viewer, form, cut, welds) -> None:
    add(viewer, welds[0], "weld")
    cut()
    settings = CropSettings(rois="grid", size=64)
    expected = list(crop(Radiograph(welds[0].radiograph.pixels, "weld"), welds[0].instances, settings))
    crops, masks = viewer.layers["crops"], viewer.layers["crops masks"]
    np.testing.assert_array_equal(crops.data, [pair.pixels for pair in expected])
    np.testing.assert_array_equal(masks.data, [pair.mask for pair in expected])
    assert [(p.name, p.row, p.normalisation) for p in pairs_in_layers(crops, masks)] == [
        (p.name, p.row, p.normalisation) for p in expected
    ]


def test_the_form_says_before_what_it_cuts_then(viewer, form, cut, done, welds) -> None:
    for name, weld in zip("ab", welds, strict=True):
        add(viewer, weld, name)
    done(form)
    said = form.summary.text()
    rows = [form.inputs.films.item(row, 2).text() for row in (0, 1)]
    cut()
    masks = viewer.layers["crops masks"].data
    flawed = int((masks == FLAW).any(axis=(1, 2)).sum())
    share = float((masks == FLAW).mean())
    assert said == f"{len(masks)} crops of 2 films; {flawed} show flaws, which are {share:.2%} of all pixels."
    assert [int(row) for row in rows] == [len(masks) // 2] * 2


def test_the_paper_preset_cuts_36_crops_of_each_film(viewer, form, cut, done, welds) -> None:
    for name, weld in zip("ab", welds, strict=True):
        add(viewer, weld, name)
    form.inputs.preset.value = "paper"
    done(form)
    assert form.summary.text().startswith("72 crops of 2 films;")
    assert "120 pixels are less than a crop of 256 x 256" in form.notes.text()
    cut()
    assert viewer.layers["crops"].data.shape == (72, 256, 256)
    ask(form, size=128)
    assert form.inputs.preset.value == "own settings"


@pytest.mark.parametrize("name", ["{} mask", "{} truth", "{} labels"])
def test_films_are_paired_with_their_labels_by_name(viewer, form, done, welds, name) -> None:
    pairs = [add(viewer, weld, title, name) for title, weld in zip("ab", welds, strict=True)]
    done(form)
    assert [(film.name, truth.name) for film, truth in form.inputs.films.ticked()] == [
        (film.name, truth.name) for film, truth in pairs
    ]


def test_another_truth_can_be_chosen_and_a_film_left_out(viewer, form, done, cut, welds) -> None:
    film, truth = add(viewer, welds[0], "a", "drawn by hand")
    other, _ = add(viewer, welds[1], "b")
    done(form)
    assert "a: There is no truth" in form.notes.text()
    form.inputs.films.choose_truth(film, truth)
    form.inputs.films.tick(other, False)
    done(form)
    assert form.notes.text() == ""
    cut()
    assert {pair.film for pair in pairs_in_layers(viewer.layers["crops"], None)} == {"a"}
    assert (viewer.layers["crops masks"].data == FLAW).any()


def test_without_truth_every_mask_is_ignored(viewer, form, cut, welds) -> None:
    viewer.add_image(welds[0].radiograph.pixels, name="weld")
    cut()
    assert (viewer.layers["crops masks"].data == IGNORED).all()
    assert "no truth" in form.notes.text()


def test_a_sentence_is_said_once_and_names_its_films(viewer, form, done, cut, welds) -> None:
    for name in "abcd":
        viewer.add_image(welds[0].radiograph.pixels, name=name)
    done(form)
    sentence = "a, b and 2 more: There is no truth; the masks are ignored everywhere."
    assert form.notes.text() == sentence
    cut()
    assert form.notes.text() == sentence


def test_windows_are_drawn_over_the_film_where_it_lies(viewer, form, done, welds) -> None:
    film, _ = add(viewer, welds[0], "weld", scale=(0.05, 0.05), translate=(3, -2), units=("mm", "mm"))
    done(form)
    windows = viewer.layers["weld windows"]
    assert isinstance(windows, Shapes)
    assert len(windows.data) == form.surveyed[0][1].crops
    np.testing.assert_allclose(windows.extent.world[1], film.extent.world[1], atol=0.2)
    assert viewer.layers.selection.active != windows
    ask(form, size=100)
    done(form)
    assert viewer.layers["weld windows"] == windows
    assert len(windows.data) == form.surveyed[0][1].crops
    assert windows not in form.inputs.shapes.choices


def test_no_more_windows_are_drawn_than_napari_can_bear(viewer, form, done, welds, monkeypatch) -> None:
    monkeypatch.setattr("napari_weld_fcn.viewer.crop.widget.MOST_DRAWN", 5)
    add(viewer, welds[0], "weld")
    done(form)
    assert len(viewer.layers["weld windows"].data) == 5
    assert "5 of its 10 windows are drawn" in form.notes.text()


def test_drawn_rectangles_are_cropped_where_they_lie_on_the_film(viewer, form, cut, welds) -> None:
    add(viewer, welds[0], "weld", scale=(2, 2), translate=(10, 20))
    shapes = viewer.add_shapes([[[30, 60], [30, 100], [50, 100], [50, 60]]], name="here")
    ask(form, rois="rectangles", size=16)
    form.inputs.shapes.value = shapes
    cut()
    pairs = pairs_in_layers(viewer.layers["crops"], None)
    assert {(pair.row, pair.column) for pair in pairs} == {(8, 20), (8, 25)}


def test_rectangles_without_a_layer_of_them_are_refused(viewer, form, done, welds, messages) -> None:
    add(viewer, welds[0], "weld")
    ask(form, rois="rectangles")
    done(form)
    assert "There are no rectangles" in form.summary.text()
    form.run()
    assert form.job is None and "There are no rectangles" in messages[-1]


def test_nothing_open_is_told(viewer, form, done, messages) -> None:
    done(form)
    form.run()
    assert "There is no film to crop" in messages[-1]


def test_planes_of_a_stack_are_films(viewer, form, cut, welds) -> None:
    stack = np.stack([weld.radiograph.pixels for weld in welds])
    viewer.add_image(da.from_array(stack, chunks=(1, -1, -1)), name="series")
    viewer.add_labels(np.stack([weld.instances for weld in welds]), name="series truth")
    cut()
    pairs = pairs_in_layers(viewer.layers["crops"], viewer.layers["crops masks"])
    assert {pair.film for pair in pairs} == {"series_p000", "series_p001"}
    assert len(viewer.layers["series windows"].data) == len(pairs)
    first = pairs[len(pairs) // 2]
    np.testing.assert_array_equal(
        first.pixels, stack[1, first.row : first.row + 64, first.column : first.column + 64]
    )


def test_colour_is_cropped_as_its_luminance(viewer, form, cut, welds) -> None:
    grey = welds[0].radiograph.pixels
    colour = np.stack([grey, grey[::-1], grey[:, ::-1]], axis=-1)
    viewer.add_image(colour, name="colour", rgb=True)
    viewer.add_labels(welds[0].instances, name="colour mask")
    cut()
    assert (viewer.layers["crops masks"].data == FLAW).any()
    np.testing.assert_array_equal(viewer.layers["crops"].data[0], to_luminance(colour)[:64, :64])


def test_a_long_series_gives_each_film_in_its_own_size_and_by_its_name(viewer, form, cut, tmp_path) -> None:
    small = SimulationSettings(rows=40, columns=50)
    large = SimulationSettings(rows=60, columns=70)
    films = [simulate(large if seed == 2 else small, seed) for seed in range(SEPARATE_SIZES + 1)]
    write_simulated(films, tmp_path)
    viewer.open(str(tmp_path / "Welds" / "W0001"), plugin="napari-weld-fcn")
    ask(form, size=40)
    cut()
    pairs = pairs_in_layers(viewer.layers["crops"], viewer.layers["crops masks"])
    expected = [
        pair
        for film in open_series(tmp_path)
        for pair in crop(film.radiograph(), film.mask(), CropSettings(rois="grid", size=40))
    ]
    assert [pair.name for pair in pairs] == [pair.name for pair in expected]
    np.testing.assert_array_equal([pair.pixels for pair in pairs], [pair.pixels for pair in expected])
    np.testing.assert_array_equal([pair.mask for pair in pairs], [pair.mask for pair in expected])


@pytest.mark.parametrize("sizes", [(50,), (50, 60)], ids=["one size", "two sizes"])
def test_a_film_without_a_mask_in_a_long_series_is_ignored_as_in_the_command(
    viewer, form, cut, tmp_path, weld_fcn_crops, sizes
) -> None:
    settings = [SimulationSettings(rows=40, columns=columns, flaw_density=20) for columns in sizes]
    write_simulated([simulate(settings[k % len(sizes)], k) for k in range(SEPARATE_SIZES + 1)], tmp_path)
    (tmp_path / "Welds" / "W0002" / "W0002_0002.png").unlink()
    (tmp_path / "Welds" / "W0002" / "W0002_0013.png").write_bytes(b"damaged")
    expected = weld_fcn_crops(tmp_path / "Welds" / "W0001", "--rois", "grid", "--size", "40")
    viewer.open(str(tmp_path / "Welds" / "W0001"), plugin="napari-weld-fcn")
    ask(form, size=40)
    form.inputs.folder.value = tmp_path / "data"
    cut()
    found = list(read_dataset(tmp_path / "data"))
    assert any((pair.mask == FLAW).any() for pair in found)
    assert {pair.film for pair in found if (pair.mask == IGNORED).all()} == {"W0001_0002", "W0001_0013"}
    for pair, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(pair.pixels, other.pixels)
        np.testing.assert_array_equal(pair.mask, other.mask)
        assert replace(pair, pixels=0, mask=0) == replace(other, pixels=0, mask=0)
    assert "W0001_0002, W0001_0013: There is no truth" in form.notes.text()


@pytest.mark.parametrize("films", [2, SEPARATE_FILMS + 1], ids=["layers of their own", "one stack"])
def test_boxes_of_gdxray_stand_in_for_truth_as_in_the_command(
    viewer, form, cut, tmp_path, weld_fcn_crops, films
) -> None:
    write_simulated([simulate(SimulationSettings(rows=40, columns=90), k) for k in range(films)], tmp_path)
    for mask in (tmp_path / "Welds" / "W0002").iterdir():
        mask.unlink()
    series = tmp_path / "Welds" / "W0001"
    (series / "ground_truth.txt").write_text(
        "1 11.9999999 31.5 7.0 11.5\n1 80 70 30 40\n2 1 70 1 9 22 29 40 22\n2 13 14\n"
    )
    expected = weld_fcn_crops(series, "--rois", "flaws", "--size", "16")
    assert {pair.film for pair in expected} == {"W0001_0001", "W0001_0002"} and len(expected) > 5
    viewer.open(str(series), plugin="napari-weld-fcn")
    ask(form, rois="flaws", size=16)
    form.inputs.folder.value = tmp_path / "data"
    cut()
    for pair, other in zip(read_dataset(tmp_path / "data"), expected, strict=True):
        np.testing.assert_array_equal(pair.pixels, other.pixels)
        np.testing.assert_array_equal(pair.mask, other.mask)
        assert replace(pair, pixels=0, mask=0) == replace(other, pixels=0, mask=0)
    assert "no truth" in form.notes.text()


def test_a_dataset_is_written_instead_of_layers_or_besides(viewer, form, cut, welds, tmp_path) -> None:
    add(viewer, welds[0], "we/ld")
    form.inputs.folder.value = tmp_path / "data"
    form.inputs.as_layers.value = False
    cut()
    dataset = read_dataset(tmp_path / "data")
    assert len(dataset) == form.surveyed[0][1].crops
    assert dataset.films == ("we_ld",)
    assert "crops" not in viewer.layers
    form.inputs.as_layers.value = True
    cut()
    np.testing.assert_array_equal(viewer.layers["crops"].data[3], read_dataset(tmp_path / "data")[3].pixels)


def test_the_form_tells_the_folder_that_was_chosen_when_it_began(
    viewer, form, done, welds, qtbot, tmp_path
) -> None:
    add(viewer, welds[0], "weld")
    form.inputs.folder.value = tmp_path / "data"
    done(form)
    form.run()
    form.inputs.folder.value = tmp_path / "other"
    qtbot.waitUntil(lambda: form.job is None, timeout=60_000)
    assert form.jobs.status.text().endswith(f"crops cut and written to {tmp_path / 'data'}.")
    assert len(read_dataset(tmp_path / "data")) and not (tmp_path / "other").exists()


def test_more_crops_than_layers_may_hold_are_refused_but_written(
    viewer, form, cut, welds, tmp_path, monkeypatch, messages
) -> None:
    monkeypatch.setattr("napari_weld_fcn.viewer.crop.stacks.MOST_IN_LAYERS", 5 * 2 * 64 * 64)
    add(viewer, welds[0], "weld")
    cut()
    assert "as layers" in messages[-1] and "crops" not in viewer.layers
    form.inputs.as_layers.value = False
    form.inputs.folder.value = tmp_path / "data"
    cut()
    assert len(read_dataset(tmp_path / "data")) > 5


def test_crops_to_nowhere_are_refused(viewer, form, done, welds, messages) -> None:
    add(viewer, welds[0], "weld")
    form.inputs.as_layers.value = False
    form.run()
    assert "would go nowhere" in messages[-1]


def test_a_second_cut_updates_the_layers_and_crops_are_no_films(viewer, form, cut, welds) -> None:
    film, _ = add(viewer, welds[0], "weld")
    cut()
    crops = viewer.layers["crops"]
    ask(form, size=100)
    cut()
    assert viewer.layers["crops"] == crops and crops.data.shape[1:] == (100, 100)
    assert is_crops(crops) and films(viewer) == [film]
    assert [layer.name for layer in viewer.layers].count("crops masks") == 1


def test_a_film_that_does_not_fit_is_told_and_the_others_are_cut(viewer, form, cut, welds) -> None:
    add(viewer, welds[0], "good")
    viewer.add_image(np.full((120, 300), np.nan, np.float32), name="bad", contrast_limits=(0, 1))
    cut()
    assert {pair.film for pair in pairs_in_layers(viewer.layers["crops"], None)} == {"good"}
    assert "bad: The radiograph has no pixel that is a finite number" in form.notes.text()


def test_stop_ends_at_a_crop_and_the_form_works_again(
    viewer, form, done, cut, welds, qtbot, tmp_path
) -> None:
    add(viewer, welds[0], "weld")
    ask(form, size=16, overlap=0.75)
    form.inputs.folder.value = tmp_path / "data"
    done(form)
    expected = form.surveyed[0][1].crops
    form.run()
    qtbot.waitUntil(lambda: "Crop " in form.jobs.status.text(), timeout=60_000)
    form.stop()
    qtbot.waitUntil(lambda: form.job is None, timeout=60_000)
    left = len(read_dataset(tmp_path / "data"))
    assert form.jobs.status.text() == f"Stopped. {left} crops are in {tmp_path / 'data'}."
    assert 0 < left < expected
    assert "crops" not in viewer.layers
    form.inputs.folder.value = None
    ask(form, size=64, overlap=0)
    cut()
    assert "crops" in viewer.layers


def test_masks_show_flaws_in_one_colour_and_what_is_ignored_in_another(viewer, form, cut, welds) -> None:
    add(viewer, welds[0], "weld")
    cut()
    background, ignored, flaw, painted = viewer.layers["crops masks"].colormap.map(
        np.array([BACKGROUND, IGNORED, FLAW, 7], np.uint8)
    )
    assert background[3] == 0 and ignored[3] == flaw[3] == 1
    assert tuple(flaw) == tuple(painted) != tuple(ignored)


def test_the_crops_lie_below_the_films(viewer, form, cut, welds) -> None:
    film, _ = add(viewer, welds[0], "weld", scale=(0.05, 0.05), translate=(3, -2), units=("mm", "mm"))
    cut()
    for name in ("crops", "crops masks"):
        layer = viewer.layers[name]
        assert layer.extent.world[0][1] > film.extent.world[1][0]
        np.testing.assert_allclose(layer.scale[1:], 0.05)


def test_painting_on_the_crops_reaches_their_pairs(viewer, form, cut, welds) -> None:
    add(viewer, welds[0], "weld")
    cut()
    masks = viewer.layers["crops masks"]
    masks.data[1] = 0
    masks.data[1, 5, 6] = 7
    mask = pairs_in_layers(viewer.layers["crops"], masks)[1].mask
    assert mask[5, 6] == FLAW and np.count_nonzero(mask) == 1


def test_the_form_remembers_its_fields(viewer, form, cut, welds) -> None:
    add(viewer, welds[0], "weld")
    ask(form, jitter=4, overlap=0.25)
    cut()
    fresh = CropWidget(viewer)
    viewer.window.add_dock_widget(fresh, name="again")
    assert fresh.inputs.settings() == CropSettings(rois="grid", size=64, jitter=4, overlap=0.25)


def test_closing_the_dock_while_it_cuts_leaves_nothing_behind(viewer, form, done, welds, qtbot) -> None:
    add(viewer, welds[0], "weld")
    ask(form, size=16, overlap=0.75)
    done(form)
    gone = []
    form.destroyed.connect(lambda: gone.append(True))
    form.run()
    viewer.window.remove_dock_widget(form)
    qtbot.waitUntil(lambda: bool(gone), timeout=60_000)
