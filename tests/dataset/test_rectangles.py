"""Rectangles from napari's CSV of a Shapes layer and from GDXray's boxes."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Shapes
from napari_builtins.io import napari_write_shapes

from napari_weld_fcn.dataset.plan import read_rectangles
from napari_weld_fcn.errors import SettingsError


def saved(path, shapes, **keywords):
    """Save shapes as napari does."""
    layer = Shapes(shapes, **keywords)
    assert napari_write_shapes(str(path), layer.data, {"shape_type": layer.shape_type})
    return path


def test_shapes_that_napari_saved_are_read_by_their_bounding_boxes(tmp_path) -> None:
    corners = [[[10, 20], [10, 60], [30, 60], [30, 20]], [[5.5, 0], [9.5, 4], [7, 9]]]
    path = saved(tmp_path / "shapes.csv", corners, shape_type=["rectangle", "polygon"])
    found = read_rectangles(path)
    for place, number in ((0, 1), (4, 9)):
        np.testing.assert_array_equal(found.of(place, number), [[10, 20, 30, 60], [5.5, 0, 9.5, 9]])


def test_shapes_of_a_stack_belong_to_the_film_of_their_plane(tmp_path) -> None:
    corners = [[[k, k, 2], [k, k, 6], [k, 9, 6], [k, 9, 2]] for k in (0, 3)]
    found = read_rectangles(saved(tmp_path / "shapes.csv", corners))
    np.testing.assert_array_equal(found.of(3, 1), [[3, 2, 9, 6]])
    assert len(found.of(1, 3)) == 0


def test_boxes_of_gdxray_belong_to_the_image_of_their_number(tmp_path) -> None:
    path = tmp_path / "ground_truth.txt"
    path.write_text("  1.9e+01  1.51e+02  2.51e+02  1.43e+02  3.26e+02\n2 10 5 8 1\n")
    found = read_rectangles(path)
    np.testing.assert_array_equal(found.of(0, 19), [[142, 150, 325, 250]])
    np.testing.assert_array_equal(found.of(0, 2), [[0, 4, 7, 9]])
    assert len(found.of(2, 1)) == 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "there is no rectangle in it"),
        (b"index,shape-type,vertex-index,axis-0,axis-1\n", "there is no rectangle in it"),
        (b"a,b\n1,2\n", "is no CSV of a napari Shapes layer, whose columns are"),
        (
            b"index,shape-type,vertex-index,axis-0,axis-1\n0,rectangle,0,1,x\n",
            "line 2 has coordinates that are no",
        ),
        (
            b"index,shape-type,vertex-index,axis-0,axis-1\n0,rectangle,0,1\n",
            "line 2 has coordinates that are no",
        ),
        (
            b"index,shape-type,vertex-index,axis-0,axis-1\n0,rectangle,0,1,nan\n",
            "line 2 has coordinates that are not",
        ),
        (b"index,axis-0,axis-1,axis-2,axis-3\n0,1,1,1,1\n", "its shapes have 4 axes"),
        (b"\xff\xfe\x00index", "is no CSV of a napari Shapes layer"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "is no CSV of a napari Shapes layer"),
    ],
)
def test_a_file_without_rectangles_is_a_sentence_that_names_it(tmp_path, content, reason) -> None:
    path = tmp_path / "here.csv"
    path.write_bytes(content)
    with pytest.raises(SettingsError) as fault:
        read_rectangles(path)
    assert str(fault.value).startswith(f"{path}: {reason}")


def test_a_file_that_is_not_there_is_a_sentence(tmp_path) -> None:
    with pytest.raises(SettingsError, match=r"no such file; give grid, bead, flaws, or a CSV"):
        read_rectangles(tmp_path / "nowhere")
