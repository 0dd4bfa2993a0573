"""Series are found by name, and a film has its own truth or is said to have none."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph import files
from napari_weld_fcn.radiograph.gdxray.folders import list_series
from napari_weld_fcn.radiograph.gdxray.series import open_series
from napari_weld_fcn.radiograph.output import write_png, write_tiff
from napari_weld_fcn.radiograph.simulation.film import simulate_series, write_simulated
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings


def names(path: Path) -> list[str]:
    return [series.name for series in list_series(path)]


# What a path stands for


def test_root_group_series_and_file_are_found_and_masks_are_no_films(gdxray):
    assert names(gdxray) == ["C0031", "W0001", "W0003"]
    assert names(gdxray / "Welds") == ["W0001", "W0003"]
    assert names(gdxray / "Welds" / "W0002") == ["W0002"]
    assert names(gdxray / "Welds" / "W0001" / "W0001_0002.png") == ["W0001"]
    assert names(gdxray / "Welds" / "W0001" / "W0001_readme.txt") == []


@pytest.mark.parametrize("name", ["baggage", "Baggages", "BAGGAGE"])
def test_groups_are_known_in_any_case_and_baggage_by_both_its_names(tmp_path, name):
    (tmp_path / name / "b0001").mkdir(parents=True)
    write_png(tmp_path / name / "b0001" / "b0001_0001.PNG", np.zeros((4, 4), np.uint8))
    assert names(tmp_path) == names(tmp_path / name) == ["B0001"]
    assert open_series(tmp_path).films[0].name == "b0001_0001"


def test_here_is_a_path_too(gdxray, monkeypatch):
    monkeypatch.chdir(gdxray / "Welds" / "W0001")
    assert open_series(".")[0].mask().any()
    monkeypatch.chdir(gdxray / "Welds")
    assert names(Path()) == ["W0001", "W0003"]


def test_images_of_a_folder_of_another_name_count_but_it_is_not_searched(tmp_path):
    (tmp_path / "mine" / "deep" / "W0001").mkdir(parents=True)
    write_png(tmp_path / "mine" / "deep" / "W0001" / "W0001_0001.png", np.zeros((4, 4), np.uint8))
    assert names(tmp_path / "mine") == []
    for name in ("W0001_0001", "W0002_0001", "holiday"):
        write_png(tmp_path / "mine" / f"{name}.png", np.zeros((4, 4), bool))
    series = open_series(tmp_path / "mine")
    assert [film.name for film in series] == ["W0001_0001"]
    assert series[0].mask_path == tmp_path / "mine" / "W0002_0001.png"


def test_several_series_have_to_be_chosen_from(gdxray):
    with pytest.raises(RadiographError, match=r"holds 3 series \(C0031, W0001, W0003\)"):
        open_series(gdxray)


@pytest.mark.parametrize("name", ["nowhere", "empty", "notes.txt"])
def test_what_is_not_gdxrays_is_a_sentence_with_its_path(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").touch()
    with pytest.raises(RadiographError, match=rf"{name}: .*\.$"):
        open_series(tmp_path / name)


# Films and their truth


def test_a_weld_has_its_mask_its_boxes_and_its_pixel_size(gdxray):
    series = open_series(gdxray / "Welds" / "W0001")
    assert (series.name, len(series), series.problems) == ("W0001", 3, ())
    film = series[1]
    assert (film.name, film.number, film.shape, film.dtype) == ("W0001_0002", 2, (30, 70), np.uint8)
    radiograph = film.radiograph()
    assert radiograph.pixels.shape == (30, 70)
    assert radiograph.pixel_size_mm == film.pixel_size_mm == 0.0403
    assert film.boxes.tolist() == [[5, 10, 6, 21], [7, 29, 8, 30]]
    assert film.mask().dtype == np.bool_ and film.mask().sum() == 24
    np.testing.assert_array_equal(
        *map(np.nonzero, (film.mask(), np.pad(np.ones((2, 12)), ((5, 23), (10, 48)))))
    )
    assert series[2].boxes.shape == (0, 4) and series[2].points.shape == (0, 2)


def test_one_file_has_its_truth_and_nobody_elses(gdxray):
    series = open_series(gdxray / "Welds" / "W0001" / "W0001_0002.png")
    assert [film.number for film in series] == [2]
    assert len(series[0].boxes) == 2 and series[0].has_mask and not series.problems


def test_w0003_has_no_masks_and_nothing_is_missed(gdxray):
    series = open_series(gdxray / "Welds" / "W0003")
    assert not series.problems
    assert [film.mask() for film in series] == [None] * 3


def test_single_flaws_become_labels_and_a_mask(gdxray):
    (film,) = open_series(gdxray / "Castings")
    assert np.unique(film.instances()).tolist() == [0, 2]  # flaw 1 lies under flaw 2
    assert film.mask().sum() == 24
    assert film.pixel_size_mm is None


def test_labels_are_the_mask_with_its_flaws_told_apart(gdxray):
    (film,) = open_series(gdxray / "Castings")
    np.testing.assert_array_equal(film.labels(), film.instances())
    whole = np.zeros(film.shape, bool)
    whole[film.instances().nonzero()[0][0] :, :] = True
    whole[film.instances().nonzero()[0][-1], :] = False
    write_png(gdxray / "whole.png", whole)
    both = replace(film, mask_path=gdxray / "whole.png")
    np.testing.assert_array_equal(both.labels() > 0, both.mask())
    assert np.unique(both.labels()).tolist() == [0, 2, 3]
    assert replace(film, instance_paths={}).labels() is None


def test_flaw_0_is_not_lost_in_the_background(gdxray):
    masks = gdxray / "Castings" / "C0031" / "masks"
    (masks / "C0031_0019_1.png").rename(masks / "C0031_0019_0.png")
    (film,) = open_series(gdxray / "Castings")
    assert np.unique(film.instances()).tolist() == [0, 2, 3]


def stored(mask, path, how):
    if how == "1-bit":
        write_png(path, mask)
    elif how == "palette":
        image = Image.fromarray(mask.astype(np.uint8), "P")
        image.putpalette([0, 0, 0, 255, 255, 255])
        image.save(path)
    else:
        write_png(path, mask.astype(np.uint8) * int(how))


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated")
@pytest.mark.parametrize("how", ["1-bit", "1", "255", "palette"])
@pytest.mark.parametrize("series", ["W0002", "W0004"])
def test_masks_of_every_depth_and_of_the_mirror_become_bool(gdxray, how, series):
    shutil.rmtree(gdxray / "Welds" / "W0002")
    (gdxray / "Welds" / series).mkdir()
    mask = np.eye(40, 60, dtype=bool)
    stored(mask, gdxray / "Welds" / series / f"{series}_0001.png", how)
    film = open_series(gdxray / "Welds" / "W0001")[0]
    assert film.mask().dtype == np.bool_
    np.testing.assert_array_equal(film.mask(), mask)


def test_masks_given_themselves_are_their_own_masks(gdxray):
    series = open_series(gdxray / "Welds" / "W0002")
    assert series.is_mask and not series.problems
    assert series[0].mask().sum() == 11


def test_a_simulated_series_opens_with_its_truth(tmp_path):
    films = list(
        simulate_series(SimulationSettings(rows=120, columns=200, flawless_share=0, flaw_density=10), 2, 1)
    )
    write_simulated(films, tmp_path)
    series = open_series(tmp_path)
    assert not series.problems
    for film, simulated in zip(series, films, strict=True):
        np.testing.assert_array_equal(film.radiograph().pixels, simulated.radiograph.pixels)
        np.testing.assert_array_equal(film.mask(), simulated.mask)
        assert len(film.boxes) == sum(flaw.visible for flaw in simulated.flaws)


def test_opening_decodes_nothing(gdxray, monkeypatch):
    def decoded(*arguments, **keywords):
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decoded)
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", decoded)
    monkeypatch.setattr("tifffile.TiffPageSeries.asarray", decoded)
    for name in ("Welds/W0001", "Welds/W0003", "Castings"):
        assert len(open_series(gdxray / name)) > 0


# What is missing, damaged or does not fit


def problem(path: Path) -> str:
    (sentence,) = open_series(path).problems
    assert sentence.endswith(".") and "\n" not in sentence
    return sentence


def test_a_missing_mask_is_named(gdxray):
    (gdxray / "Welds/W0002/W0002_0002.png").unlink()
    assert "there is no mask for W0001_0002" in problem(gdxray / "Welds/W0001")
    assert open_series(gdxray / "Welds/W0001")[1].mask() is None


def test_that_all_masks_are_missing_is_one_sentence(gdxray):
    shutil.rmtree(gdxray / "Welds/W0002")
    assert "W0002 or W0004 is not beside it" in problem(gdxray / "Welds/W0001")


def test_a_mask_of_another_size_is_no_mask(gdxray):
    write_png(gdxray / "Welds/W0002/W0002_0001.png", np.ones((60, 40), bool))
    assert "W0002_0001.png: is 40 x 60 pixels, but W0001_0001 is 60 x 40" in problem(gdxray / "Welds/W0001")
    assert open_series(gdxray / "Welds/W0001")[0].mask() is None


def test_a_grey_image_is_no_mask(gdxray):
    path = gdxray / "Welds/W0002/W0002_0001.png"
    shutil.copy(gdxray / "Welds/W0001/W0001_0001.png", path)
    film = open_series(gdxray / "Welds/W0001")[0]
    with pytest.raises(RadiographError, match=r"W0002_0001.png: looks like a radiograph"):
        film.mask()


def test_a_map_of_classes_is_no_mask_of_gdxray(gdxray):
    path = gdxray / "Welds/W0002/W0002_0001.png"
    classes = np.zeros((40, 60), np.uint8)
    classes[:4, :6], classes[9:12, 9:20] = 1, 2
    write_png(path, classes)
    film = open_series(gdxray / "Welds/W0001")[0]
    with pytest.raises(RadiographError, match=r"W0002_0001.png: is no mask \(it has 3 values"):
        film.mask()


def test_a_mask_on_a_transparent_layer_is_the_plain_mask(gdxray):
    path = gdxray / "Welds/W0002/W0002_0001.png"
    plain = open_series(gdxray / "Welds/W0001")[0].mask()
    white = plain.astype(np.uint8) * 255
    write_png(path, np.dstack([np.full_like(white, 255)] * 3 + [white]))
    np.testing.assert_array_equal(open_series(gdxray / "Welds/W0001")[0].mask(), plain)


def test_a_damaged_film_is_named_and_the_rest_opens(gdxray):
    (gdxray / "Welds/W0001/W0001_0002.png").write_bytes(b"hello")
    assert "W0001_0002.png: is no image" in problem(gdxray / "Welds/W0001")
    assert [film.number for film in open_series(gdxray / "Welds/W0001")] == [1, 3]


def test_a_series_without_a_sound_film_is_refused(gdxray):
    for number in (1, 2, 3):
        (gdxray / f"Welds/W0001/W0001_{number:04d}.png").write_bytes(b"hello")
    (gdxray / "Welds/W0001/ground_truth.txt").write_text("x")
    with pytest.raises(RadiographError, match=r"W0001_0001\.png: is no image"):
        open_series(gdxray / "Welds/W0001")


def test_a_missing_flaw_spoils_the_truth_of_its_film(gdxray):
    (gdxray / "Castings/C0031/masks/C0031_0019_1.png").write_bytes(b"hello")
    assert "C0031_0019_1.png" in problem(gdxray / "Castings")
    assert open_series(gdxray / "Castings")[0].mask() is None


def test_boxes_of_absent_images_and_outside_the_film_are_told(gdxray):
    text = "1 500 510 6 7\n9 1 2 3 4\n2 60 80 1 2\n"
    (gdxray / "Welds/W0001/ground_truth.txt").write_text(text)
    series = open_series(gdxray / "Welds/W0001")
    absent, outside = series.problems
    assert "1 boxes or points belong to images that are not there (9)" in absent
    assert "W0001_0001.png: 1 of its boxes or points lie outside it" in outside
    assert [len(film.boxes) for film in series] == [0, 1, 0]


def test_a_film_that_is_there_twice_is_told(gdxray):
    write_tiff(gdxray / "Welds/W0001/W0001_0001.tif", np.zeros((4, 4), np.uint8))
    assert "W0001_0001.tif: is left out" in problem(gdxray / "Welds/W0001")
    assert open_series(gdxray / "Welds/W0001")[0].shape == (40, 60)


def test_a_stack_is_no_film(gdxray):
    write_tiff(gdxray / "Welds/W0003/W0003_0001.tif", np.zeros((3, 40, 60), np.uint8))
    assert "one plane" in problem(gdxray / "Welds/W0003")


def test_a_film_that_was_exchanged_meanwhile_is_not_read(gdxray):
    film = open_series(gdxray / "Welds/W0001")[0]
    write_png(film.path, np.zeros((5, 5), np.uint8))
    with pytest.raises(RadiographError, match="another image since"):
        film.radiograph()


@pytest.mark.parametrize("kind", ["png", "tif", "bmp", "jpg"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.bool_])
def test_the_head_tells_what_reading_gives(tmp_path, kind, dtype):
    pixels = (np.arange(35).reshape(5, 7) % 2).astype(dtype)
    if kind in ("png", "tif"):
        (write_png if kind == "png" else write_tiff)(tmp_path / f"film.{kind}", pixels)
    else:
        Image.fromarray(pixels.astype(np.bool_ if dtype == np.bool_ and kind == "bmp" else np.uint8)).save(
            tmp_path / f"film.{kind}"
        )
    film = files.read(tmp_path / f"film.{kind}")
    assert files.shape_of(tmp_path / f"film.{kind}") == (film.pixels.shape, film.pixels.dtype)
