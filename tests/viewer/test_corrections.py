"""What is painted becomes indications 1..n, each in one plane."""

from __future__ import annotations

import numpy as np

from napari_weld_fcn.viewer.corrections import renumbered


def test_gaps_close_and_order_stays() -> None:
    painted = np.array([[0, 9, 9], [4, 0, 300]], np.uint16)
    assert renumbered(painted).tolist() == [[0, 2, 2], [1, 0, 3]]
    assert not renumbered(np.zeros((2, 2), np.uint16)).any()


def test_number_in_two_planes_becomes_two_indications() -> None:
    painted = np.array([[[1, 0], [5, 0]], [[0, 1], [0, 0]]], np.uint16)
    assert renumbered(painted).tolist() == [[[1, 0], [2, 0]], [[0, 3], [0, 0]]]
