"""The prediction of a film that validates, as a layer that follows the training.

One layer a film, updated in place. Whoever deletes it has seen enough: it does not come again in that run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari import Viewer
from napari.layers import Image

from napari_weld_fcn.viewer.belonging import MARK, earlier_output, mark_of
from napari_weld_fcn.viewer.layers import HEATMAP_OPACITY, over_film, placement
from napari_weld_fcn.viewer.pixel_sizes import pixel_edge_mm
from napari_weld_fcn.viewer.training import FilmOfRun, Glimpse

#: What the layer of the film `NAME` is called, and what its mark calls it.
NAME, OUTPUT = "{} in training", "training"


class Watching:
    """Layers over the films of one run.

    Parameters
    ----------
    viewer
        Where the films are.
    films
        The rows' films when the run began; of those that are gone nothing is shown.
    colormap
        napari's name of the colours.
    """

    def __init__(self, viewer: Viewer, films: Sequence[Image], colormap: str) -> None:
        self._viewer, self._films, self._colormap = viewer, list(films), colormap
        self._layers: dict[int, Image] = {}

    def add_film(self, film: FilmOfRun) -> Image:
        """Open a film that no layer shows, as the next row; in pixels where all that is open is."""
        in_pixels = [pixel_edge_mm(layer.scale, layer.units) is None for layer in self._viewer.layers]
        size = None if in_pixels and all(in_pixels) else film.pixel_size_mm
        place: dict[str, Any] = {"scale": (size, size), "units": ("mm", "mm")} if size else {}
        layer = self._viewer.add_image(film.pixels, name=film.name, rgb=False, **place)
        self._films.append(layer)
        return layer

    def show(self, glimpse: Glimpse) -> bool:
        """Show a prediction over its film.

        Returns
        -------
        bool
            False where the user has deleted the layer, or the film.
        """
        film, layer = self._films[glimpse.row], self._layers.get(glimpse.row)
        present = self._viewer.layers
        if film not in present or (layer is not None and layer not in present):
            return False
        data = glimpse.probability if film.ndim == 2 else glimpse.probability[None]
        if layer is None:
            active = present.selection.active
            self._layers[glimpse.row] = self._add(film, data, glimpse)
            present.selection.active = active
        else:
            _show_in(layer, film, data, glimpse)
        return True

    def _add(self, film: Image, data: np.ndarray, glimpse: Glimpse) -> Image:
        earlier = earlier_output(self._viewer, film, OUTPUT, data.shape)
        if isinstance(earlier, Image):
            _show_in(earlier, film, data, glimpse)
            return earlier
        return self._viewer.add_image(
            data,
            name=NAME.format(film.name),
            colormap=over_film(self._colormap),
            contrast_limits=(0, 1),
            opacity=HEATMAP_OPACITY,
            blending="translucent",
            metadata={MARK: mark_of(film, OUTPUT)},
            **_over(film, glimpse),
        )


def _show_in(layer: Image, film: Image, data: np.ndarray, glimpse: Glimpse) -> None:
    place = _over(film, glimpse)
    for name in ("scale", "translate"):  # each one set draws the layer anew
        if not np.array_equal(getattr(layer, name), place[name]):
            setattr(layer, name, place[name])
    layer.data = data


def _over(film: Image, glimpse: Glimpse) -> dict[str, Any]:
    """The keywords that put blocks of pixels over the film, on their plane."""
    place = placement(film)
    grown = np.ones(film.ndim)
    grown[-2:] = glimpse.factor
    moved = np.zeros(film.ndim)
    moved[-2:] = (glimpse.factor - 1) / 2  # the centre of the first block
    if film.ndim > 2:
        moved[-3] = glimpse.plane
    scale = np.asarray(film.scale)
    return place | {"scale": scale * grown, "translate": np.asarray(film.translate) + scale * moved}
