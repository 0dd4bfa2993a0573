"""JPEG and BMP of every depth and colour type give the pixels that the file has."""

import numpy as np
import pytest
from PIL import Image

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.files import notes_of, read
from napari_weld_fcn.radiograph.radiograph import to_luminance


def noise(shape, top=256, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, top, shape).astype(dtype)


def test_film_beyond_pillows_limit_is_read_and_the_limit_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for suffix in ("png", "jpg", "bmp"):
        Image.fromarray(np.full((60, 80), 77, np.uint8)).save(tmp_path / f"film.{suffix}")
        assert (read(tmp_path / f"film.{suffix}").pixels == 77).all()
    assert Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
def test_jpeg_is_read_to_the_decoders_last_digit(tmp_path, colour):
    pixels = noise((40, 56, 3)) if colour else noise((40, 56))
    Image.fromarray(pixels).save(tmp_path / "film.jpg", quality=95, dpi=(630, 630))
    film = read(tmp_path / "film.jpg")
    with Image.open(tmp_path / "film.jpg") as image:
        decoded = np.asarray(image)
    assert np.array_equal(film.pixels, to_luminance(decoded) if colour else decoded)
    assert film.pixel_size_mm is None


def test_jpeg_for_print_is_read(tmp_path):
    Image.fromarray(noise((40, 56, 3))).convert("CMYK").save(tmp_path / "film.jpg")
    film = read(tmp_path / "film.jpg")
    assert (film.pixels.shape, film.pixels.dtype) == ((40, 56), np.uint8)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_bmp_of_every_mode_is_read(tmp_path, mode):
    image = Image.fromarray(noise((9, 13, 3))).convert(mode)
    image.save(tmp_path / "film.bmp")
    expected = np.asarray(image) if mode in "1L" else to_luminance(np.asarray(image.convert("RGB")))
    assert np.array_equal(read(tmp_path / "film.bmp").pixels, expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_camera_that_was_turned_is_told_and_turns_no_pixel(tmp_path, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    upright = tmp_path / "upright.jpg"
    Image.fromarray(noise((40, 56))).save(upright)
    Image.fromarray(noise((40, 56))).save(tmp_path / "film.jpg", exif=exif)
    film = read(tmp_path / "film.jpg")
    assert np.array_equal(film.pixels, read(upright).pixels)
    assert len(film.notes) == (orientation != 1)
    assert film.notes == notes_of(tmp_path / "film.jpg")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_cameras_damaged_notes_are_left_alone(tmp_path):
    Image.fromarray(noise((40, 56))).save(tmp_path / "film.jpg", exif=b"Exif\0\0MM\0*\0\0\xff\xff")
    assert read(tmp_path / "film.jpg").notes == ()


def test_a_jpeg_that_is_cut_in_its_header_is_a_sentence(tmp_path):
    (tmp_path / "film.jpg").write_bytes(b"\xff\xd8\xff\xe0\x00")
    with pytest.raises(RadiographError, match=r"film\.jpg: is a damaged or truncated JPEG"):
        read(tmp_path / "film.jpg")
