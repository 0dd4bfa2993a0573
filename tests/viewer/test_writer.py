"""What is saved as GDXray opens as it was, and ordinary saves stay napari's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from npe2 import PluginManager
from PIL import Image
from qtpy.QtWidgets import QFileDialog

from napari_weld_fcn.errors import RadiographError, WeldFcnError
from napari_weld_fcn.radiograph.gdxray.series import open_series
from napari_weld_fcn.radiograph.output import write_png
from napari_weld_fcn.viewer.preferences import PLUGIN

MM = {"scale": (0.1, 0.1), "units": ("mm", "mm")}


def grey(number: int, shape: tuple[int, ...] = (40, 60), dtype: Any = np.uint8) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 250, shape).astype(dtype)


def numbered(shape: tuple[int, int] = (40, 60)) -> np.ndarray:
    labels = np.zeros(shape, np.int32)
    labels[3:6, 10:14], labels[20:22, 30:35] = 1, 300
    return labels


# Who writes what


@pytest.mark.parametrize("name", ["x.tif", "x.tiff", "x"])
def test_ordinary_labels_are_napari_s(viewer, name):
    writer, _ = PluginManager.instance().get_writer(name, ["labels"])
    assert writer.plugin_name == "napari"


def test_ordinary_images_and_folders_are_napari_s(viewer):
    manager = PluginManager.instance()
    for name, kinds in (("x.png", ["image"]), ("x.tif", ["image"]), ("x", ["image"])):
        assert manager.get_writer(name, kinds)[0].plugin_name == "napari"
    for kinds in (["image", "labels"], ["image", "image"], ["image", "labels", "shapes", "points"]):
        assert manager.get_writer("x", kinds)[0].plugin_name == "napari"
        offered = [writer.plugin_name for writer in manager.iter_compatible_writers(kinds)]
        assert offered.index("napari") < offered.index(PLUGIN) == len(offered) - 1


# Masks


def test_labels_become_a_mask_of_one_bit_with_its_size(viewer, tmp_path):
    viewer.add_labels(numbered(), name="weld mask", **MM)
    (written,) = viewer.layers.save(str(tmp_path / "W0002_0001.png"), plugin=PLUGIN)
    with Image.open(written) as image:
        assert image.mode == "1"
        np.testing.assert_array_equal(np.asarray(image), numbered() > 0)
        assert image.info["dpi"][0] == pytest.approx(254, rel=1e-3)


def test_labels_keep_their_numbers_in_a_tiff(viewer, tmp_path):
    viewer.add_labels(np.stack([numbered(), numbered() * 2]))
    viewer.layers.save(str(tmp_path / "flaws.tif"), plugin=PLUGIN)
    stored = tifffile.imread(tmp_path / "flaws.tif")
    assert stored.dtype == np.uint16
    np.testing.assert_array_equal(stored, np.stack([numbered(), numbered() * 2]))


def test_a_stack_is_no_mask_and_the_old_file_stays(viewer, tmp_path):
    (tmp_path / "mask.png").write_text("old")
    viewer.add_labels(np.stack([numbered()] * 2), name="flaws")
    with pytest.raises(RadiographError, match="flaws is a stack"):
        viewer.layers.save(str(tmp_path / "mask.png"), plugin=PLUGIN)
    assert (tmp_path / "mask.png").read_text() == "old"


def test_a_disk_fault_leaves_the_old_file_and_nothing_half_written(viewer, tmp_path, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "mask.png").write_text("old")
    viewer.add_labels(numbered())
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(WeldFcnError, match="No space left"):
        viewer.layers.save(str(tmp_path / "mask.png"), plugin=PLUGIN)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".png"] == ["mask.png"]
    assert (tmp_path / "mask.png").read_text() == "old"


@pytest.mark.parametrize("kind", ["mask", "series"])
def test_the_save_dialog_writes_with_the_chosen_form(viewer, tmp_path, monkeypatch, kind):
    film = viewer.add_image(grey(1), name="film")
    labels = viewer.add_labels(numbered(), name="film mask")
    viewer.layers.selection = {labels} if kind == "mask" else {film, labels}

    def chosen(*arguments: Any, filter: str, **keywords: Any) -> tuple[str, str]:
        forms = filter.split(";;")
        assert not forms[0].startswith("Weld FCN")  # what a user gets who only types a name
        return str(tmp_path / "out"), next(form for form in forms if f"GDXray {kind}" in form)

    monkeypatch.setattr(QFileDialog, "getSaveFileName", chosen)
    viewer.window._qt_viewer._save_layers_dialog(selected=True)
    if kind == "series":
        assert len(open_series(tmp_path / "out")) == 1
    else:
        assert any(path.is_file() for path in tmp_path.iterdir() if path.name.startswith("out"))


# Series


def test_layers_become_a_series_that_opens_as_it_was(viewer, tmp_path):
    viewer.add_image(grey(1), name="a", **MM)
    viewer.add_image(grey(2, (30, 70), np.uint16), name="a b")
    viewer.add_labels(numbered((30, 70)), name="a b mask")
    viewer.add_labels((numbered() > 0).astype(int), name="a mask", **MM)
    viewer.add_image(grey(3), name="unlabelled")
    written = viewer.layers.save(str(tmp_path / "out"), plugin=PLUGIN)
    series = open_series(tmp_path / "out")
    assert [str(film.path) for film in series] == written
    first, second, third = series
    np.testing.assert_array_equal(first.radiograph().pixels, grey(1))
    np.testing.assert_array_equal(second.radiograph().pixels, grey(2, (30, 70), np.uint16))
    np.testing.assert_array_equal(first.mask(), numbered() > 0)
    np.testing.assert_array_equal(second.mask(), numbered((30, 70)) > 0)
    assert third.mask() is None
    assert first.boxes.tolist() == second.boxes.tolist() == [[3, 10, 5, 13], [20, 30, 21, 34]]
    assert first.pixel_size_mm == pytest.approx(0.1, rel=1e-3)
    assert "W0001_0002 was a b." in (tmp_path / "out/Welds/W0001/W0001_readme.txt").read_text()


def test_a_series_that_was_opened_and_saved_is_the_same(viewer, tmp_path):
    welds = {"scale": (0.0403, 0.0403), "units": ("mm", "mm")}
    viewer.add_image(grey(1), name="a", **welds)
    viewer.add_labels(numbered(), name="a mask", **welds)
    viewer.add_shapes([[[2, 3], [2, 9], [7, 9], [7, 3]]], name="a boxes", **welds)
    viewer.add_points([[11, 12.5]], name="a points", **welds)
    viewer.layers.save(str(tmp_path / "one"), plugin=PLUGIN)
    viewer.layers.clear()
    viewer.open(tmp_path / "one", plugin=PLUGIN)
    assert len(viewer.layers) == 4
    viewer.layers.save(str(tmp_path / "two"), plugin=PLUGIN)
    files = {path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*")}
    assert len(files) == 4
    for name in files:
        if name.suffix == ".png" or name.name == "ground_truth.txt":
            assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    film = open_series(tmp_path / "two")[0]
    assert film.boxes.tolist() == [[2, 3, 7, 9]] and film.points.tolist() == [[11, 12.5]]


@pytest.mark.parametrize("sizes", [1, 3])
def test_a_stack_gives_its_films_at_their_own_sizes(viewer, tmp_path, sizes):
    folder = tmp_path / "in/Welds/W0001"
    masks = tmp_path / "in/Welds/W0002"
    folder.mkdir(parents=True)
    masks.mkdir()
    for number in range(1, 15):
        shape = (40 + number % sizes, 60)
        write_png(folder / f"W0001_{number:04d}.png", grey(number, shape))
        if number != 5:
            write_png(masks / f"W0002_{number:04d}.png", grey(number, shape) > 240)
    viewer.open(folder, plugin=PLUGIN)
    viewer.layers.save(str(tmp_path / "out"), plugin=PLUGIN)
    before, after = open_series(folder), open_series(tmp_path / "out")
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old.radiograph().pixels, new.radiograph().pixels)
        assert (new.mask() is None) == (new.number == 5)
        if new.number != 5:
            np.testing.assert_array_equal(old.mask(), new.mask())


def test_colour_becomes_grey_and_floats_a_tiff(viewer, tmp_path):
    viewer.add_image(np.full((40, 50, 3), 77, np.uint8), name="colour")
    viewer.add_image(np.linspace(0, 1, 600, dtype=np.float32).reshape(20, 30), name="float")
    names = [Path(path).name for path in viewer.layers.save(str(tmp_path), plugin=PLUGIN)]
    assert names == ["W0001_0001.png", "W0001_0002.tif"]
    colour, depth = open_series(tmp_path)
    assert (colour.radiograph().pixels == 77).all()
    assert depth.radiograph().pixels.max() == 1


def test_boxes_in_other_units_lie_where_they_are_seen(viewer, tmp_path):
    viewer.add_image(grey(1), name="film", scale=(0.5, 0.5), translate=(10, 20))
    viewer.add_shapes([[[11, 21], [11, 25], [13, 25], [13, 21]]], name="boxes")
    viewer.layers.save(str(tmp_path), plugin=PLUGIN)
    assert open_series(tmp_path)[0].boxes.tolist() == [[2, 2, 6, 10]]


def refused(viewer: Any, path: Path) -> str:
    with pytest.raises(RadiographError) as caught:
        viewer.layers.save(str(path), plugin=PLUGIN)
    assert str(caught.value).endswith(".")
    return str(caught.value)


def test_a_folder_with_a_series_is_left_alone(viewer, tmp_path):
    viewer.add_image(grey(1), name="a")
    viewer.add_image(grey(2), name="b")
    viewer.layers.save(str(tmp_path), plugin=PLUGIN)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert "holds a GDXray series already (W0001)" in refused(viewer, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_labels_of_no_image_are_refused_before_anything_is_written(viewer, tmp_path):
    viewer.add_image(grey(1), name="a")
    viewer.add_image(grey(2), name="b")
    viewer.add_labels(numbered(), name="Labels")
    assert "Labels: belongs to none of the images" in refused(viewer, tmp_path)
    viewer.layers["Labels"].name = "a mask"
    viewer.add_labels(numbered(), name="a other")
    assert "a: has several labels" in refused(viewer, tmp_path)
    assert not list(tmp_path.rglob("*.png"))


def test_labels_of_another_size_are_refused(viewer, tmp_path):
    viewer.add_image(grey(1), name="a")
    viewer.add_labels(numbered((60, 40)), name="a mask")
    assert "a mask: has shape (60, 40), but a (40, 60)" in refused(viewer, tmp_path)


def test_an_unknown_pixel_size_is_told_for_the_names_imply_one(viewer, tmp_path, messages):
    viewer.add_image(grey(1), name="a")
    viewer.layers.save(str(tmp_path), plugin=PLUGIN)
    (message,) = messages
    assert message.startswith("a: has no pixel size in mm") and "0.0403 mm" in message


def test_what_a_series_cannot_hold_is_told(viewer, tmp_path, messages):
    viewer.add_image(grey(1), name="a", **MM)
    viewer.add_vectors(np.zeros((1, 2, 2)), name="arrows", **MM)
    viewer.layers.save(str(tmp_path), plugin=PLUGIN)
    assert messages == ["arrows: is left out, for a GDXray series has no vectors."]
    assert len(open_series(tmp_path)) == 1
