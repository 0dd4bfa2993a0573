"""A TIFF's pixel size is found wherever a program may have put it, and believed where it is a measurement."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_weld_fcn.radiograph.files import pixel_size_of, read
from napari_weld_fcn.radiograph.output import write_tiff


def noise(shape=(37, 53)):
    return np.random.default_rng(0).integers(0, 120, shape).astype(np.uint8)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "film.tif"


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


@pytest.mark.parametrize(
    ("unit", "density"),
    [("millimeter", 25), ("micrometer", 0.025), ("micrometre", 0.025), ("Microns", 0.025), ("inches", 635)],
)
def test_imagejs_units_count_in_every_spelling(path, unit, density):
    tifffile.imwrite(path, noise(), imagej=True, resolution=(density,) * 2, metadata={"unit": unit})
    assert read(path).pixel_size_mm == pytest.approx(0.04, rel=1e-3)


def test_ome_without_a_size_hides_no_resolution_tag(path):
    for size in ({}, {"PhysicalSizeX": 1, "PhysicalSizeXUnit": "pixel"}):
        metadata = {"axes": "YX", **size}
        tag = {"resolution": (250, 250), "resolutionunit": "CENTIMETER"}
        tifffile.imwrite(path, noise(), ome=True, metadata=metadata, **tag)
        assert read(path).pixel_size_mm == pytest.approx(0.04)


@pytest.mark.parametrize("size", ["0,04", "unknown", ""])
def test_ome_with_a_size_that_is_no_number_costs_neither_film_nor_resolution_tag(path, size):
    pixels = noise()
    metadata = {"axes": "YX", "PhysicalSizeX": size, "PhysicalSizeXUnit": "mm"}
    tag = {"resolution": (250, 250), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(path, pixels, ome=True, metadata=metadata, **tag)
    found = read(path)
    np.testing.assert_array_equal(found.pixels, pixels)
    assert found.pixel_size_mm == pytest.approx(0.04)


@pytest.mark.parametrize(("unit", "density"), [(4, 25), (5, 0.025)], ids=["mm", "um"])
def test_tags_in_millimetres_and_micrometres_count(path, unit, density):
    tifffile.imwrite(path, noise(), resolution=(density, density), resolutionunit=unit)
    assert read(path).pixel_size_mm == pytest.approx(0.04, rel=1e-3)


def test_a_resolution_along_the_rows_alone_is_that_of_square_pixels(path):
    Image.fromarray(noise()).save(path, tiffinfo={282: 250.0, 296: 3})
    assert read(path).pixel_size_mm == pytest.approx(0.04)


@pytest.mark.parametrize("how", ["tag", "imagej", "ome"])
def test_pixels_that_are_not_square_have_no_size_and_that_is_told(path, how):
    kinds = {
        "tag": {"resolution": (250, 500), "resolutionunit": "CENTIMETER"},
        "imagej": {"imagej": True, "resolution": (25, 50), "metadata": {"unit": "mm"}},
        "ome": {"ome": True, "metadata": {"axes": "YX", "PhysicalSizeX": 40.0, "PhysicalSizeY": 20.0}},
    }
    tifffile.imwrite(path, noise(), **kinds[how])
    film = read(path)
    assert (film.pixel_size_mm, film.pixel_size_source) == pixel_size_of(path) == (None, "none")
    (note,) = film.notes
    assert note.startswith("film.tif: its pixels are 0.04 mm wide and 0.02 mm high, not square")
