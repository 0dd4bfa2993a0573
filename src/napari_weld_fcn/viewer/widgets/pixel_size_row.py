"""The words below the field of the pixel size: what is in force for the chosen film, and from where."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import ComboBox, FloatSpinBox, Label
from napari.layers import Image

from napari_weld_fcn.viewer.pixel_sizes import size_of
from napari_weld_fcn.viewer.preferences import preferences


class PixelSizeRow:
    """Follows a film and a field.

    Parameters
    ----------
    film
        In which the image layer is chosen.
    field
        The size that is typed for this run; 0 for none.

    Attributes
    ----------
    words
        The line to lay out.
    """

    def __init__(self, film: ComboBox, field: FloatSpinBox) -> None:
        self._film, self._field = film, field
        self._followed: Image | None = None
        self.words = Label(label="")
        self.words.native.setWordWrap(True)
        for each in (film, field):
            each.changed.connect(self.show)
        self.show()

    def show(self, _: Any = None) -> None:
        """Say what is in force now."""
        film = self._film.value
        self._follow(film)
        self.words.value = (
            "" if film is None else str(size_of(film, self._field.value, preferences().pixel_size_mm))
        )

    def _follow(self, film: Image | None) -> None:
        """Hear of the scale and the units of the chosen layer, and of no other."""
        if film == self._followed:
            return
        for layer, connect in ((self._followed, False), (film, True)):
            if layer is not None:
                for event in (layer.events.scale, layer.events.units):
                    (event.connect if connect else event.disconnect)(self.show)
        self._followed = film
