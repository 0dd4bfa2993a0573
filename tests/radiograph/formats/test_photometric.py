"""A film saved with any meaning of its samples is the grey that was on the light box."""

import struct

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_weld_fcn import SimulationSettings, simulate
from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.files import as_read, read, shape_of
from napari_weld_fcn.radiograph.radiograph import to_luminance

FILM = np.asarray(simulate(SimulationSettings(rows=64, columns=96), seed=11).radiograph.pixels)
DEEP = FILM.astype(np.uint16) * 257
COLOUR = np.random.default_rng(0).integers(0, 256, (16, 24, 3)).astype(np.uint8)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "film.tif"


def seen(path, expected):
    """The pixels are those expected, by header, by reading, and where a viewer shows what is stored."""
    film = read(path)
    assert film.pixels.dtype == expected.dtype
    np.testing.assert_array_equal(film.pixels, expected)
    assert shape_of(path) == (expected.shape, expected.dtype)
    shown = tifffile.imread(path)
    corrected = as_read(path, shown)
    if corrected.shape != expected.shape:
        corrected = to_luminance(corrected)
    np.testing.assert_array_equal(corrected, expected)


def packed_tiff(places, bits, meaning, lzw=False, palette=None):
    """A TIFF of one strip whose rows of packed bits begin with a byte, written by hand."""
    digits = (places[..., np.newaxis] >> np.arange(bits)[::-1]) & 1
    rows = np.packbits(digits.reshape(len(places), -1).astype(np.uint8), axis=1).tobytes()
    data = imagecodecs.lzw_encode(rows) if lzw else rows
    data += b"\0" * (len(data) % 2)
    colours = b"" if palette is None else palette.astype("<u2").tobytes()
    entries = {
        256: (4, 1, places.shape[1]),
        257: (4, 1, places.shape[0]),
        258: (3, 1, bits),
        259: (3, 1, 5 if lzw else 1),
        262: (3, 1, meaning),
        273: (4, 1, 8),
        277: (3, 1, 1),
        278: (4, 1, places.shape[0]),
        279: (4, 1, len(data)),
        320: (3, len(colours) // 2, 8 + len(data)),
    }
    used = {tag: entry for tag, entry in entries.items() if entry[1]}
    directory = b"".join(struct.pack("<HHII", tag, *entry) for tag, entry in used.items())
    start = struct.pack("<2sHI", b"II", 42, 8 + len(data) + len(colours))
    return start + data + colours + struct.pack("<H", len(used)) + directory + bytes(4)


def black_ink(grey):
    none = np.zeros_like(grey)
    return np.stack([none, none, none, np.iinfo(grey.dtype).max - grey], axis=2)


def three_inks(grey):
    ink = np.iinfo(grey.dtype).max - grey
    return np.stack([ink, ink, ink, np.zeros_like(grey)], axis=2)


@pytest.mark.parametrize("grey", [FILM, DEEP], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize("inks", [black_ink, three_inks])
def test_grey_printed_in_ink_is_that_grey(path, inks, grey):
    for compression in (None, "lzw"):
        tifffile.imwrite(path, inks(grey), photometric="separated", compression=compression)
        seen(path, grey)
        planes = {"photometric": "separated", "planarconfig": "separate", "compression": compression}
        tifffile.imwrite(path, np.moveaxis(inks(grey), 2, 0), **planes)
        np.testing.assert_array_equal(read(path).pixels, grey)


@pytest.mark.parametrize("inks", [black_ink, three_inks])
@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_grey_printed_in_ink_and_packed_as_jpeg_is_nearly_that_grey(tmp_path, inks, suffix):
    path = tmp_path / f"film.{suffix}"
    packing = {"compression": "jpeg"} if suffix == "tif" else {}
    Image.frombytes("CMYK", FILM.shape[::-1], inks(FILM).tobytes()).save(path, quality=100, **packing)
    assert np.abs(read(path).pixels.astype(int) - FILM).max() <= 3


def test_a_viewers_ink_of_a_jpeg_is_seen_as_grey(tmp_path):
    Image.frombytes("CMYK", FILM.shape[::-1], black_ink(FILM).tobytes()).save(tmp_path / "film.jpg")
    with Image.open(tmp_path / "film.jpg") as image:
        shown = np.asarray(image)
    np.testing.assert_array_equal(as_read(tmp_path / "film.jpg", shown), read(tmp_path / "film.jpg").pixels)


@pytest.mark.parametrize("lightness", ["cielab", "icclab", "itulab"])
def test_lightness_is_grey(path, lightness):
    nothing = np.zeros_like(FILM)
    tifffile.imwrite(path, np.stack([FILM, nothing, nothing], axis=2), photometric=lightness)
    seen(path, FILM)


def ycbcr(colour):
    return np.asarray(Image.fromarray(colour).convert("YCbCr"))


def test_grey_in_ycbcr_is_that_grey(path):
    colourless = np.full_like(FILM, 128)
    samples = np.stack([FILM, colourless, colourless], axis=2)
    tifffile.imwrite(path, samples, photometric="ycbcr", subsampling=(1, 1))
    seen(path, FILM)


def test_colour_in_ycbcr_is_the_luminance_of_the_colour(path):
    tifffile.imwrite(path, ycbcr(COLOUR), photometric="ycbcr", subsampling=(1, 1))
    expected = to_luminance(np.asarray(Image.fromarray(ycbcr(COLOUR), "YCbCr").convert("RGB")))
    assert np.abs(read(path).pixels.astype(int) - expected).max() <= 1


def test_video_levels_of_ycbcr_are_spread_as_the_file_says(path):
    levels = (16, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1)
    narrow = np.rint(16 + FILM * (219 / 255)).astype(np.uint8)
    samples = np.stack([narrow, np.full_like(FILM, 128), np.full_like(FILM, 128)], axis=2)
    tifffile.imwrite(path, samples, photometric="ycbcr", subsampling=(1, 1))
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages[0].tags["ReferenceBlackWhite"].overwrite(levels)
    assert np.abs(read(path).pixels.astype(int) - FILM).max() <= 1


def test_unpacked_ycbcr_with_fewer_colours_than_pixels_is_a_sentence(path):
    tifffile.imwrite(path, ycbcr(COLOUR), photometric="ycbcr", subsampling=(1, 1))
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages[0].tags["YCbCrSubSampling"].overwrite((2, 2))
    with pytest.raises(RadiographError, match=r"film\.tif: its pixels cannot be unpacked .*subsampling"):
        read(path)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_jpeg_in_tiff_is_what_pillow_makes_of_it(path, mode):
    smooth = np.add.outer(np.arange(64), np.arange(96)).astype(np.uint8)
    image = Image.fromarray(np.stack([smooth, 255 - smooth, smooth // 2], axis=2)).convert(mode)
    image.save(path, compression="jpeg", quality=95)
    with Image.open(path) as decoded:
        shown = np.asarray(decoded)
    expected = to_luminance(shown) if mode == "RGB" else shown
    assert np.abs(read(path).pixels.astype(int) - expected).max() <= 2


UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
SIGNED = ("int8", "int16", "int32", "int64")


@pytest.mark.parametrize("dtypes", [UNSIGNED, SIGNED], ids=["unsigned", "signed"])
def test_white_as_zero_is_turned_over_all_numbers_of_a_type(path, dtypes):
    for dtype in dtypes:
        limits = np.iinfo(dtype)
        grey = (FILM.astype(object) * ((limits.max - limits.min) // 255) + limits.min).astype(dtype)
        stored = (limits.max + limits.min - grey.astype(object)).astype(dtype)
        for byteorder in "<>":
            tifffile.imwrite(path, stored, photometric="miniswhite", byteorder=byteorder)
            seen(path, grey)


def test_white_as_zero_is_turned_within_the_range_of_floats(path):
    for dtype in ("float16", "float32", "float64"):
        unit = (FILM / 256).astype(dtype)
        tifffile.imwrite(path, 1 - unit, photometric="miniswhite")
        seen(path, unit)
        counts = (FILM.astype(np.float64) - 90).astype(dtype)
        tifffile.imwrite(path, counts.max() + counts.min() - counts, photometric="miniswhite")
        seen(path, counts)


def test_white_as_zero_is_turned_beside_pixels_that_are_no_number(path):
    grey = (FILM * 2.0).astype(np.float32)
    stored = grey.max() + grey.min() - grey
    stored[3, 4], grey[3, 4] = np.nan, np.nan
    tifffile.imwrite(path, stored, photometric="miniswhite")
    seen(path, grey)


def test_white_as_zero_is_turned_once_however_it_is_packed(path):
    for compression, predictor in (("zlib", 2), ("lzw", None), ("lzw", 2), ("zstd", 2)):
        for grey, stored in ((FILM, 255 - FILM), (FILM.astype(np.int16), ~FILM.astype(np.int16))):
            packing = {"compression": compression, "predictor": predictor}
            tifffile.imwrite(path, stored, photometric="miniswhite", **packing)
            seen(path, grey)


def test_white_as_zero_is_turned_where_pillow_wrote_it(path):
    for compression in ("raw", "tiff_lzw", "packbits"):
        Image.fromarray(FILM).save(path, compression=compression, tiffinfo={262: 0})
        seen(path, FILM)
    Image.fromarray(FILM).save(path, compression="jpeg", quality=100, tiffinfo={262: 0})
    assert np.abs(read(path).pixels.astype(int) - FILM).max() <= 3


@pytest.mark.parametrize("meaning", [0, 1], ids=["white is 0", "black is 0"])
def test_one_bit_is_black_and_white_as_a_viewer_shows_it(path, meaning):
    for compression in ("raw", "group3", "group4", "packbits", "tiff_ccitt", "tiff_lzw"):
        Image.fromarray(FILM.mean() < FILM).save(path, compression=compression, tiffinfo={262: meaning})
        with Image.open(path) as image:
            shown = np.asarray(image).astype(bool)
        seen(path, shown)


@pytest.mark.parametrize("turned", [False, True], ids=["black is 0", "white is 0"])
@pytest.mark.parametrize("lzw", [False, True], ids=["plain", "lzw"])
def test_packed_bits_are_read(path, lzw, turned):
    """Of an odd width, so that rows do not end with a byte; fewer than 8 bits are spread as in a PNG."""
    for bits in (2, 4, 6, 10, 12, 14):
        white = 2**bits - 1
        grey = FILM[:, :91].astype(np.uint32) * white // 255
        path.write_bytes(packed_tiff(white - grey if turned else grey, bits, 0 if turned else 1, lzw))
        seen(path, np.rint(grey * (255 / white)).astype(np.uint8) if bits < 8 else grey.astype(np.uint16))


def test_places_in_a_palette_are_the_luminance_of_its_colours(path):
    for bits in (1, 2, 4, 8, 16):
        palette = np.random.default_rng(1).integers(0, 2**16, (3, 2**bits))
        places = np.random.default_rng(2).integers(0, 2**bits, (9, 13))
        if bits == 16:
            tifffile.imwrite(path, places.astype(np.uint16), photometric="palette", colormap=palette)
        else:
            path.write_bytes(packed_tiff(places, bits, 3, palette=palette))
        deep = np.uint16 if bits == 16 else np.uint8
        seen(path, to_luminance((palette.T if bits == 16 else palette.T >> 8).astype(deep)[places]))


@pytest.mark.parametrize("compression", [None, "lzw", "zstd"])
def test_colour_is_its_luminance_in_every_arrangement(path, compression):
    for dtype in ("uint8", "uint16", "float32"):
        colour = COLOUR.astype(dtype)
        tile = {"tile": (16, 16)} if compression == "zstd" else {}
        for planes, samples in (("contig", colour), ("separate", np.moveaxis(colour, 2, 0))):
            packing = {"photometric": "rgb", "planarconfig": planes, "compression": compression, **tile}
            tifffile.imwrite(path, np.ascontiguousarray(samples), **packing)
            np.testing.assert_array_equal(read(path).pixels, to_luminance(colour))


def test_pages_of_colour_are_a_stack_of_their_luminance(path):
    pages = np.stack([COLOUR, COLOUR[::-1]])
    tifffile.imwrite(path, pages, photometric="rgb")
    seen(path, to_luminance(pages))


def test_what_comes_beside_grey_and_colour_is_left_out(path):
    beside = np.full((16, 24), 7, np.uint8)
    for depth, meaning, extra in ((3, "rgb", 2), (3, "rgb", 1), (1, "minisblack", 1), (1, "minisblack", 2)):
        samples = np.dstack([COLOUR[..., :depth], *[beside] * extra])
        kinds = ["unassalpha", "assocalpha"][:extra]
        tifffile.imwrite(path, samples, photometric=meaning, extrasamples=kinds, planarconfig="contig")
        expected = to_luminance(COLOUR) if depth == 3 else COLOUR[..., 0]
        np.testing.assert_array_equal(read(path).pixels, expected)


def test_other_inks_and_raw_pictures_of_cameras_are_a_sentence(path):
    tags = [("InkSet", "H", 1, 2, True)]
    tifffile.imwrite(path, black_ink(FILM), photometric="separated", extratags=tags)
    with pytest.raises(RadiographError, match=r"film\.tif: it has 4 samples a pixel that mean SEPARATED"):
        read(path)
    tifffile.imwrite(path, FILM, photometric="cfa")
    with pytest.raises(RadiographError, match=r"that mean CFA, .*save it as grey or as RGB"):
        read(path)
