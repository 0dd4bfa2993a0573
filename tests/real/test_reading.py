"""Every real radiograph is read with the size, the depth and the pixel size that it has."""

import numpy as np
import pytest

from napari_weld_fcn.radiograph.files import read
from napari_weld_fcn.radiograph.image_paths import image_paths

CROPS = [
    ("GDXray/Welds/W0001/W0001_0001.png", (366, 3512), np.uint8),
    ("GDXray/Castings/C0031/C0031_0019.png", (572, 768), np.uint8),
    ("pore_crop/image.png", (366, 250), np.uint8),
    ("pore_crop/mask.png", (366, 250), np.bool_),
    ("castings/large_wheel.png", (572, 768), np.uint8),
    ("castings/plate.png", (572, 748), np.uint8),
    ("castings/wheel.png", (470, 610), np.uint8),
]
TILES = [
    (f"tiles/Welds/{series}/{series}_{film:04d}.png", (321, 321), dtype)
    for series, dtype in (("W0001", np.uint8), ("W0002", np.bool_))
    for film in (2, 4, 6, 8, 10)
]
FIVE = [
    (f"gdxray_five/Welds/{series}/{series}_{film:04d}.png", shape, dtype)
    for series, dtype in (("W0001", np.uint8), ("W0002", np.bool_))
    for film, shape in (
        (2, (835, 4919)),
        (4, (527, 4968)),
        (6, (775, 4964)),
        (8, (756, 4968)),
        (10, (1091, 4953)),
    )
]
OTHERS = [
    (f"w0003/W0003_{film:04d}.png", shape, np.uint8)
    for film, shape in (
        (11, (1325, 4942)),
        (19, (1298, 4964)),
        (27, (1298, 4998)),
        (34, (1285, 4992)),
        (47, (2013, 4830)),
        (60, (1281, 4984)),
    )
]
PATCHES = [
    (f"riawelc/{word}_{number:02d}.png", (227, 227), np.uint8)
    for word in ("cr", "lp", "nd", "po")
    for number in range(1, 6)
]
KNOWN = [*CROPS, *TILES, *FIVE, *OTHERS, *PATCHES]


@pytest.mark.parametrize(("name", "shape", "dtype"), KNOWN, ids=[name for name, *_ in KNOWN])
def test_real_file_has_its_size_and_depth(real_data, name, shape, dtype):
    film = read(real_data / name)
    assert film.pixels.shape == shape
    assert film.pixels.dtype == dtype


def test_no_real_image_is_left_out_of_these_tests(real_data):
    here = {path.relative_to(real_data).as_posix() for path in real_data.rglob("*.png")}
    assert here == {name for name, *_ in KNOWN}


def test_welds_of_gdxray_have_40_um_pixels_and_others_none(real_data):
    film = read(real_data / "GDXray/Welds/W0001/W0001_0001.png")
    assert (film.pixel_size_mm, film.pixel_size_source) == (0.0403, "GDXray")
    assert read(real_data / "GDXray/Castings/C0031/C0031_0019.png").pixel_size_mm is None
    assert read(real_data / "pore_crop/image.png").pixel_size_mm is None


def test_a_series_of_gdxray_gives_its_films_and_not_its_side_files(real_data):
    assert [path.name for path in image_paths(real_data / "GDXray/Castings/C0031")] == ["C0031_0019.png"]
    assert len(image_paths(real_data / "tiles/Welds/W0001")) == 5
    five = image_paths(real_data / "gdxray_five/Welds/W0001")
    assert [path.name for path in five] == [f"W0001_{film:04d}.png" for film in (2, 4, 6, 8, 10)]
    assert len(image_paths(real_data / "w0003")) == 6


def test_masks_mark_a_small_part_and_film_8_none(real_data):
    share = {
        film: read(real_data / f"tiles/Welds/W0002/W0002_{film:04d}.png").pixels.mean()
        for film in (2, 4, 6, 8, 10)
    }
    assert share.pop(8) == 0
    assert all(0.001 < part < 0.1 for part in share.values())


def test_palette_casting_becomes_grey_levels_and_not_indices(real_data):
    film = read(real_data / "castings/large_wheel.png")
    assert film.pixels.max() > 200
    assert film.pixels.std() > 20
