"""What was left out of a prediction can be looked at as a rectangle."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel

from napari_weld_fcn.viewer.layers import show_area


def test_the_film_area_is_a_rectangle_over_the_film_and_renewed() -> None:
    viewer = ViewerModel()
    film = viewer.add_image(np.zeros((60, 80), np.uint8), name="weld", scale=(0.1, 0.1))
    for area in ([10, 20, 50, 70], [12, 20, 50, 70]):
        layer = show_area(viewer, film, [{"area": area, "excluded": 0.5}])
        assert layer is not None
        np.testing.assert_array_equal(layer.data[0].min(axis=0), [area[0] - 0.5, 19.5])
        np.testing.assert_array_equal(layer.data[0].max(axis=0), [49.5, 69.5])
        np.testing.assert_array_equal(layer.scale, film.scale)
    assert [each.name for each in viewer.layers] == ["weld", "weld film area"]
    assert show_area(viewer, film, [{"area": [0, 0, 60, 80], "excluded": 0.0}]) is None
    assert [each.name for each in viewer.layers] == ["weld"]
