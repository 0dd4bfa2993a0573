"""TIFFs of every number type, compression and layout give the pixels and the size that the file has."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph import tiff
from napari_weld_fcn.radiograph.files import read
from napari_weld_fcn.radiograph.output import write_tiff
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


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [3, 4])
def test_colour_becomes_luminance(path, channels, dtype):
    colour = noise((9, 13, channels), dtype)
    tifffile.imwrite(path, colour, photometric="rgb")
    assert read(path).pixels.dtype == np.dtype(dtype)
    assert np.array_equal(read(path).pixels, to_luminance(colour))


def test_colour_in_separate_planes_becomes_luminance(path):
    colour = noise((3, 9, 13))
    tifffile.imwrite(path, colour, photometric="rgb", planarconfig="separate")
    assert np.array_equal(read(path).pixels, to_luminance(np.moveaxis(colour, 0, -1)))


def test_transparent_grey_is_its_grey(path):
    both = noise((9, 13, 2))
    tifffile.imwrite(path, both, photometric="minisblack", extrasamples=["unassalpha"], planarconfig="contig")
    assert np.array_equal(read(path).pixels, both[..., 0])


def test_palette_becomes_luminance_of_its_colours(path):
    palette = np.random.default_rng(1).integers(0, 2**16, (3, 256)).astype(np.uint16)
    tifffile.imwrite(path, noise(), photometric="palette", colormap=palette)
    assert np.array_equal(read(path).pixels, to_luminance((palette >> 8).astype(np.uint8).T[noise()]))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16"])
def test_film_stored_with_zero_as_white_is_negated(path, dtype):
    stored = noise() > 60 if dtype == "bool" else noise(dtype=dtype)
    tifffile.imwrite(path, stored, photometric="miniswhite", software="scanner")
    seen = ~stored if dtype == "bool" else np.iinfo(dtype).max - stored
    assert np.array_equal(read(path).pixels, seen)


@pytest.mark.parametrize("shape", [(2, 9, 13, 3), (5, 9, 13, 4)], ids=str)
def test_colour_volumes_are_refused(path, shape):
    tifffile.imwrite(path, noise(shape), photometric="rgb")
    with pytest.raises(RadiographError, match=r"film\.tif: holds a volume of colour images \(shape"):
        read(path)


def test_four_dimensions_are_refused(path):
    tifffile.imwrite(path, noise((2, 3, 9, 13)), photometric="minisblack")
    with pytest.raises(RadiographError, match=r"holds an array of axes"):
        read(path)


def test_many_samples_a_pixel_are_refused(path):
    tifffile.imwrite(path, noise((9, 13, 7)), photometric="minisblack", planarconfig="contig")
    with pytest.raises(RadiographError, match="has 7 samples a pixel"):
        read(path)


def test_pages_of_several_sizes_are_refused(path):
    with tifffile.TiffWriter(path) as writer:
        writer.write(noise((90, 130)))
        writer.write(noise((9, 13)))
    with pytest.raises(RadiographError, match=r"holds 2 images of several kinds \(90 x 130, 9 x 13\)"):
        read(path)


def test_pyramids_are_refused(path):
    with tifffile.TiffWriter(path) as writer:
        writer.write(noise((90, 130)), subifds=1)
        writer.write(noise((45, 65)), subfiletype=1)
    with pytest.raises(RadiographError, match=r"\(90 x 130, 45 x 65\)"):
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


@pytest.mark.parametrize(
    ("density", "unit", "size_mm"),
    [
        (630, "INCH", 0.0403),
        (250, "CENTIMETER", 0.04),
        (1, "NONE", None),
        (630, "NONE", None),
        (1, "INCH", None),
        (72, "INCH", None),
        (96, "INCH", None),
        (37.795, "CENTIMETER", None),
    ],
)
def test_resolution_tag_is_the_pixel_size_unless_it_is_no_measurement(path, density, unit, size_mm):
    tifffile.imwrite(path, noise(), resolution=(density, density), resolutionunit=unit)
    film = read(path)
    assert film.pixel_size_mm == (size_mm and pytest.approx(size_mm, rel=1e-3))
    assert film.pixel_size_source == ("file" if size_mm else "none")


def test_what_is_written_with_a_pixel_size_is_read_with_it(path):
    write_tiff(path, noise(), pixel_size_mm=0.0403)
    assert read(path).pixel_size_mm == pytest.approx(0.0403, rel=1e-6)


@pytest.mark.parametrize(
    ("unit", "density", "size_mm"),
    [
        ("mm", 25, 0.04),
        ("micron", 0.025, 0.04),
        ("\\u00B5m", 0.025, 0.04),
        ("inch", 72, 0.3528),
        ("pixel", 1, None),
    ],
)
def test_imagej_calibration_is_the_pixel_size(path, unit, density, size_mm):
    tifffile.imwrite(path, noise((3, 9, 13)), imagej=True, resolution=(density,) * 2, metadata={"unit": unit})
    assert read(path).pixel_size_mm == (size_mm and pytest.approx(size_mm, rel=1e-3))


def test_ome_calibration_is_the_pixel_size(path):
    metadata = {"axes": "YX", "PhysicalSizeX": 40.3, "PhysicalSizeXUnit": "µm"}
    tifffile.imwrite(path, noise(), ome=True, metadata=metadata)
    assert read(path).pixel_size_mm == pytest.approx(0.0403)


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
