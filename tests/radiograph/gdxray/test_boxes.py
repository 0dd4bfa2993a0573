"""Boxes and points are where the file says, counted from 0, and a row that says nothing is told."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat

from napari_weld_fcn.radiograph.gdxray import boxes
from napari_weld_fcn.radiograph.gdxray.boxes import box_line, point_line, read_marks


def marks_of(folder: Path, text: str) -> tuple[list[boxes.Mark], list[str]]:
    (folder / "ground_truth.txt").write_text(text)
    return read_marks(folder)


def test_five_columns_are_a_box_from_one_as_matlab_writes_it(tmp_path):
    text = "   1.9000000e+01   1.5100000e+02   2.5100000e+02   1.4300000e+02   3.2600000e+02\n"
    (mark,), problems = marks_of(tmp_path, text)
    assert (mark.number, mark.box, problems) == (19, (142, 150, 325, 250), [])


@pytest.mark.parametrize("row", ["2 5 9 3 7", "2 9 5 3 7", "2 5 9 7 3", "2 9 5 7 3"])
def test_corners_of_a_box_come_in_any_order(tmp_path, row):
    (mark,), _ = marks_of(tmp_path, row)
    assert mark.box == (2, 4, 6, 8)


def test_nine_columns_are_four_corners_and_keep_their_slant(tmp_path):
    (mark,), _ = marks_of(tmp_path, "3 11 1 21 11 1 11 11 21")
    assert mark.box == (0, 0, 20, 20)
    around = np.roll(mark.corners, -1, axis=0) - mark.corners
    np.testing.assert_allclose(np.abs(around), 10)


def test_three_columns_are_a_point_and_fractions_are_kept(tmp_path):
    (mark,), _ = marks_of(tmp_path, "1 10.5 20.25")
    assert mark.corners.tolist() == [[19.25, 9.5]]


@given(
    box=st.tuples(*[st.floats(0, 4000, width=32)] * 4),
    number=st.integers(1, 9999),
)
def test_a_box_that_is_written_is_read_again(tmp_path_factory, box, number):
    top, left, bottom, right = box
    box = min(top, bottom), min(left, right), max(top, bottom), max(left, right)
    folder = tmp_path_factory.mktemp("boxes")
    (mark, point), problems = marks_of(folder, box_line(number, box) + point_line(number, *box[:2]))
    assert (mark.number, problems) == (number, [])
    np.testing.assert_allclose(mark.box, box, atol=1e-3)
    np.testing.assert_allclose(point.corners[0], box[:2], atol=1e-3)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1 2 3", None),
        ("1 2 three", "row 2: 'three' is not a number"),
        ("1 2,5 3", "'2,5' is not a number"),
        ("1 2 3 4", "row 2: 4 numbers instead of 3, 5 or 9"),
        ("1 nan 3", "not finite"),
        ("1 1e999 3", "not finite"),
        ("1 1e308 3", "1e+308, which is on no film"),
        ("0 2 3", "image number 0"),
        ("-4 2 3", "image number -4"),
    ],
)
def test_a_row_that_says_nothing_is_told_and_the_rest_is_there(tmp_path, row, reason):
    marks, problems = marks_of(tmp_path, f"1 5 6\n{row}\n\n2 7 8\n")
    assert [mark.number for mark in marks] == ([1, 2] if reason else [1, 1, 2])
    if reason:
        (sentence,) = problems
        assert (
            reason in sentence and "1 of its 3 rows are left out" in sentence and "ground_truth" in sentence
        )


def test_many_bad_rows_are_one_sentence(tmp_path):
    marks, (sentence,) = marks_of(tmp_path, "x\n" * 5000)
    assert not marks
    assert "5000 of its 5000 rows" in sentence and len(sentence) < 400


def test_the_image_number_is_rounded(tmp_path):
    marks, _ = marks_of(tmp_path, "2.0000001 1 1\n1.9999999 1 1\n")
    assert [mark.number for mark in marks] == [2, 2]


def test_a_text_that_is_binary_or_too_large_is_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "ground_truth.txt").write_bytes(os.urandom(5000))
    marks, problems = read_marks(tmp_path)
    assert not marks and len(problems) == 1
    monkeypatch.setattr(boxes, "MOST_BYTES", 100)
    assert "too large" in read_marks(tmp_path)[1][0]


def test_matlab_boxes_are_read_where_there_is_no_text(tmp_path):
    savemat(tmp_path / "boundingbox.MAT", {"bb": [[2, 5, 9, 3, 7]], "other": "x"})
    (mark,), problems = read_marks(tmp_path)
    assert (mark.number, mark.box, problems) == (2, (2, 4, 6, 8), [])
    (tmp_path / "ground_truth.txt").write_text("7 1 2 3 4\n")
    assert [mark.number for mark in read_marks(tmp_path)[0]] == [7]


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"cc": [[1, 2, 3, 4, 5]]}, "no variable bb"),
        ({"bb": "boxes"}, "no MATLAB file or a damaged one"),
        ({"bb": {"a": 1}}, "no MATLAB file or a damaged one"),
        ({"bb": np.zeros((2, 2, 5))}, "3 dimensions"),
        ({"bb": np.zeros((2, 4))}, "4 numbers instead of"),
    ],
    ids=["absent", "text", "struct", "volume", "columns"],
)
def test_a_matlab_file_without_boxes_is_a_sentence(tmp_path, variables, reason):
    savemat(tmp_path / "BoundingBox.mat", variables)
    marks, (sentence,) = read_marks(tmp_path)
    assert not marks and reason in sentence and "BoundingBox.mat" in sentence


def test_matlab_7_3_says_what_to_do(tmp_path):
    (tmp_path / "BoundingBox.mat").write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(600, b"\0"))
    assert "save it with -v7" in read_marks(tmp_path)[1][0]


def test_a_folder_without_side_files_has_no_marks_and_no_problem(tmp_path):
    assert read_marks(tmp_path) == ([], [])
