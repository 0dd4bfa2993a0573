"""What is written is read again as it was, and a box stands where its flaw is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_weld_fcn.errors import RadiographError, WeldFcnError
from napari_weld_fcn.radiograph.gdxray.series import open_series
from napari_weld_fcn.radiograph.gdxray.writing import SeriesWriter, box_lines


@given(labels=arrays(np.int32, (7, 9), elements=st.integers(0, 3)), size=st.sampled_from([None, 0.1]))
def test_a_series_comes_back_as_it_was_written(tmp_path_factory, labels, size):
    assume((labels > 0).mean() <= 0.5)  # more is refused: black on white
    folder = tmp_path_factory.mktemp("series")
    pixels = np.arange(63, dtype=np.uint8).reshape(7, 9)
    with SeriesWriter(folder) as writer:
        writer.add(pixels, labels, size)
        writer.add(pixels.astype(np.float32) / 7, None)
    series = open_series(folder)
    first, second = series
    np.testing.assert_array_equal(first.radiograph().pixels, pixels)
    np.testing.assert_array_equal(first.mask(), labels > 0)
    assert first.pixel_size_mm == pytest.approx(size or 0.0403, rel=1e-3)
    expected = [np.argwhere(labels == number) for number in (1, 2, 3) if np.any(labels == number)]
    assert first.boxes.tolist() == [[*places.min(axis=0), *places.max(axis=0)] for places in expected]
    np.testing.assert_array_equal(second.radiograph().pixels, pixels.astype(np.float32) / 7)
    assert second.mask() is None
    assert [problem for problem in series.problems if "no mask for W0001_0002" not in problem] == []


def test_parts_of_a_mask_are_its_flaws_and_diagonals_join():
    mask = np.zeros((10, 10), bool)
    mask[1, 1] = mask[2, 2] = mask[8, 3:6] = True
    boxes = [line.split() for line in box_lines(mask, 4)]
    assert [[float(word) for word in line] for line in boxes] == [[4, 2, 3, 2, 3], [4, 4, 6, 9, 9]]


def test_a_number_as_large_as_a_word_costs_no_memory():
    labels = np.zeros((10, 10), np.int64)
    labels[2, 3], labels[5, 5] = 2**31, 7
    assert len(box_lines(labels, 1)) == 2


def test_what_was_written_before_a_fault_is_a_series(tmp_path):
    with pytest.raises(RadiographError, match="labels have shape"), SeriesWriter(tmp_path) as writer:
        writer.add(np.zeros((4, 5), np.uint8), np.ones((4, 5), bool), name="weld 7")
        writer.add(np.zeros((4, 5), np.uint8), np.ones((5, 4), bool))
    series = open_series(tmp_path)
    assert len(series) == 1 and not series.problems and len(series[0].boxes) == 1
    assert "W0001_0001 was weld 7." in (series.path / "W0001_readme.txt").read_text()


def test_a_file_in_the_way_is_a_sentence(tmp_path):
    (tmp_path / "Welds").touch()
    with pytest.raises(WeldFcnError, match="cannot hold a series"):
        SeriesWriter(tmp_path)
