"""The prediction of a film that validates lies on its film and plane, and is one layer a film."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_weld_fcn.viewer.train.progress import Watching
from napari_weld_fcn.viewer.train.run import Glimpse


def glimpse(plane: int = 0) -> Glimpse:
    return Glimpse(0, plane, np.full((10, 15), 0.5, np.float32), 2)


def test_a_later_run_takes_the_layer_over_on_its_own_plane(viewer: Any) -> None:
    film = viewer.add_image(np.zeros((6, 20, 30), np.uint8), name="stack", scale=(1, 0.5, 0.5))
    for plane in (3, 5):
        assert Watching(viewer, [film], "turbo").show(glimpse(plane))
        (layer,) = (each for each in viewer.layers if each is not film)
        assert layer.translate.tolist() == [plane, 0.25, 0.25]
        assert layer.scale.tolist() == [1, 1, 1]


def test_films_of_one_name_have_layers_of_their_own(viewer: Any) -> None:
    films = [viewer.add_image(np.zeros((20, 30), np.uint8), name="weld") for _ in range(2)]
    films[1].name = films[0].name
    for film in films:
        assert Watching(viewer, [film], "turbo").show(glimpse())
    assert len(viewer.layers) == 4
