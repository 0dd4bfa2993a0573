"""The films to train with, in rows.

One film to train with: its layer, its labels, what was looked at, and whether it validates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from magicgui.widgets import ComboBox
from napari import Viewer
from napari.layers import Image, Labels, Shapes
from qtpy.QtCore import Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_weld_fcn.viewer.belonging import films, is_output_layer
from napari_weld_fcn.viewer.films import labels_for, plane_shape, truth_of
from napari_weld_fcn.viewer.form import button, wrapped
from napari_weld_fcn.viewer.layers import placement
from napari_weld_fcn.viewer.train.labelled import Row


class FilmRows(QWidget):
    """Rows, one for each film to train with, and a button for one more.

    Parameters
    ----------
    viewer
        Whose layers are offered.
    changed
        Called when the films would be others.
    labelled
        Whether they have labels.
    least
        So many rows stay, with or without a film.
    elsewhere
        Tells the films that a new row does not choose by itself.
    """

    def __init__(
        self,
        viewer: Viewer,
        changed: Callable[[], object],
        *,
        labelled: bool = True,
        least: int = 1,
        elsewhere: Callable[[], Iterable[Image]] = tuple,
    ) -> None:
        super().__init__()
        self._viewer, self._changed = viewer, changed
        self._labelled, self._least, self._elsewhere = labelled, least, elsewhere
        self._may_validate = True
        self.rows: list[FilmRow] = []
        self.more = button("Add film", self.add, "One more row, for the next film of the viewer")
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.buttons = QHBoxLayout()
        self.buttons.addWidget(self.more)
        self._layout.addLayout(self.buttons)
        for _ in range(least):
            self.add()
        self._show_buttons()

    def values(self) -> list[Row]:
        """What the rows say, those without a film left out."""
        return [value for row in self.rows if (value := row.value()) is not None]

    def add(self) -> None:
        """Add a row, with the next film that no row has."""
        row = FilmRow(self._viewer, self._changed, self.remove, labelled=self._labelled)
        row.validates.setVisible(self._may_validate)
        taken = [*(other.film.value for other in self.rows), *self._elsewhere()]
        free = [film for film in films(self._viewer)[::-1] if film not in taken]
        self.rows.append(row)
        self._layout.insertWidget(len(self.rows) - 1, row)
        if free:
            row.choose(free[0])
        self._show_buttons()
        self._changed()

    def remove(self, row: FilmRow) -> None:
        """Take a row out."""
        self.rows.remove(row)
        row.leave()
        self._layout.removeWidget(row)
        row.hide()  # it is painted until Qt deletes it
        row.deleteLater()
        self._show_buttons()
        self._changed()

    def refresh(self) -> None:
        """Bring the layers up to date; rows whose film is gone go, but for the least."""
        present = films(self._viewer)
        for row in [row for row in self.rows if row.film.value not in present]:
            if len(self.rows) > self._least:
                self.remove(row)
        for row in self.rows:
            row.refresh()
        self._show_buttons()

    def let_validate(self, allowed: bool) -> None:
        """Whether a row may be ticked to validate."""
        self._may_validate = allowed
        for row in self.rows:
            row.validates.setVisible(allowed)

    def show_said(self, said: Iterable[tuple[str, bool]]) -> None:
        """Say in each row what is labelled."""
        for row in self.rows:
            row.show_said("", hinders=False)
        with_film = (row for row in self.rows if row.film.value is not None)
        for row, (text, hinders) in zip(with_film, said, strict=False):
            row.show_said(text, hinders)

    def _show_buttons(self) -> None:
        self.more.setEnabled(len(films(self._viewer)) > len(self.rows))
        for row in self.rows:
            row.away.setEnabled(len(self.rows) > self._least)


CAPTIONS = ("Film", "Labels", "Looked at")
FAULT_COLOUR = "#e6a23c"
NO_LABELS, EVERYTHING = "no labels", "all of the film"
#: A mask that was opened as an image.
AS_LABELS = "{}, taken as labels"
#: Name of labels that are made for a film; `sources.TRUTH_NAMES` has it.
NEW_LABELS = "{} labels"


def has_two_values(pixels: np.ndarray) -> bool:
    """Whether integers have two values alone; most images are told by their first thousand pixels."""
    if pixels.dtype.kind not in "bui":
        return False
    parts = (pixels.reshape(-1)[:1000], pixels)
    return all(len(np.unique(part)) <= 2 for part in parts) and bool(pixels.min() != pixels.max())


class FilmRow(QFrame):
    """One film: what is chosen for it, and what is labelled.

    Parameters
    ----------
    viewer
        Whose layers are offered.
    changed
        Called when something else is chosen or painted.
    remove
        Called with this row when it is to go.
    labelled
        Whether the film has labels; without, what was looked at is all that is known of it.
    """

    def __init__(
        self,
        viewer: Viewer,
        changed: Callable[[], object],
        remove: Callable[[FilmRow], object],
        *,
        labelled: bool = True,
    ) -> None:
        super().__init__()
        self._viewer, self._changed, self._labelled = viewer, changed, labelled
        self._followed: Labels | None = None
        self.film = ComboBox(choices=self._films, tooltip="The radiograph; a stack gives a film a plane")
        self.labels = ComboBox(choices=self._labels, tooltip="The Labels layer of this film")
        self.looked_at = ComboBox(
            choices=self._shapes,
            tooltip="What was looked at: all of the film, or the rectangles of a Shapes layer",
        )
        self.validates = QCheckBox("Validates")
        self.validates.setToolTip(
            "Score the network on this film and do not learn it; where no film is ticked the program chooses"
        )
        self.new = button("New labels", self.add_labels, "An empty Labels layer on this film, to paint on")
        self.away = button("✕", lambda: remove(self), "Take this film out of the list")
        self._widest = QLabel(max(CAPTIONS, key=len), self)
        self._widest.hide()
        self.said = wrapped()
        self._lay_out()
        self.film.changed.connect(self._on_film)
        for box in (self.labels, self.looked_at):
            box.changed.connect(lambda _: self._on_change())
        self.validates.toggled.connect(lambda _: self._changed())

    def value(self) -> Row | None:
        """What is chosen; None where there is no film."""
        if self.film.value is None:
            return None
        labels = self.labels.value if self._labelled else None
        validates = self.validates.isChecked() and self.validates.isVisibleTo(self)
        return Row(self.film.value, labels, self.looked_at.value, validates)

    def choose(self, film: Image) -> None:
        """Choose a film, with the labels that its name or its size say are its own."""
        self.refresh()
        self.film.value = film
        self._match()

    def refresh(self) -> None:
        """Bring the layers up to date, keeping what is chosen."""
        for box in (self.film, self.labels, self.looked_at):
            with box.changed.blocked():
                box.reset_choices()
        if self.labels.value is None:
            self._match()
        self._follow()

    def show_said(self, text: str, hinders: bool) -> None:
        """Say what is labelled, or why it cannot be trained with."""
        self.said.setText(text)
        self.said.setStyleSheet(f"color: {FAULT_COLOUR}" if hinders else "")

    def add_labels(self) -> None:
        """Make an empty Labels layer exactly on the film, and choose it."""
        film = self.film.value
        if film is None:
            return
        layer = self._viewer.add_labels(
            np.zeros(plane_shape(film), np.uint8), name=NEW_LABELS.format(film.name), **placement(film)
        )
        self.refresh()
        self.labels.value = layer
        layer.mode = "paint"

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  (Qt's name)
        """Have boxes as wide as those of a film with labels, in the font that they have by now."""
        super().showEvent(event)
        layout = self.layout()
        assert isinstance(layout, QGridLayout)
        self._widest.ensurePolished()
        layout.setColumnMinimumWidth(0, self._widest.sizeHint().width())
        beside = max(each.sizeHint().width() for each in (self.new, self.validates))
        layout.setColumnMinimumWidth(2, beside)

    def leave(self) -> None:
        """Hear no more of the layers; the row is about to go."""
        self.labels.changed.disconnect()
        self._follow(None)

    def _on_film(self, _: Any) -> None:
        self._match()
        self._on_change()

    def _match(self) -> None:
        """Choose the labels of the film: those of its name, or the only ones of its size."""
        film = self.film.value
        if film is None or not self._labelled:
            return
        present = [layer for layer in self.labels.choices if isinstance(layer, Labels)]
        fitting = [layer for layer in labels_for(film, present) if not is_output_layer(layer)]
        found = truth_of(film, present) or (fitting[0] if len(fitting) == 1 else None)
        if found is not None:
            with self.labels.changed.blocked():
                self.labels.value = found
        self._follow()

    def _on_change(self) -> None:
        if isinstance(self.labels.value, Image):
            self._take_as_labels(self.labels.value)
            return
        self._follow()
        self._changed()

    def _follow(self, *layer: Labels | None) -> None:
        """Hear of the strokes in the labels that are chosen, and of no others."""
        labels = layer[0] if layer else self.labels.value
        if labels == self._followed or not self._labelled:
            return
        for each, connect in ((self._followed, False), (labels, True)):
            if each is not None:
                for event in (each.events.paint, each.events.data):
                    (event.connect if connect else event.disconnect)(self._on_paint)
        self._followed = labels

    def _on_paint(self, _: Any) -> None:
        self._changed()

    def _films(self, _: Any) -> list[Image]:
        return films(self._viewer)

    def _labels(self, _: Any) -> list[tuple[str, Labels | Image | None]]:
        present = [layer for layer in reversed(self._viewer.layers) if isinstance(layer, Labels)]
        images = [layer for layer in films(self._viewer) if self._is_mask(layer)]
        masks = [(AS_LABELS.format(layer.name), layer) for layer in images]
        return [(NO_LABELS, None), *((layer.name, layer) for layer in present), *masks]

    def _is_mask(self, layer: Image) -> bool:
        """Whether an image has the size of the film and two values alone, as a mask that was opened has."""
        film = self.film.value
        if film is None or layer == film or layer.rgb or plane_shape(layer) != plane_shape(film):
            return False
        pixels = layer.data[0] if layer.multiscale else layer.data
        return isinstance(pixels, np.ndarray) and has_two_values(pixels)

    def _take_as_labels(self, mask: Image) -> None:
        """Make a mask that was opened as an image the labels of the film."""
        pixels = np.asarray(mask.data[0] if mask.multiscale else mask.data)
        with self.labels.changed.blocked():
            self.labels.value = None
        layer = self._viewer.add_labels(
            (pixels != pixels.min()).astype(np.uint8),
            name=NEW_LABELS.format(self.film.value.name),
            **placement(self.film.value),
        )
        mask.visible = False
        self.refresh()
        self.labels.value = layer

    def _shapes(self, _: Any) -> list[tuple[str, Shapes | None]]:
        present = [layer for layer in reversed(self._viewer.layers) if isinstance(layer, Shapes)]
        return [(EVERYTHING, None), *((layer.name, layer) for layer in present if not is_output_layer(layer))]

    def _lay_out(self) -> None:
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.away.setFixedWidth(26)
        layout = QGridLayout(self)
        layout.setContentsMargins(6, 4, 4, 4)
        layout.setSpacing(4)
        captions = dict(zip(CAPTIONS, (self.film, self.labels, self.looked_at), strict=True))
        beside = dict(zip(CAPTIONS, (self.away, self.new, self.validates), strict=True))
        if not self._labelled:
            self.new.setParent(self)
            self.new.hide()
            del captions["Labels"]
            captions["Known"] = captions.pop("Looked at")
            beside["Known"] = beside.pop("Looked at")
        for line, (caption, box) in enumerate(captions.items()):
            box.native.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            box.native.setMinimumContentsLength(8)
            layout.addWidget(QLabel(caption), line, 0)
            layout.addWidget(box.native, line, 1)
            layout.addWidget(beside[caption], line, 2)
        layout.setAlignment(self.away, Qt.AlignmentFlag.AlignRight)
        layout.addWidget(self.said, 3, 0, 1, 3)
        layout.setColumnStretch(1, 1)
