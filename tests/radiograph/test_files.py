"""What `read` takes from a file, what it refuses, and what a folder stands for."""

import os
import re
import struct
import zlib

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.files import as_read, pixel_size_of, read
from napari_weld_fcn.radiograph.image_paths import image_paths
from napari_weld_fcn.radiograph.output import write_png, write_tiff


def grey(shape=(37, 53), dtype=np.uint8, seed=0):
    top = 2 if dtype is np.bool_ else 250
    return np.random.default_rng(seed).integers(0, top, shape).astype(dtype)


def test_name_film_and_source_come_from_the_path(tmp_path):
    write_png(tmp_path / "weld 7.png", grey())
    film = read(str(tmp_path / "weld 7.png"))
    assert (film.name, film.film, film.source) == ("weld 7", "weld 7", str(tmp_path / "weld 7.png"))
    assert (film.pixel_size_mm, film.pixel_size_source) == (None, "none")


def test_format_is_told_by_the_bytes_and_not_by_the_suffix(tmp_path):
    write_png(tmp_path / "film.tif", grey())
    assert np.array_equal(read(tmp_path / "film.tif").pixels, grey())


def in_series(folder, name, suffix=".png"):
    """Where GDXray has an image: in the folder of its series."""
    place = folder / name[:5]
    place.mkdir(exist_ok=True)
    return place / f"{name}{suffix}"


def test_a_weld_in_its_series_has_gdxrays_pixel_size_and_a_casting_has_none(tmp_path):
    for name in ("W0001_0003", "C0001_0003"):
        write_png(in_series(tmp_path, name), grey())
    weld = read(in_series(tmp_path, "W0001_0003"))
    assert (weld.pixel_size_mm, weld.pixel_size_source) == (0.0403, "GDXray")
    assert read(in_series(tmp_path, "C0001_0003")).pixel_size_mm is None


@pytest.mark.parametrize("folder", ["patches", "W0001", "Welds"])
def test_a_name_alone_is_no_pixel_size(tmp_path, folder):
    path = tmp_path / folder / "W0007_0003.png"
    path.parent.mkdir()
    write_png(path, grey())
    film = read(path)
    assert (film.pixel_size_mm, film.pixel_size_source) == pixel_size_of(path) == (None, "none")


def test_the_series_is_known_from_within_its_folder_too(tmp_path, monkeypatch):
    write_png(in_series(tmp_path, "W0003_0001"), grey())
    monkeypatch.chdir(tmp_path / "W0003")
    assert read("W0003_0001.png").pixel_size_source == "GDXray"


def test_the_files_own_tag_goes_before_gdxrays(tmp_path):
    sized, plain = (in_series(tmp_path, f"W0003_000{number}", ".tif") for number in (1, 2))
    write_tiff(sized, grey(), pixel_size_mm=0.1)
    write_tiff(plain, grey())
    film = read(sized)
    assert film.pixel_size_mm == pytest.approx(0.1)
    assert film.pixel_size_source == "file"
    assert read(plain).pixel_size_source == "GDXray"


def refusal(path):
    with pytest.raises(RadiographError) as caught:
        read(path)
    sentence = str(caught.value)
    assert str(path) in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence.removeprefix(f"{path}: ")


def test_a_missing_file_is_named(tmp_path):
    assert refusal(tmp_path / "nowhere.png") == "no such file."


def test_a_folder_is_no_file(tmp_path):
    assert refusal(tmp_path) == "is a folder, not an image file."


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "film.png")
    assert refusal(tmp_path / "film.png") == "is no ordinary file."


def test_an_empty_file_is_empty(tmp_path):
    (tmp_path / "film.png").touch()
    assert refusal(tmp_path / "film.png") == "is empty."


@pytest.mark.parametrize("content", [b"hello", b"\x00" * 300, b"GIF89a" + b"\x00" * 30, b"%PDF-1.7"])
def test_what_is_no_image_is_not_tried(tmp_path, content):
    (tmp_path / "film.png").write_bytes(content)
    assert "image; BMP, JPEG, PNG and TIFF are read." in refusal(tmp_path / "film.png")


def test_complex_numbers_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "film.tif", grey(dtype=np.complex64))
    assert "complex64" in refusal(tmp_path / "film.tif")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_number_are_read_as_they_are(tmp_path, value):
    pixels = grey((3, 40, 50), np.float32)
    pixels[1, 2, 3] = pixels[2, 39, 49] = value
    write_tiff(tmp_path / "film.tif", pixels)
    np.testing.assert_array_equal(read(tmp_path / "film.tif").pixels, pixels)


def test_an_image_without_rows_is_refused(tmp_path):
    with pytest.warns(UserWarning, match="zero-size"):
        tifffile.imwrite(tmp_path / "film.tif", np.zeros((0, 5), np.uint8))
    assert refusal(tmp_path / "film.tif") == "has no pixels."


def test_an_image_larger_than_the_memory_is_a_sentence(tmp_path, monkeypatch):
    write_png(tmp_path / "film.png", grey())

    def out_of_memory(*arguments):
        raise MemoryError

    monkeypatch.setattr(Image.Image, "load", out_of_memory)
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", out_of_memory)
    assert refusal(tmp_path / "film.png") == "is too large for this computer's memory."


def test_a_short_file_that_claims_a_billion_pixels_is_damaged_and_fills_no_memory(tmp_path):
    write_png(tmp_path / "film.png", grey())
    content = bytearray((tmp_path / "film.png").read_bytes())
    content[16:24] = struct.pack(">II", 200_000, 200_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    (tmp_path / "film.png").write_bytes(content)
    assert refusal(tmp_path / "film.png").startswith("is damaged (it claims 4e+10 bytes of pixels")


def written(folder, kind):
    path = folder / f"film.{kind}"
    smooth = np.add.outer(np.arange(60), np.arange(80)).astype(np.uint8)
    if kind == "tif":
        write_tiff(path, smooth)
    elif kind == "deep.tif":
        stack = np.stack([smooth] * 3).astype(np.uint16)
        tifffile.imwrite(path, stack, photometric="minisblack", metadata=None)
    else:
        Image.fromarray(smooth).save(path)
    return path


@pytest.mark.parametrize("kind", ["png", "jpg", "bmp", "tif", "deep.tif"])
def test_a_cut_file_is_refused_or_whole_wherever_it_is_cut(tmp_path, kind):
    path = written(tmp_path, kind)
    content, whole = path.read_bytes(), read(path).pixels
    refused = 0
    for end in range(1, len(content), max(1, len(content) // 97)):
        path.write_bytes(content[:end])
        try:
            pixels = read(path).pixels
        except RadiographError as error:
            refused += 1
            assert str(path) in str(error)
        else:
            assert np.array_equal(pixels, whole), f"{end} of {len(content)} bytes gave another image"
    assert refused > 80


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["png", "jpg", "bmp", "tif", "deep.tif"]),
    place=st.floats(0, 1, exclude_max=True),
    junk=st.binary(min_size=1, max_size=8),
)
def test_a_damaged_file_is_an_image_or_a_sentence_and_never_another_error(tmp_path, kind, place, junk):
    path = written(tmp_path, kind)
    content = bytearray(path.read_bytes())
    # Most of the structure stands in the first bytes, so half of the damage goes there.
    start = int(place * 2 * 200) if place < 0.5 else int(place * len(content))
    content[start : start + len(junk)] = junk
    path.write_bytes(content)
    try:
        film = read(path)
    except RadiographError as error:
        assert re.match(re.escape(str(path)), str(error))
    else:
        assert film.pixels.dtype.kind in "buif"


@pytest.fixture
def folder(tmp_path):
    for name in ("b.png", "a.PNG", ".hidden.png", "c_overlay.png"):
        write_png(tmp_path / name, grey(), output=name == "c_overlay.png")
    for name in ("a_heatmap.tif", "a_labels.tif", "d.tiff"):
        write_tiff(tmp_path / name, grey(), output=name != "d.tiff")
    (tmp_path / "ground_truth.txt").write_text("1 2 3")
    (tmp_path / "sub.png").mkdir()
    return tmp_path


def test_a_folder_stands_for_its_images_in_order_and_not_for_our_own_outputs(folder):
    assert [path.name for path in image_paths(folder)] == ["a.PNG", "b.png", "d.tiff"]


def test_several_inputs_keep_their_order_and_each_file_comes_once(folder):
    paths = image_paths([folder / "d.tiff", folder, str(folder / "b.png")])
    assert [path.name for path in paths] == ["d.tiff", "a.PNG", "b.png"]


def test_a_named_file_is_passed_through_whatever_it_is(folder):
    assert image_paths([folder / "a_labels.tif"]) == [folder / "a_labels.tif"]
    assert image_paths(folder / "missing.png") == [folder / "missing.png"]


def test_a_folder_without_images_is_refused(folder):
    with pytest.raises(RadiographError, match=r"sub\.png: there is no BMP, JPEG, PNG or TIFF image"):
        image_paths([folder / "sub.png"])


def sized_files(folder):
    """Files of every kind that may hold a pixel size, and some that hold none."""
    write_tiff(folder / "sized.tif", grey(), pixel_size_mm=0.1)
    write_tiff(in_series(folder, "W0003_0002", ".tif"), grey())
    Image.fromarray(grey()).save(folder / "sized.png", dpi=(508, 508))
    write_png(in_series(folder, "W0001_0003"), grey())
    Image.fromarray(grey()).save(folder / "plain.jpg", dpi=(508, 508))
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_pixel_size_of_the_header_is_that_of_reading(tmp_path):
    for path in sized_files(tmp_path):
        film = read(path)
        assert pixel_size_of(path) == (film.pixel_size_mm, film.pixel_size_source)
    assert pixel_size_of(tmp_path / "sized.png") == (pytest.approx(0.05, rel=1e-3), "file")


def test_pixel_size_is_found_without_decoding(tmp_path, monkeypatch):
    def decoded(*arguments, **keywords):
        raise AssertionError("the pixels were decoded")

    files = sized_files(tmp_path)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decoded)
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", decoded)
    monkeypatch.setattr("tifffile.TiffPageSeries.asarray", decoded)
    assert [pixel_size_of(path)[1] for path in files] == ["GDXray", "GDXray", "none", "file", "file"]


def test_pixel_size_of_what_is_no_image_is_a_sentence(tmp_path):
    (tmp_path / "film.png").write_bytes(b"hello")
    (tmp_path / "cut.tif").write_bytes(b"II*\x00\x08\x00")
    for name in ("film.png", "cut.tif", "missing.png"):
        with pytest.raises(RadiographError, match=re.escape(name)):
            pixel_size_of(tmp_path / name)


@pytest.mark.parametrize("photometric", ["miniswhite", "palette", "minisblack"])
def test_stored_numbers_are_seen_as_reading_sees_them(tmp_path, photometric):
    palette = {"colormap": np.tile(np.arange(255, -1, -1, dtype=np.uint16) * 257, (3, 1))}
    extra = palette if photometric == "palette" else {}
    path = tmp_path / "film.tif"
    tifffile.imwrite(path, grey(), photometric=photometric, **extra)
    seen = as_read(path, tifffile.imread(path))
    assert np.array_equal(seen, read(path).pixels)
    assert np.array_equal(seen, grey()) == (photometric == "minisblack")
    edited = tifffile.imread(path) // 2
    assert as_read(path, edited) is edited


def test_what_is_no_tiff_is_seen_as_it_is(tmp_path):
    write_png(tmp_path / "film.png", grey())
    shown = grey()
    assert as_read(tmp_path / "film.png", shown) is shown
