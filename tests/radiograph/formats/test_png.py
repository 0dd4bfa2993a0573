"""PNG of every depth and colour type gives its pixels, and damage is told where it matters."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.files import notes_of, pixel_size_of, read, shape_of
from napari_weld_fcn.radiograph.output import write_png
from napari_weld_fcn.radiograph.radiograph import to_luminance


def noise(shape, top=256, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, top, shape).astype(dtype)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(samples, bits, colour_type):
    """A PNG written by hand: the depths and colour types that libraries cannot write."""
    rows, columns = samples.shape[:2]
    values = samples.reshape(rows, -1)
    lines = values.astype(">u2" if bits == 16 else np.uint8) if bits >= 8 else packed(values, bits)
    raw = b"".join(b"\0" + line.tobytes() for line in lines)
    header = struct.pack(">IIBBBBB", columns, rows, bits, colour_type, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def packed(values, bits):
    planes = (values[..., np.newaxis] >> np.arange(bits)[::-1]) & 1
    return np.packbits(planes.reshape(len(values), -1).astype(np.uint8), axis=1)


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.uint16])
def test_grey_png_keeps_its_dtype_and_values(tmp_path, dtype):
    pixels = noise((37, 53), 2 if dtype is np.bool_ else 2**16, np.uint16).astype(dtype)
    write_png(tmp_path / "film.png", pixels)
    film = read(tmp_path / "film.png")
    assert film.pixels.dtype == dtype
    assert np.array_equal(film.pixels, pixels)


@pytest.mark.parametrize("bits", [2, 4])
def test_shallow_grey_png_is_spread_over_8_bits(tmp_path, bits):
    pixels = noise((9, 13), 2**bits)
    (tmp_path / "film.png").write_bytes(png_of(pixels, bits, 0))
    assert np.array_equal(read(tmp_path / "film.png").pixels, pixels * (255 // (2**bits - 1)))


@pytest.mark.parametrize("channels", [3, 4])
def test_colour_png_becomes_luminance_and_transparency_is_ignored(tmp_path, channels):
    colour = noise((600, 31, channels))
    Image.fromarray(colour).save(tmp_path / "film.png")
    film = read(tmp_path / "film.png")
    assert film.pixels.dtype == np.uint8
    assert np.array_equal(film.pixels, to_luminance(colour))


def test_transparent_grey_png_is_its_grey(tmp_path):
    both = noise((9, 13, 2))
    Image.fromarray(both, "LA").save(tmp_path / "film.png")
    assert np.array_equal(read(tmp_path / "film.png").pixels, both[..., 0])


@pytest.mark.parametrize(("channels", "colour_type"), [(3, 2), (4, 6)], ids=["RGB", "RGBA"])
def test_deep_colour_png_keeps_16_bits(tmp_path, channels, colour_type):
    colour = noise((9, 13, channels), 2**16, np.uint16)
    (tmp_path / "film.png").write_bytes(png_of(colour, 16, colour_type))
    film = read(tmp_path / "film.png")
    assert film.pixels.dtype == np.uint16
    assert np.array_equal(film.pixels, to_luminance(colour))


def test_deep_transparent_grey_png_keeps_16_bits(tmp_path):
    both = noise((9, 13, 2), 2**16, np.uint16)
    (tmp_path / "film.png").write_bytes(png_of(both, 16, 4))
    assert np.array_equal(read(tmp_path / "film.png").pixels, both[..., 0])


@pytest.mark.parametrize("transparency", [None, b"\x00\x80\xff"], ids=["opaque", "transparent"])
def test_palette_png_becomes_luminance_of_its_colours(tmp_path, transparency):
    palette, indices = noise((256, 3)), noise((9, 13))
    image = Image.fromarray(indices, "L")
    image.putpalette(palette.tobytes())
    image.save(tmp_path / "film.png", **({"transparency": transparency} if transparency else {}))
    assert np.array_equal(read(tmp_path / "film.png").pixels, to_luminance(palette[indices]))


def test_interlaced_png_is_read(tmp_path):
    pixels = noise((9, 13))
    passes = ("0088", "0488", "4084", "0244", "2042", "0122", "1021")  # first row, column; steps of both
    raw = b""
    for top, left, down, right in (map(int, digits) for digits in passes):
        part = pixels[top::down, left::right]
        raw += b"".join(b"\0" + line.tobytes() for line in part if line.size)
    header = struct.pack(">IIBBBBB", 13, 9, 8, 0, 0, 0, 1)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    (tmp_path / "film.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    assert np.array_equal(read(tmp_path / "film.png").pixels, pixels)


@pytest.mark.parametrize(
    ("dpi", "size_mm"), [(630, 0.0403), (300, 0.0847), (72, None), (96, None), (1, None)], ids=str
)
def test_png_resolution_counts_unless_it_is_a_default(tmp_path, dpi, size_mm):
    Image.fromarray(noise((9, 13))).save(tmp_path / "film.png", dpi=(dpi, dpi))
    film = read(tmp_path / "film.png")
    assert film.pixel_size_mm == (size_mm and pytest.approx(size_mm, rel=2e-3))
    assert film.pixel_size_source == ("file" if size_mm else "none")


def test_animation_is_refused(tmp_path):
    frames = [Image.fromarray(noise((9, 13)) + shift) for shift in (0, 9)]
    frames[0].save(tmp_path / "film.png", save_all=True, append_images=frames[1:])
    with pytest.raises(RadiographError, match=r"film\.png: is an animation of 2 images"):
        read(tmp_path / "film.png")


def test_a_png_with_damaged_pixels_is_told_and_never_read_as_others(tmp_path):
    """Pillow gives other pixels for most of these, without a word."""
    pixels = np.random.default_rng(0).normal(120, 9, (24, 30)).astype(np.uint16)
    Image.fromarray(pixels).save(tmp_path / "film.png")
    whole = (tmp_path / "film.png").read_bytes()
    first = whole.index(b"IDAT") + 4
    for at in range(first, whole.index(b"IEND") - 20, 16):
        (tmp_path / "film.png").write_bytes(whole[:at] + bytes(12) + whole[at + 12 :])
        with pytest.raises(RadiographError, match="check sum of its pixels is wrong"):
            read(tmp_path / "film.png")


@pytest.mark.parametrize("kind", [b"gAMA", b"pHYs", b"tEXt", b"eXIf", b"abCd"])
@pytest.mark.parametrize("last", [False, True], ids=["before the pixels", "after them"])
def test_a_wrong_check_sum_beside_the_pixels_refuses_no_film(tmp_path, kind, last):
    path, pixels = tmp_path / "film.png", noise((9, 13), 2**16, np.uint16)
    Image.fromarray(pixels).save(path, dpi=(508, 508))
    whole = path.read_bytes()
    damaged = chunk(kind, b"\0\0\xb1\x8f")[:-4] + b"oops"
    place = whole.index(b"IEND" if last else b"IDAT") - 4
    path.write_bytes(whole[:place] + damaged + whole[place:])
    film = read(path)
    assert np.array_equal(film.pixels, pixels)
    assert film.pixel_size_mm == pytest.approx(0.05, rel=1e-3)
    assert pixel_size_of(path)[0] == film.pixel_size_mm
    assert shape_of(path) == (pixels.shape, pixels.dtype)


def test_a_wrong_check_sum_of_what_the_pixels_need_is_told(tmp_path):
    path = tmp_path / "film.png"
    Image.fromarray(noise((9, 13))).save(path)
    whole = bytearray(path.read_bytes())
    whole[29] ^= 1
    path.write_bytes(whole)
    with pytest.raises(RadiographError, match=r"film\.png: is a damaged or truncated PNG"):
        read(path)


@pytest.mark.parametrize("last", [False, True], ids=["before the pixels", "after them"])
def test_a_camera_that_was_turned_is_told_and_turns_no_pixel(tmp_path, last):
    path, pixels = tmp_path / "film.png", noise((9, 13))
    Image.fromarray(pixels).save(path)
    exif = Image.Exif()
    exif[274] = 6
    whole = path.read_bytes()
    place = whole.index(b"IEND" if last else b"IDAT") - 4
    path.write_bytes(whole[:place] + chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")) + whole[place:])
    film = read(path)
    assert np.array_equal(film.pixels, pixels)
    (note,) = film.notes
    assert "turned by a quarter to the right" in note
    assert notes_of(path) == film.notes


def test_pixels_that_are_not_square_are_told(tmp_path):
    path = tmp_path / "film.png"
    Image.fromarray(noise((9, 13))).save(path, dpi=(508, 254))
    film = read(path)
    assert (film.pixel_size_mm, film.pixel_size_source) == (None, "none")
    (note,) = film.notes
    assert "0.05 mm wide and 0.1 mm high" in note
