"""A table of plain values that is shown at once however long it is, and sorted by a click on a title."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt
from qtpy.QtWidgets import QAbstractItemView, QTableView


class Table(QTableView):
    """Rows of texts and numbers.

    Parameters
    ----------
    titles
        Of the columns.
    picked
        Called with a row's place, as it was shown, when it is selected.
    """

    def __init__(self, titles: Sequence[str], picked: Callable[[int], object] | None = None) -> None:
        super().__init__()
        self._rows = _Rows(titles)
        self._picked = picked
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self._rows)
        self._sorted.setSortRole(Qt.ItemDataRole.UserRole)
        self.setModel(self._sorted)
        self.setSortingEnabled(True)
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(22)
        self.selectionModel().currentRowChanged.connect(self._on_row)

    def show_rows(self, rows: Sequence[Sequence[Any]], titles: Sequence[str] | None = None) -> None:
        """Show `rows`: texts, whole numbers, floats (three digits) and None (empty); under other titles."""
        self._rows.replace(rows, titles)
        self.resizeColumnsToContents()

    def show_only(self, text: str) -> None:
        """Show the rows alone of which some cell has `text` in it."""
        self._sorted.setFilterKeyColumn(-1)
        self._sorted.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._sorted.setFilterFixedString(text)

    def rows(self) -> list[list[str]]:
        """The texts as they stand on the screen, from the top."""
        model = self._sorted
        return [
            [str(model.index(row, column).data() or "") for column in range(model.columnCount())]
            for row in range(model.rowCount())
        ]

    def _on_row(self, current: QModelIndex, _: QModelIndex) -> None:
        if self._picked is not None and current.isValid():
            self._picked(self._sorted.mapToSource(current).row())


class _Rows(QAbstractTableModel):
    def __init__(self, titles: Sequence[str]) -> None:
        super().__init__()
        self._titles, self._values = list(titles), list[Sequence[Any]]()

    def replace(self, rows: Sequence[Sequence[Any]], titles: Sequence[str] | None = None) -> None:
        """Show other rows, under other titles where some are given."""
        self.beginResetModel()
        self._titles = self._titles if titles is None else list(titles)
        self._values = list(rows)
        self.endResetModel()

    def rowCount(self, _: Any = None) -> int:  # noqa: N802  (Qt's name)
        """How many rows there are."""
        return len(self._values)

    def columnCount(self, _: Any = None) -> int:  # noqa: N802  (Qt's name)
        """How many columns there are."""
        return len(self._titles)

    def headerData(self, section: int, orientation: Any, role: int = 0) -> Any:  # noqa: N802  (Qt's name)
        """Give a column's title."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._titles[section]
        return None

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        """Give a cell's text, or its value to sort by."""
        value = self._values[index.row()][index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return _text(value)
        if role == Qt.ItemDataRole.UserRole:
            return -1.0 if value is None else value
        if role == Qt.ItemDataRole.TextAlignmentRole and not isinstance(value, str):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
        case _:
            return str(value)
