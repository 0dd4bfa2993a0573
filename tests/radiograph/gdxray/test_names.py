"""GDXray's names are known, and only they."""

from pathlib import Path

import pytest

from napari_weld_fcn.radiograph.gdxray.folders import GDXrayName, parse_name, series_pixel_size_mm


def test_name_of_a_weld_gives_group_series_and_number():
    assert parse_name("W0001_0003") == GDXrayName("W", 1, 3)
    assert parse_name("C0031_0019") == GDXrayName("C", 31, 19)
    assert parse_name("w0001_0003") == GDXrayName("W", 1, 3)


def test_masks_are_known_by_the_series():
    masks = {"W0001_0001", "W0002_0001", "W0003_0001", "W0004_0001", "C0002_0001"}
    assert {name for name in masks if parse_name(name).is_mask} == {"W0002_0001", "W0004_0001"}


@pytest.mark.parametrize("name", ["", "film", "W0001", "W0001_00031", "X0001_0001", "aW001_0001"])
def test_other_names_are_none(name):
    assert parse_name(name) is None


def test_only_welds_in_their_series_have_a_known_pixel_size():
    sizes = {group: series_pixel_size_mm(Path(f"{group}0001/{group}0001_0001.png")) for group in "BCNSW"}
    assert sizes == {"B": None, "C": None, "N": None, "S": None, "W": 0.0403}


@pytest.mark.parametrize(
    "path",
    ["W0001_0001.png", "Welds/W0001_0001.png", "W0003/W0001_0001.png", "C0001/W0001_0001.png", "W0001/a.png"],
)
def test_a_name_elsewhere_tells_no_pixel_size(path):
    assert series_pixel_size_mm(Path("/films") / path) is None


def test_case_of_letters_is_none_of_the_matter():
    assert series_pixel_size_mm(Path("w0001/W0001_0001.PNG")) == 0.0403
