"""Files appear whole or not at all, with the array's own depth."""

import os
import stat

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_weld_fcn.errors import WeldFcnError
from napari_weld_fcn.radiograph.files import read
from napari_weld_fcn.radiograph.output import write_png, write_text, write_tiff, written_whole


def test_file_has_its_name_only_when_the_block_has_ended(tmp_path):
    target = tmp_path / "film.txt"
    with written_whole(target) as temporary:
        temporary.write_text("half")
        assert not target.exists()
        assert temporary.parent == tmp_path
    assert target.read_text() == "half"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
def test_interrupted_write_keeps_the_old_file_and_leaves_nothing_else(tmp_path, interruption):
    target = tmp_path / "film.txt"
    target.write_text("old")
    with pytest.raises(interruption), written_whole(target) as temporary:
        temporary.write_text("ne")
        raise interruption
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_bytes_are_on_the_disk_before_the_file_has_its_name(tmp_path, monkeypatch):
    target = tmp_path / "film.txt"
    seen = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: seen.append(target.exists()))
    write_text(target, "whole")
    assert seen == [False]


def test_missing_folder_is_a_sentence_with_the_file(tmp_path):
    target = tmp_path / "nowhere" / "film.txt"
    with pytest.raises(WeldFcnError, match=r"nowhere.film\.txt: cannot be written \(No such file"):
        write_text(target, "text")


def test_a_folder_in_the_way_is_kept_and_named(tmp_path):
    with pytest.raises(WeldFcnError, match="cannot be written"):
        write_text(tmp_path, "text")
    assert tmp_path.is_dir()


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_file_permissions_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "film.txt", "text")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "film.txt").stat().st_mode) == 0o640


@pytest.mark.parametrize(("dtype", "mode"), [(np.bool_, "1"), (np.uint8, "L"), (np.uint16, "I;16")])
def test_png_keeps_the_depth_and_the_values(tmp_path, dtype, mode):
    pixels = np.random.default_rng(0).integers(0, 2 if dtype is np.bool_ else 60000, (37, 53)).astype(dtype)
    write_png(tmp_path / "film.png", pixels)
    with Image.open(tmp_path / "film.png") as image:
        assert image.mode == mode
        assert np.array_equal(np.asarray(image), pixels)


def test_png_of_a_colour_overlay(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (5, 7, 3), dtype=np.uint8)
    write_png(tmp_path / "overlay.png", pixels)
    with Image.open(tmp_path / "overlay.png") as image:
        assert np.array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize("pixels", [np.zeros((3, 4), np.float32), np.zeros((2, 3, 4), np.uint16)], ids=str)
def test_png_refuses_what_it_would_change(tmp_path, pixels):
    with pytest.raises(ValueError, match="cannot hold"):
        write_png(tmp_path / "film.png", pixels)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shape", [(11, 13), (3, 11, 13), (1, 11, 13), (2, 11, 3)], ids=str)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64])
def test_tiff_gives_back_the_array(tmp_path, dtype, shape):
    pixels = (np.random.default_rng(0).random(shape) * 250).astype(dtype)
    write_tiff(tmp_path / "film.tif", pixels)
    read = tifffile.imread(tmp_path / "film.tif")
    assert read.dtype == dtype
    assert np.array_equal(read, pixels)


def test_tiff_of_bool_holds_0_and_255(tmp_path):
    write_tiff(tmp_path / "mask.tif", np.eye(4, dtype=bool))
    assert np.array_equal(tifffile.imread(tmp_path / "mask.tif"), np.eye(4, dtype=np.uint8) * 255)


def test_tiff_carries_the_pixel_size_and_nothing_where_it_is_unknown(tmp_path):
    write_tiff(tmp_path / "known.tif", np.zeros((4, 4), np.uint8), pixel_size_mm=0.0403)
    write_tiff(tmp_path / "unknown.tif", np.zeros((4, 4), np.uint8))
    with tifffile.TiffFile(tmp_path / "known.tif") as tif:
        numerator, denominator = tif.pages[0].tags["XResolution"].value
        assert 10 * denominator / numerator == pytest.approx(0.0403, rel=1e-6)
        assert tif.pages[0].tags["ResolutionUnit"].value == tifffile.RESUNIT.CENTIMETER
    with tifffile.TiffFile(tmp_path / "unknown.tif") as tif:
        assert tif.pages[0].tags["ResolutionUnit"].value == tifffile.RESUNIT.NONE


def test_labels_are_deflated_and_heatmaps_are_not(tmp_path):
    write_tiff(tmp_path / "labels.tif", np.zeros((500, 500), np.int32))
    write_tiff(tmp_path / "heatmap.tif", np.zeros((500, 500), np.float32))
    assert (tmp_path / "labels.tif").stat().st_size < 50_000
    assert (tmp_path / "heatmap.tif").stat().st_size > 1_000_000
    assert tifffile.memmap(tmp_path / "heatmap.tif", mode="r").shape == (500, 500)


def test_tiff_refuses_four_dimensions(tmp_path):
    with pytest.raises(ValueError, match="cannot hold shape"):
        write_tiff(tmp_path / "film.tif", np.zeros((2, 2, 4, 4), np.uint8))


def test_png_carries_the_pixel_size(tmp_path):
    write_png(tmp_path / "film.png", np.zeros((4, 4), np.uint8), pixel_size_mm=0.0403)
    assert read(tmp_path / "film.png").pixel_size_mm == pytest.approx(0.0403, rel=1e-4)
