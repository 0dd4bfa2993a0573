"""TIFFs of every number type, compression and layout give the pixels and the size that the file has."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.files import notes_of, read, shape_of
from napari_weld_fcn.radiograph.formats import tiff
from napari_weld_fcn.radiograph.radiograph import to_luminance

DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64")


def noise(shape=(37, 53), dtype="uint8"):
    return np.random.default_rng(0).integers(0, 120, shape).astype(dtype)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "film.tif"


@pytest.mark.parametrize("byteorder", ["<", ">"], ids=["little endian", "big endian"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(37, 53), (3, 37, 53)], ids=["plane", "stack"])
def test_tiff_keeps_its_dtype_and_values(path, dtype, shape, byteorder):
    tifffile.imwrite(path, noise(shape, dtype), photometric="minisblack", byteorder=byteorder)
    film = read(path)
    assert film.pixels.dtype == np.dtype(dtype)
    assert film.pixels.dtype.isnative
    assert np.array_equal(film.pixels, noise(shape, dtype))


def test_mask_written_from_a_bool_array_is_that_array(path):
    tifffile.imwrite(path, noise() > 60)
    assert read(path).pixels.dtype == np.bool_
    assert np.array_equal(read(path).pixels, noise() > 60)


@pytest.mark.parametrize("shape", [(1, 9, 13), (1, 1, 9, 13)], ids=str)
def test_axes_of_length_one_are_dropped(path, shape):
    tifffile.imwrite(path, noise(shape))
    assert read(path).pixels.shape == (9, 13)


@pytest.mark.parametrize("shape", [(1, 13), (9, 1), (1, 1)], ids=str)
def test_a_single_row_or_column_is_kept(path, shape):
    tifffile.imwrite(path, noise(shape))
    assert read(path).pixels.shape == shape


def test_pages_without_metadata_are_a_stack(path):
    tifffile.imwrite(path, noise((4, 9, 13)), photometric="minisblack", metadata=None)
    assert np.array_equal(read(path).pixels, noise((4, 9, 13)))


def test_stack_saved_by_another_library_is_a_stack(path):
    frames = [Image.fromarray(plane) for plane in noise((4, 9, 13))]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert np.array_equal(read(path).pixels, noise((4, 9, 13)))


def test_four_dimensions_are_refused(path):
    tifffile.imwrite(path, noise((2, 3, 9, 13)), photometric="minisblack")
    with pytest.raises(RadiographError, match=r"holds an array of axes"):
        read(path)


def test_ome_without_an_order_of_planes_is_a_stack_of_its_pages(path):
    tifffile.imwrite(path, noise((3, 9, 13)), ome=True, metadata={"axes": "ZYX"}, photometric="minisblack")
    content = path.read_bytes()
    order = content[content.index(b"DimensionOrder=") :][: len('DimensionOrder="XYCZT"')]
    path.write_bytes(content.replace(order, b" " * len(order)))
    assert np.array_equal(read(path).pixels, noise((3, 9, 13)))
    assert shape_of(path) == ((3, 9, 13), np.uint8)


def test_many_samples_a_pixel_are_refused(path):
    tifffile.imwrite(path, noise((9, 13, 7)), photometric="minisblack", planarconfig="contig")
    with pytest.raises(RadiographError, match="has 7 samples a pixel"):
        read(path)


def test_films_of_several_sizes_or_depths_are_refused_by_name(path):
    for other in (noise((9, 13)), noise((90, 130), "uint16")):
        with tifffile.TiffWriter(path) as writer:
            writer.write(noise((90, 130)))
            writer.write(other)
        told = rf"holds 2 images .*\(90 x 130, {other.shape[0]} x {other.shape[1]}\).* a file of its own"
        with pytest.raises(RadiographError, match=told):
            read(path)


def pyramid(path, **metadata):
    film = noise((96, 160))
    with tifffile.TiffWriter(path, ome=bool(metadata)) as writer:
        writer.write(film, subifds=2, tile=(16, 16), metadata=metadata or None, photometric="minisblack")
        for step in (2, 4):
            level = np.ascontiguousarray(film[::step, ::step])
            writer.write(level, subfiletype=1, tile=(16, 16), metadata=None, photometric="minisblack")
    return film


def test_of_a_pyramid_the_full_resolution_is_read(path):
    for metadata in ({}, {"axes": "YX"}):
        film = pyramid(path, **metadata)
        assert np.array_equal(read(path).pixels, film)
        assert shape_of(path) == (film.shape, film.dtype)


@pytest.mark.parametrize("first", [False, True], ids=["thumbnail last", "thumbnail first"])
def test_of_a_film_with_a_thumbnail_the_film_is_read(path, first):
    film, small = noise((90, 130)), noise((9, 13))
    pages = [(small, 1), (film, 0)] if first else [(film, 0), (small, 1)]
    with tifffile.TiffWriter(path) as writer:
        for pixels, kind in pages:
            writer.write(pixels, subfiletype=kind, metadata=None, photometric="minisblack")
    assert np.array_equal(read(path).pixels, film)
    assert shape_of(path) == (film.shape, film.dtype)


def test_a_film_below_its_thumbnail_and_beside_a_mask_is_read(path):
    film, small = noise((90, 130)), noise((9, 13))
    with tifffile.TiffWriter(path) as writer:
        writer.write(small, subifds=1, subfiletype=1, metadata=None, photometric="minisblack")
        writer.write(film, metadata=None, photometric="minisblack")
        writer.write(film > 60, subfiletype=4, metadata=None, photometric="mask")
    assert np.array_equal(read(path).pixels, film)


@pytest.mark.parametrize("metadata", [None, {}], ids=["plain", "described"])
def test_pages_appended_one_by_one_are_a_stack(path, metadata):
    films = noise((3, 90, 130))
    for film in films:
        tifffile.imwrite(path, film, append=path.exists(), metadata=metadata, photometric="minisblack")
    assert np.array_equal(read(path).pixels, films)
    assert shape_of(path) == (films.shape, films.dtype)


def test_pages_appended_in_different_packings_are_a_stack(path):
    films = noise((3, 90, 130))
    with tifffile.TiffWriter(path) as writer:
        writer.write(films[0], photometric="minisblack", compression="lzw")
        writer.write(255 - films[1], photometric="miniswhite")
        writer.write(np.stack([films[2]] * 3, axis=2), photometric="rgb", compression="zstd")
    assert np.array_equal(read(path).pixels, films)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_are_in_stored_order_whatever_the_orientation_tag_says(path, orientation):
    """In every packing and arrangement, grey and colour; a tag other than upright is told."""
    grey, colour = noise(), noise((37, 53, 3))
    tag = [("Orientation", "H", 1, orientation, True)]
    for packing in ({}, {"compression": "lzw"}, {"compression": "zlib", "tile": (16, 16)}):
        for pixels, meaning in ((grey, "minisblack"), (255 - grey, "miniswhite")):
            tifffile.imwrite(path, pixels, photometric=meaning, extratags=tag, **packing)
            film = read(path)
            assert np.array_equal(film.pixels, grey)
            assert len(film.notes) == (orientation != 1)
        planes = {"photometric": "rgb", "planarconfig": "separate", "extratags": tag, **packing}
        tifffile.imwrite(path, np.ascontiguousarray(np.moveaxis(colour, 2, 0)), **planes)
        assert np.array_equal(read(path).pixels, to_luminance(colour))
    assert notes_of(path) == film.notes


LOSSLESS = {
    "lzw": DTYPES,
    "zlib": DTYPES,
    "zstd": DTYPES,
    "lzma": DTYPES,
    "packbits": DTYPES,
    "lerc": ("uint8", "uint16", "int16", "float32"),
    "png": ("uint8", "uint16"),
    "jpegxl": ("uint8", "uint16", "float32"),
    "jpeg2000": ("uint8", "uint16"),
}


@pytest.mark.parametrize("compression", LOSSLESS)
def test_every_lossless_packing_gives_the_pixels_back(path, compression):
    for dtype in LOSSLESS[compression]:
        tifffile.imwrite(path, noise(dtype=dtype), photometric="minisblack", compression=compression)
        assert np.array_equal(read(path).pixels, noise(dtype=dtype))


def test_colour_packed_as_webp_is_read(path):
    colour = np.repeat(noise()[..., np.newaxis], 3, axis=2)
    packing = {"compression": "webp", "compressionargs": {"lossless": True}}
    tifffile.imwrite(path, colour, photometric="rgb", **packing)
    assert np.array_equal(read(path).pixels, noise())


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize(
    ("predictor", "dtype"), [(2, "uint16"), (2, "int32"), (3, "float32"), (3, "float64")]
)
def test_differences_of_neighbours_are_summed_up(path, predictor, dtype, byteorder):
    for packing in ({"compression": "lzw"}, {"compression": "zstd", "tile": (16, 16)}):
        stored = {"predictor": predictor, "byteorder": byteorder, "photometric": "minisblack", **packing}
        tifffile.imwrite(path, noise(dtype=dtype), **stored)
        assert np.array_equal(read(path).pixels, noise(dtype=dtype))


@pytest.mark.parametrize("tag", [5, 7, 32946, 34712, 34887, 34925, 34926, 34934, 50000, 50001, 50002, 65535])
def test_whatever_a_decoder_says_is_a_sentence_for_the_file(path, tag):
    """The pixels are no data of the packing that the tag tells, and of some there is no decoder."""
    tifffile.imwrite(path, noise(), photometric="minisblack", compression="packbits")
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages[0].tags["Compression"].overwrite(tag)
    with pytest.raises(RadiographError, match=r"film\.tif: .*\.$") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_a_film_whose_strips_were_never_written_is_refused(path):
    tifffile.imwrite(path, noise(), photometric="minisblack", compression="lzw", rowsperstrip=10)
    with tifffile.TiffFile(path, mode="r+") as tif:
        counts = tif.pages[0].tags["StripByteCounts"]
        counts.overwrite((*counts.value[:-1], 0))
    with pytest.raises(RadiographError, match=r"lacks the pixels of 1 of its 4 strips"):
        read(path)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_deflate", "packbits", "tiff_adobe_deflate"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_every_lossless_compression_of_scanners_is_read(path, compression, dtype):
    Image.fromarray(noise(dtype=dtype)).save(path, compression=compression)
    assert read(path).pixels.dtype == np.dtype(dtype)
    assert np.array_equal(read(path).pixels, noise(dtype=dtype))


def test_stack_packed_by_lzw_is_read(path):
    frames = [Image.fromarray(plane) for plane in noise((4, 9, 13))]
    frames[0].save(path, save_all=True, append_images=frames[1:], compression="tiff_lzw")
    assert np.array_equal(read(path).pixels, noise((4, 9, 13)))


@pytest.mark.parametrize("compression", ["group3", "group4", "packbits"])
def test_bilevel_fax_compressions_are_read(path, compression):
    Image.fromarray(noise() > 60).save(path, compression=compression)
    assert np.array_equal(read(path).pixels, noise() > 60)


def test_colour_packed_by_lzw_is_read(path):
    Image.fromarray(noise((9, 13, 3))).save(path, compression="tiff_lzw")
    assert np.array_equal(read(path).pixels, to_luminance(noise((9, 13, 3))))


def test_colour_packed_as_jpeg_is_read(path):
    colour = np.full((32, 48, 3), (200, 100, 50), np.uint8)
    Image.fromarray(colour).save(path, compression="jpeg", quality=95)
    assert np.abs(read(path).pixels - to_luminance(colour).astype(float)).max() < 4


def test_large_plain_film_is_mapped_and_a_packed_one_is_loaded(path, monkeypatch):
    monkeypatch.setattr(tiff, "MAPPED_FROM_BYTES", 1000)
    tifffile.imwrite(path, noise(), photometric="minisblack")
    assert isinstance(read(path).pixels, np.memmap)
    assert np.array_equal(read(path).pixels, noise())
    tifffile.imwrite(path, noise(), photometric="minisblack", compression="zlib")
    assert not isinstance(read(path).pixels, np.memmap)


def test_mapped_stack_of_contiguous_planes_has_them_in_order(path, monkeypatch):
    monkeypatch.setattr(tiff, "MAPPED_FROM_BYTES", 1000)
    tifffile.imwrite(path, noise((4, 19, 13), "uint16"), photometric="minisblack")
    film = read(path)
    assert isinstance(film.pixels, np.memmap)
    assert np.array_equal(film.pixels, noise((4, 19, 13), "uint16"))


def test_cut_mapped_film_is_called_truncated(path, monkeypatch):
    monkeypatch.setattr(tiff, "MAPPED_FROM_BYTES", 1000)
    tifffile.imwrite(path, noise(), photometric="minisblack")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RadiographError, match="is truncated"):
        read(path)


def test_stack_with_a_broken_chain_of_pages_is_refused_and_nothing_is_logged(path, caplog):
    tifffile.imwrite(path, noise((4, 9, 13)), photometric="minisblack", metadata=None)
    with tifffile.TiffFile(path) as tif:
        cut = tif.pages[3].offset
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(RadiographError, match=r"damaged|truncated"):
        read(path)
