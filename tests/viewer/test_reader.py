"""GDXray opens in a real viewer: what belongs to it, as layers where they belong, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from npe2 import PluginManager
from qtpy.QtWidgets import QFileDialog, QInputDialog

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.radiograph.gdxray import film as gdxray_film
from napari_weld_fcn.radiograph.output import write_png, write_tiff
from napari_weld_fcn.viewer.files import reader as commands
from napari_weld_fcn.viewer.files.reader import get_reader
from napari_weld_fcn.viewer.films import radiograph_of
from napari_weld_fcn.viewer.preferences import PLUGIN

SHAPES = {1: (40, 60), 2: (30, 70), 3: (40, 60)}


def grey(number: int, shape: tuple[int, int], dtype: Any = np.uint8) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 250, shape).astype(dtype)


def spot(number: int, shape: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[5 : 5 + number, 10:20] = True
    return mask


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """W0001: three films of two sizes with masks and boxes; C0031: one film with boxes and points."""
    root = tmp_path / "GDXray"
    for name in ("Welds/W0001", "Welds/W0002", "Castings/C0031"):
        (root / name).mkdir(parents=True)
    for number, shape in SHAPES.items():
        write_png(root / f"Welds/W0001/W0001_{number:04d}.png", grey(number, shape))
        write_png(root / f"Welds/W0002/W0002_{number:04d}.png", spot(number, shape))
    (root / "Welds/W0001/ground_truth.txt").write_text("1 11 20 6 6\n2 11 20 6 7\n")
    write_png(root / "Castings/C0031/C0031_0019.png", grey(19, (40, 60)))
    (root / "Castings/C0031/ground_truth.txt").write_text("19 21 31 11 16\n19 2 2 9 9\n19 5 7\n")
    return root


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files whose pixels are read."""
    names: list[str] = []

    def counted(read: Any) -> Any:
        def reading(path: Path) -> Any:
            names.append(Path(path).name)
            return read(path)

        return reading

    for way in ("read", "read_labels"):
        monkeypatch.setattr(gdxray_film, way, counted(getattr(gdxray_film, way)))
    return names


def many(folder: Path, count: int, edge: int, write: Callable[..., None], suffix: str, sizes: int) -> Path:
    """A series W0003 of `count` films of `sizes` sizes."""
    series = folder / "Welds" / "W0003"
    series.mkdir(parents=True)
    for number in range(1, count + 1):
        rows = edge + number % sizes
        write(series / f"W0003_{number:04d}{suffix}", np.full((rows, 4 * edge), number, np.uint8))
    return series


# What is claimed


def readers(path: Path) -> set[str]:
    return {reader.plugin_name for reader in PluginManager.instance().iter_compatible_readers([str(path)])}


@pytest.mark.parametrize(
    "name", ["W0001_0003.png", "w0001_0003.PNG", "B0001_0003.tif", "C0001_0003.TIFF", "S0001_9999.Png"]
)
def test_gdxrays_names_are_claimed_in_any_case(viewer, name):
    assert PLUGIN in readers(Path(name))


@pytest.mark.parametrize(
    "name", ["weld.png", "W0001.png", "W0001_0003.jpg", "XW0001_0003.png", "W0001_00031.png"]
)
def test_other_images_open_without_a_question(viewer, name):
    assert PLUGIN not in readers(Path(name))


def test_an_ordinary_png_opens_as_before(viewer, tmp_path):
    write_png(tmp_path / "weld.png", grey(1, (20, 30)))
    (layer,) = viewer.open(tmp_path / "weld.png", plugin=None)
    assert layer.source.reader_plugin == "napari"


def test_folders_of_others_are_refused(viewer, root, tmp_path):
    plain = tmp_path / "plain"
    plain.mkdir()
    for name in ("a.png", "b.png"):
        write_png(plain / name, grey(1, (20, 30)))
    assert get_reader(str(plain)) is None
    assert get_reader(str(tmp_path / "nowhere")) is None
    assert get_reader([str(root), str(plain)]) is None
    (layer,) = viewer.open(plain)
    assert layer.data.shape == (2, 20, 30) and layer.source.reader_plugin == "napari"
    from npe2 import io_utils

    _, reader = io_utils.read_get_reader([str(plain)], stack=False)
    assert reader.plugin_name == "napari"


# Layers


def by_name(viewer: Any) -> dict[str, Any]:
    return {layer.name: layer for layer in viewer.layers}


def test_a_film_is_an_image_in_mm_with_its_mask_and_boxes(viewer, root, messages):
    viewer.open(root / "Welds" / "W0001" / "W0001_0002.png", plugin=PLUGIN)
    film, mask, boxes = viewer.layers
    assert [layer.name for layer in viewer.layers] == ["W0001_0002", "W0001_0002 mask", "W0001_0002 boxes"]
    np.testing.assert_array_equal(film.data, grey(2, (30, 70)))
    np.testing.assert_array_equal(mask.data, spot(2, (30, 70)))
    np.testing.assert_array_equal(boxes.data[0].min(axis=0), [5, 10])
    np.testing.assert_array_equal(boxes.data[0].max(axis=0), [6, 19])
    for layer in viewer.layers:
        np.testing.assert_allclose(layer.scale, 0.0403)
        assert [str(unit) for unit in layer.units] == ["millimeter"] * 2
        assert layer.visible
    assert tuple(film.contrast_limits) == (0, 255)
    assert messages == []


def test_a_series_shows_its_first_film_and_reads_no_other(viewer, root, reads):
    viewer.open(root / "Welds" / "W0001", plugin=PLUGIN)
    layers = by_name(viewer)
    assert [name for name, layer in layers.items() if layer.visible] == [
        "W0001_0001",
        "W0001_0001 mask",
        "W0001_0001 boxes",
    ]
    assert set(reads) == {"W0001_0001.png", "W0002_0001.png"}
    layers["W0001_0002"].visible = True
    assert set(reads) == {"W0001_0001.png", "W0002_0001.png", "W0001_0002.png"}


def test_root_opens_every_series_and_a_casting_in_pixels(viewer, root):
    viewer.open(root, plugin=PLUGIN)
    layers = by_name(viewer)
    assert {"C0031_0019", "C0031_0019 boxes", "C0031_0019 points", "W0001_0003 mask"} <= set(layers)
    np.testing.assert_array_equal(layers["C0031_0019"].scale, 1)
    np.testing.assert_array_equal(layers["C0031_0019 points"].data, [[6, 4]])
    assert len(layers["C0031_0019 boxes"].data) == 2  # one of them is a single pixel


def test_masks_open_as_labels(viewer, root):
    viewer.open(root / "Welds" / "W0002" / "W0002_0003.png", plugin=PLUGIN)
    (mask,) = viewer.layers
    assert type(mask).__name__ == "Labels"
    np.testing.assert_array_equal(mask.data, spot(3, (40, 60)))


def test_deep_films_are_shown_with_the_range_they_have(viewer, tmp_path):
    write_tiff(tmp_path / "W0003_0001.tif", np.arange(1000, 3000, dtype=np.uint16).reshape(40, 50))
    viewer.open(tmp_path / "W0003_0001.tif", plugin=PLUGIN)
    assert tuple(viewer.layers[0].contrast_limits) == (1000, 2999)


def test_a_mask_can_be_painted_and_the_stroke_undone(viewer, root):
    _, mask, _ = viewer.open(root / "Welds" / "W0001" / "W0001_0001.png", plugin=PLUGIN)
    mask.brush_size = 5
    mask.paint((30, 40), 7)
    assert (np.asarray(mask.data) == 7).sum() > 10
    mask.undo()
    np.testing.assert_array_equal(mask.data, spot(1, (40, 60)))


# Long series


@pytest.mark.parametrize("sizes", [1, 3])
def test_a_long_series_is_one_stack_that_reads_what_it_shows(viewer, tmp_path, reads, sizes):
    folder = many(tmp_path, 20, 40, write_png, ".png", sizes)
    (folder / "ground_truth.txt").write_text("4 11 20 6 9\n")
    film, boxes = viewer.open(folder, plugin=PLUGIN)
    assert film.name == "W0003" and film.data.shape == (20, 40 + sizes - 1, 160)
    assert len(set(reads)) <= 2
    viewer.dims.set_point(0, 3)
    assert reads[-1] == "W0003_0004.png" and len(set(reads)) <= 3
    np.testing.assert_array_equal(np.unique(boxes.data[0][:, 0]), 3)
    before = len(reads)
    viewer.dims.set_point(0, 4)
    assert reads[before:] == ["W0003_0005.png"]
    assert film.scale[0] == 1 and film.scale[-1] == 0.0403


def test_films_filled_up_to_one_size_are_taken_out_before_they_are_predicted(viewer, tmp_path, messages):
    folder = many(tmp_path, 14, 40, write_png, ".png", 3)
    (stack,) = viewer.open(folder, plugin=PLUGIN)
    with pytest.raises(RadiographError, match="Open the film shown"):
        radiograph_of(stack)()
    viewer.dims.set_point(0, 5)
    viewer.layers.selection.active = stack
    commands.open_film_shown(viewer)
    film = viewer.layers["W0003_0006"]
    assert not stack.visible
    radiograph = radiograph_of(film)()
    assert radiograph.pixels.shape == (40, 160) and (np.asarray(radiograph.pixels) == 6).all()
    assert radiograph.name == "W0003_0006" and radiograph.pixel_size_mm == pytest.approx(0.0403)
    commands.open_film_shown(viewer)
    assert messages == ["Select the layer of a GDXray series that is shown as a stack."]


def test_films_of_one_size_are_predicted_as_any_stack(viewer, tmp_path, tiny):
    (stack,) = viewer.open(many(tmp_path, 5, 40, write_png, ".png", 1), plugin=PLUGIN)
    radiograph = radiograph_of(stack)()
    assert radiograph.planes == 5
    assert (np.asarray(radiograph.plane(3)) == 4).all()
    lazy, eager = predict(radiograph, tiny), predict(np.asarray(stack.data), tiny)
    np.testing.assert_array_equal(lazy.probability, eager.probability)


@pytest.mark.slow
def test_68_films_of_5_megapixels_open_in_a_second(viewer, tmp_path, reads):
    from time import process_time

    folder = many(tmp_path, 68, 1118, write_tiff, ".tif", 60)
    viewer.add_image(np.zeros((5, 5)))  # what napari does once is not the reader's
    viewer.layers.clear()
    start = process_time()
    (stack,) = viewer.open(folder, plugin=PLUGIN)
    assert process_time() - start < 1
    assert stack.data.shape[0] == 68 and len(set(reads)) <= 2


# What is missing or damaged


def test_each_problem_is_one_message_and_the_rest_opens(viewer, root, messages):
    (root / "Welds/W0002/W0002_0003.png").unlink()
    (root / "Welds/W0001/W0001_0002.png").write_bytes(b"hello")
    (root / "Welds/W0001/ground_truth.txt").write_text("1 11 20 6 6\nx\n")
    viewer.open(root / "Welds" / "W0001", plugin=PLUGIN)
    assert set(by_name(viewer)) == {"W0001_0001", "W0001_0001 mask", "W0001_0001 boxes", "W0001_0003"}
    assert len(messages) == 3
    for word in ("W0001_0003", "W0001_0002.png", "ground_truth.txt"):
        assert sum(word in message for message in messages) == 1


def test_a_film_that_is_found_damaged_when_it_is_shown_is_black_and_named_once(viewer, root, messages):
    path = root / "Welds/W0001/W0001_0002.png"
    path.write_bytes(path.read_bytes()[:200])
    viewer.open(root / "Welds" / "W0001", plugin=PLUGIN)
    assert messages == []
    layer = viewer.layers["W0001_0002"]
    for _ in range(2):
        layer.visible = True
        layer.visible = False
    assert len(messages) == 1 and "W0001_0002.png: is a damaged or truncated PNG" in messages[0]
    with pytest.raises(RadiographError, match=r"W0001_0002\.png"):
        radiograph_of(layer)()


def test_what_cannot_be_opened_at_all_is_a_message(viewer, root, messages):
    path = root / "Castings/C0031/C0031_0019.png"
    path.write_bytes(b"hello")
    assert viewer.open(path, plugin=PLUGIN) == []
    assert len(messages) == 1 and "C0031_0019.png: is no image" in messages[0]


def test_too_many_series_are_left_to_the_user(viewer, root, messages):
    for number in range(40, 60):
        shutil.copytree(root / "Castings/C0031", root / f"Castings/C00{number}")
        (root / f"Castings/C00{number}/C0031_0019.png").rename(
            root / f"Castings/C00{number}/C00{number}_0001.png"
        )
    assert viewer.open(root / "Castings", plugin=PLUGIN) == []
    assert len(messages) == 1 and "holds 21 series" in messages[0]


# Commands of the File menu


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the user answers to the dialogs, and what was asked."""
    said: dict[str, Any] = {"folder": "", "series": None, "offered": []}
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *arguments: said["folder"])

    def choose(parent: Any, title: str, label: str, items: list[str], *rest: Any) -> tuple[str, bool]:
        said["offered"] = items
        wanted = said["series"]
        return next((item, True) for item in items if wanted in item) if wanted else ("", False)

    monkeypatch.setattr(QInputDialog, "getItem", choose)
    return said


def run(command: str) -> None:
    from napari._app_model import get_app_model

    get_app_model().commands.execute_command(f"{PLUGIN}.{command}").result()


def test_the_commands_stand_in_the_file_menu(viewer):
    (files,) = (
        action.menu()
        for bar in viewer.window.file_menu.actions()
        if bar.menu() is not None and "IO Utilities" in bar.text().replace("&", "")
        for action in [bar]
    )
    titles = [action.text() for action in files.actions()]
    assert any("Open GDXray folder..." in title for title in titles)
    assert any("Open the film shown of a GDXray series alone" in title for title in titles)


def test_the_file_menu_opens_a_folder(viewer, root, answers, messages):
    answers["folder"] = str(root / "Castings")
    run("open_gdxray_folder")
    assert "C0031_0019" in by_name(viewer) and not answers["offered"]


def test_of_several_series_one_is_chosen(viewer, root, answers):
    answers |= {"folder": str(root), "series": None}
    run("open_gdxray_folder")
    assert len(answers["offered"]) == 2 and not viewer.layers
    answers["series"] = "C0031"
    run("open_gdxray_folder")
    assert "C0031_0019" in by_name(viewer) and "W0001_0001" not in by_name(viewer)


def test_a_folder_that_is_not_gdxrays_is_a_message(viewer, tmp_path, answers, messages):
    answers["folder"] = str(tmp_path)
    run("open_gdxray_folder")
    assert not viewer.layers
    assert len(messages) == 1 and "no images called as in GDXray" in messages[0]
