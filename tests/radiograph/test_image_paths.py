"""Every file of a folder is an input, or is named with the reason why it is none."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.files import read
from napari_weld_fcn.radiograph.formats.format import kind_of
from napari_weld_fcn.radiograph.image_paths import find_images, image_paths
from napari_weld_fcn.radiograph.output import is_output, write_png, write_tiff

FILM = np.arange(600, dtype=np.uint8).reshape(20, 30) // 3
FILMS = {
    "one.png": "PNG",
    "two.jfif": "JPEG",
    "three.btf": "TIFF",
    "four.tf8": "TIFF",
    "five": "PNG",
    "six.TIF": "TIFF",
    "seven.dat": "BMP",
    "weld_overlay.png": "PNG",
    "seam_labels.tif": "TIFF",
    "eight.jpe": "JPEG",
}


@pytest.fixture
def folder(tmp_path) -> Path:
    """Films by every name, and what lies beside them."""
    for name, kind in FILMS.items():
        if name in ("three.btf", "four.tf8"):
            tifffile.imwrite(tmp_path / name, FILM, bigtiff=True)
        else:
            Image.fromarray(FILM).save(tmp_path / name, format=kind)
    (tmp_path / "notes.txt").write_text("BMW and other letters")
    (tmp_path / "Thumbs.db").write_text("x")
    (tmp_path / ".DS_Store").write_text("x")
    (tmp_path / "sub").mkdir()
    return tmp_path


def test_a_folder_gives_its_films_whatever_they_are_called_and_names_the_rest(folder):
    found = find_images(folder)
    assert {path.name for path in found.images} == set(FILMS)
    assert {each.path.name: each.reason.split(",")[0] for each in found.left_out} == {
        "notes.txt": "no images",
        "Thumbs.db": "no images",
        "sub": "folders",
    }
    assert f"{folder}: left out as no images: Thumbs.db, notes.txt." in found.sentences
    assert len(found.sentences) == 2


def test_what_is_found_is_what_is_read(folder):
    for path in image_paths(folder):
        assert kind_of(path) == FILMS[path.name]
        assert read(path).pixels.shape == FILM.shape


def test_our_own_files_are_known_by_whatever_name_and_films_by_theirs(folder):
    write_tiff(folder / "moved.tif", FILM.astype(np.float32), output=True)
    write_png(folder / "renamed.png", FILM, output=True)
    write_png(folder / "film_of_ours.png", FILM)
    assert is_output(folder / "moved.tif") and is_output(folder / "renamed.png")
    found = find_images(folder)
    assert {path.name for path in found.images} == {*FILMS, "film_of_ours.png"}
    ours = [each.path.name for each in found.left_out if each.reason == "written by this program"]
    assert ours == ["moved.tif", "renamed.png"]


def test_files_of_an_earlier_version_are_known_by_the_record_beside_them(folder):
    write_tiff(folder / "one_heatmap.tif", FILM.astype(np.float32))
    write_png(folder / "one_overlay.png", FILM)
    (folder / "one_indications.csv").write_text("label\n")
    assert len(find_images(folder).images) == len(FILMS) + 2
    (folder / "record.json").write_text(json.dumps({"inputs": [{"input": {"name": "one"}}]}))
    found = find_images(folder)
    assert {path.name for path in found.images} == set(FILMS)
    assert len([each for each in found.left_out if each.reason == "written by this program"]) == 4


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"inputs": [1]}', b"\xff"])
def test_a_damaged_record_says_nothing(folder, content):
    (folder / "record.json").write_bytes(content)
    assert len(find_images(folder).images) == len(FILMS)


def test_what_means_to_be_an_image_is_told_when_it_is_read(folder):
    (folder / "empty.png").write_bytes(b"")
    (folder / "link.tif").symlink_to("nowhere.tif")
    (folder / "web").write_bytes(b"RIFF\0\0\0\0WEBPVP8 ")
    (folder / "device").write_bytes(bytes(128) + b"DICM")
    added = {path for path in image_paths(folder) if path.name not in FILMS}
    assert {path.name for path in added} == {"empty.png", "link.tif", "web", "device"}
    for path in added:
        with pytest.raises(RadiographError, match=path.name):
            read(path)


def test_many_names_are_shortened(folder):
    for number in range(20):
        (folder / f"note_{number:02d}.txt").write_text("x")
    (sentence,) = [each for each in find_images(folder).sentences if "no images" in each]
    assert sentence.endswith("note_06.txt and 14 more.")
