"""The films of the viewer, each with the layers that belong to it, and what is known of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from napari import Viewer
from napari.layers import Image, Labels, Layer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QComboBox, QHeaderView, QTableWidget, QTableWidgetItem

from napari_weld_fcn.viewer.belonging import films
from napari_weld_fcn.viewer.films import labels_for, truth_of

NO_TRUTH = "no truth"
#: Rows that are shown without scrolling.
ROWS_SHOWN = 6


@dataclass(frozen=True)
class Partner:
    """A column in which a layer is chosen for each film.

    Attributes
    ----------
    title
        Of the column.
    nothing
        What stands there where no layer is chosen.
    fitting
        Finds, among all layers, those that may be chosen for a film.
    likely
        Finds the one that is chosen at first, if any.
    """

    title: str
    nothing: str
    fitting: Callable[[Image, Sequence[Layer]], Sequence[Layer]]
    likely: Callable[[Image, Sequence[Layer]], Layer | None]


def _labels(layers: Sequence[Layer]) -> list[Labels]:
    return [layer for layer in layers if isinstance(layer, Labels)]


TRUTH = Partner(
    "Truth",
    NO_TRUTH,
    lambda film, layers: labels_for(film, _labels(layers)),
    lambda film, layers: truth_of(film, _labels(layers)),
)


class FilmTable(QTableWidget):
    """One row a film: ticked or not, the layers that belong to it, and figures.

    Parameters
    ----------
    viewer
        Whose layers are offered.
    changed
        Called when another film is ticked, chosen, or given another layer.
    partners
        Columns of layers.
    figures
        Titles of the columns of figures.
    tooltip
        Of the whole table.
    """

    def __init__(
        self,
        viewer: Viewer,
        changed: Callable[[], object],
        partners: Sequence[Partner] = (TRUTH,),
        figures: Sequence[str] = ("Crops", "Flaw"),
        tooltip: str = "Tick the films to crop; the windows of the film chosen here are drawn over it",
    ) -> None:
        titles = ("Film", *(partner.title for partner in partners), *figures)
        super().__init__(0, len(titles))
        self._viewer = viewer
        self._changed = changed
        self._partners, self._figures = tuple(partners), len(figures)
        self._films: list[Image] = []
        self._left_out: set[Image] = set()
        self._chosen: dict[tuple[Image, str], Layer | None] = {}
        self.setHorizontalHeaderLabels(titles)
        self.verticalHeader().hide()
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setToolTip(tooltip)
        header = self.horizontalHeader()
        modes = ("Interactive", *("Stretch" for _ in partners), *("ResizeToContents" for _ in figures))
        for column, mode in enumerate(modes):
            header.setSectionResizeMode(column, getattr(QHeaderView.ResizeMode, mode))
        self.refresh()
        self.itemChanged.connect(self._on_item)
        self.currentCellChanged.connect(lambda *_: self._changed())

    def films(self) -> list[Image]:
        """The films that are ticked and still there."""
        return [film for film in self._films if film not in self._left_out and film in self._viewer.layers]

    def ticked(self) -> list[tuple[Image, Labels | None]]:
        """The same, each with its truth."""
        return [(film, self.truth(film)) for film in self.films()]

    def truth(self, film: Image) -> Labels | None:
        """The labels layer of `film`: the one chosen, as long as it fits, else the one of its name."""
        found = self.partner(film, TRUTH.title)
        assert found is None or isinstance(found, Labels)
        return found

    def partner(self, film: Image, title: str) -> Layer | None:
        """The layer of `film` in a column: the one chosen, as long as it fits, else the likely one."""
        column = next(partner for partner in self._partners if partner.title == title)
        layers = list(self._viewer.layers)
        if (film, title) in self._chosen:
            chosen = self._chosen[film, title]
            if chosen is None or chosen in column.fitting(film, layers):
                return chosen
        return column.likely(film, layers)

    def current(self) -> Image | None:
        """The film chosen in the table, else the first one that is ticked."""
        row = self.currentRow()
        if 0 <= row < len(self._films) and self._films[row] not in self._left_out:
            return self._films[row]
        return next(iter(self.films()), None)

    def refresh(self) -> None:
        """Bring the rows up to date with the layers, keeping what was ticked and chosen."""
        self.blockSignals(True)
        self._films = films(self._viewer)[::-1]  # as they were opened
        self._left_out &= set(self._films)
        self._chosen = {key: layer for key, layer in self._chosen.items() if key[0] in self._films}
        self.setRowCount(len(self._films))
        for row, film in enumerate(self._films):
            self._fill(row, film)
        self.blockSignals(False)
        height = self.horizontalHeader().height() + self.verticalHeader().defaultSectionSize() * (
            min(max(len(self._films), 2), ROWS_SHOWN)
        )
        self.setFixedHeight(height + 6)

    def show_figures(self, texts: Mapping[Image, Sequence[str]]) -> None:
        """Show the figures of each film; nothing for films that are not in `texts`."""
        first = self.columnCount() - self._figures
        self.blockSignals(True)
        for row, film in enumerate(self._films):
            for column, text in enumerate(texts.get(film, ("",) * self._figures), start=first):
                self.item(row, column).setText(text)
        self.blockSignals(False)

    def tick(self, film: Image, wanted: bool) -> None:
        """Tick a film, or leave it out."""
        state = Qt.CheckState.Checked if wanted else Qt.CheckState.Unchecked
        self.item(self._films.index(film), 0).setCheckState(state)

    def choose_truth(self, film: Image, truth: Labels | None) -> None:
        """Choose the labels layer of a film; None for none."""
        self.choose(film, TRUTH.title, truth)

    def choose(self, film: Image, title: str, layer: Layer | None) -> None:
        """Choose the layer of a film in the column `title`; None for none."""
        column = next(place for place, partner in enumerate(self._partners) if partner.title == title)
        box = self.cellWidget(self._films.index(film), column + 1)
        box.setCurrentIndex(box.findText(layer.name) if layer is not None else 0)

    def _fill(self, row: int, film: Image) -> None:
        name = QTableWidgetItem(film.name)
        name.setToolTip(film.name)
        name.setCheckState(Qt.CheckState.Unchecked if film in self._left_out else Qt.CheckState.Checked)
        self.setItem(row, 0, name)
        for column in range(self.columnCount() - self._figures, self.columnCount()):
            self.setItem(row, column, QTableWidgetItem(""))
        for column, partner in enumerate(self._partners, start=1):
            self.setCellWidget(row, column, self._box(film, partner))

    def _box(self, film: Image, partner: Partner) -> QComboBox:
        box = QComboBox()
        fitting = list(partner.fitting(film, list(self._viewer.layers)))
        box.addItem(partner.nothing, None)
        for layer in fitting:
            box.addItem(layer.name)
        chosen = self.partner(film, partner.title)
        box.setCurrentIndex(fitting.index(chosen) + 1 if chosen in fitting else 0)
        box.setToolTip(box.currentText())  # the end of a long name, where masks differ, is cut off
        box.currentIndexChanged.connect(lambda: box.setToolTip(box.currentText()))
        box.currentIndexChanged.connect(
            lambda index: self._choose(film, partner.title, fitting[index - 1] if index else None)
        )
        return box

    def _choose(self, film: Image, title: str, layer: Layer | None) -> None:
        self._chosen[film, title] = layer
        self._changed()

    def _on_item(self, item: Any) -> None:
        if item.column() == 0:
            film = self._films[item.row()]
            if item.checkState() == Qt.CheckState.Checked:
                self._left_out.discard(film)
            else:
                self._left_out.add(film)
            self._changed()
