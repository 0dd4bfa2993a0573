"""Simulated parts that are not welds: the same each time, cavities brighter than what is around them."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from napari_weld_fcn.radiograph.output import write_png
from napari_weld_fcn.reproduction.pictures import Casting, gdxray_castings, simulated_castings


def test_simulated_parts_are_the_same_each_time_and_differ() -> None:
    first, second = simulated_castings(2), simulated_castings(2)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
    assert (first[0].pixels != first[1].pixels).any()


def test_cavities_are_brighter_than_what_is_around_them() -> None:
    for part in simulated_castings():
        assert part.pixels.shape == (572, 768) and part.pixels.dtype == np.uint8
        smooth = ndimage.gaussian_filter(part.pixels.astype(float), 20)
        for top, left, bottom, right in part.boxes.astype(int):
            box = (slice(top, bottom + 1), slice(left, right + 1))
            assert (part.pixels[box] - smooth[box]).max() > 15


def test_what_is_marked_is_counted_by_box_and_elsewhere() -> None:
    part = Casting("p", np.zeros((10, 10)), np.array([[0, 0, 1, 4], [8, 8, 9, 9]], float))
    marked = np.zeros((10, 10), bool)
    assert part.found(marked) == (0, 0.0)
    marked[1, 4] = marked[5, :] = True
    assert part.found(marked) == (1, 10 / 86)


def test_castings_without_boxes_are_no_castings_to_show(tmp_path) -> None:
    (tmp_path / "Castings" / "C0001").mkdir(parents=True)
    write_png(tmp_path / "Castings" / "C0001" / "C0001_0001.png", np.zeros((20, 20), np.uint8))
    assert gdxray_castings(tmp_path) == []


def test_the_first_casting_is_shown_before_others_and_damaged_ones_are_left_out(tmp_path) -> None:
    for name in ("C0001", "C0002", "C0003", "C0031", "C0040"):
        folder = tmp_path / "Castings" / name
        folder.mkdir(parents=True)
        for number in (1, 19):
            write_png(folder / f"{name}_{number:04d}.png", np.zeros((20, 20), np.uint8))
        (folder / "ground_truth.txt").write_text("1 3 6 3 6\n19 3 6 3 6\n")
    for path in (tmp_path / "Castings" / "C0002").glob("*.png"):
        path.write_bytes(b"no picture")
    assert [part.name for part in gdxray_castings(tmp_path)] == ["C0031_0019", "C0001_0001", "C0003_0001"]
