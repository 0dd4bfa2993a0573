"""The films of the viewer, each with its truth, and what will be cut from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from napari import Viewer
from napari.layers import Image, Labels
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QComboBox, QHeaderView, QTableWidget, QTableWidgetItem

from napari_weld_fcn.viewer.cropping import Surveyed
from napari_weld_fcn.viewer.layers import films
from napari_weld_fcn.viewer.sources import labels_for, truth_of

NO_TRUTH = "no truth"
COLUMNS = ("Film", "Truth", "Crops", "Flaw")
#: Rows that are shown without scrolling.
ROWS_SHOWN = 6


class FilmTable(QTableWidget):
    """One row a film: ticked or not, its labels layer, how many crops and how much flaw.

    Parameters
    ----------
    viewer
        Whose layers are offered.
    changed
        Called when another film is ticked, chosen, or given another truth.
    """

    def __init__(self, viewer: Viewer, changed: Callable[[], object]) -> None:
        super().__init__(0, len(COLUMNS))
        self._viewer = viewer
        self._changed = changed
        self._films: list[Image] = []
        self._left_out: set[Image] = set()
        self._chosen: dict[Image, Labels | None] = {}
        self.setHorizontalHeaderLabels(COLUMNS)
        self.verticalHeader().hide()
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setToolTip("Tick the films to crop; the windows of the film chosen here are drawn over it")
        header = self.horizontalHeader()
        for column, mode in enumerate(("Interactive", "Stretch", "ResizeToContents", "ResizeToContents")):
            header.setSectionResizeMode(column, getattr(QHeaderView.ResizeMode, mode))
        self.refresh()
        self.itemChanged.connect(self._on_item)
        self.currentCellChanged.connect(lambda *_: self._changed())

    def ticked(self) -> list[tuple[Image, Labels | None]]:
        """The films to crop that are still there, each with its truth."""
        return [
            (film, self.truth(film))
            for film in self._films
            if film not in self._left_out and film in self._viewer.layers
        ]

    def truth(self, film: Image) -> Labels | None:
        """The labels layer of `film`: the one chosen, as long as it fits, else the one of its name."""
        labels = self._labels()
        if film in self._chosen:
            chosen = self._chosen[film]
            if chosen is None or chosen in labels_for(film, labels):
                return chosen
        return truth_of(film, labels)

    def current(self) -> Image | None:
        """The film chosen in the table, else the first one that is ticked."""
        row = self.currentRow()
        if 0 <= row < len(self._films) and self._films[row] not in self._left_out:
            return self._films[row]
        return next((film for film, _ in self.ticked()), None)

    def refresh(self) -> None:
        """Bring the rows up to date with the layers, keeping what was ticked and chosen."""
        self.blockSignals(True)
        self._films = films(self._viewer)[::-1]  # as they were opened
        self._left_out &= set(self._films)
        self._chosen = {film: truth for film, truth in self._chosen.items() if film in self._films}
        self.setRowCount(len(self._films))
        for row, film in enumerate(self._films):
            self._fill(row, film)
        self.blockSignals(False)
        height = self.horizontalHeader().height() + self.verticalHeader().defaultSectionSize() * (
            min(max(len(self._films), 2), ROWS_SHOWN)
        )
        self.setFixedHeight(height + 6)

    def show_surveyed(self, found: Sequence[tuple[Image, Surveyed]]) -> None:
        """Show how many crops there will be of each film; nothing for films that are not in `found`."""
        texts = {film: (str(each.crops), f"{each.flaw_share:.2%}") for film, each in found}
        self.blockSignals(True)
        for row, film in enumerate(self._films):
            for column, text in enumerate(texts.get(film, ("", "")), start=2):
                self.item(row, column).setText(text)
        self.blockSignals(False)

    def tick(self, film: Image, wanted: bool) -> None:
        """Tick a film, or leave it out."""
        state = Qt.CheckState.Checked if wanted else Qt.CheckState.Unchecked
        self.item(self._films.index(film), 0).setCheckState(state)

    def choose_truth(self, film: Image, truth: Labels | None) -> None:
        """Choose the labels layer of a film; None for none."""
        box = self.cellWidget(self._films.index(film), 1)
        box.setCurrentIndex(box.findText(truth.name if truth is not None else NO_TRUTH))

    def _fill(self, row: int, film: Image) -> None:
        name = QTableWidgetItem(film.name)
        name.setToolTip(film.name)
        name.setCheckState(Qt.CheckState.Unchecked if film in self._left_out else Qt.CheckState.Checked)
        self.setItem(row, 0, name)
        for column in (2, 3):
            self.setItem(row, column, QTableWidgetItem(""))
        self.setCellWidget(row, 1, self._truth_box(film))

    def _truth_box(self, film: Image) -> QComboBox:
        box = QComboBox()
        fitting = labels_for(film, self._labels())
        box.addItem(NO_TRUTH, None)
        for layer in fitting:
            box.addItem(layer.name)
        truth = self.truth(film)
        box.setCurrentIndex(fitting.index(truth) + 1 if truth in fitting else 0)
        box.setToolTip(box.currentText())  # the end of a long name, where masks differ, is cut off
        box.currentIndexChanged.connect(lambda: box.setToolTip(box.currentText()))
        box.currentIndexChanged.connect(
            lambda index: self._choose(film, fitting[index - 1] if index else None)
        )
        return box

    def _choose(self, film: Image, truth: Labels | None) -> None:
        self._chosen[film] = truth
        self._changed()

    def _on_item(self, item: Any) -> None:
        if item.column() == 0:
            film = self._films[item.row()]
            if item.checkState() == Qt.CheckState.Checked:
                self._left_out.discard(film)
            else:
                self._left_out.add(film)
            self._changed()

    def _labels(self) -> list[Labels]:
        return [layer for layer in self._viewer.layers if isinstance(layer, Labels)]
