"""What was found: one line, stepping through it, its table, and the way to files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from napari_weld_fcn.viewer.form import button, wrapped
from napari_weld_fcn.viewer.table import Table

#: What becomes of hand work, in one sentence.
BY_HAND = "Changed by hand: {}. What you paint or erase stays when the threshold moves or Run is pressed."


class ResultPanel(QWidget):
    """Summary and warnings, previous and next, the indication at hand, table and save.

    Parameters
    ----------
    step
        Called with -1 or 1.
    open_table, save
        Called without arguments.
    """

    def __init__(
        self, step: Callable[[int], object], open_table: Callable[[], object], save: Callable[[], object]
    ) -> None:
        super().__init__()
        self.summary = QLabel()
        self.summary.setStyleSheet("font-weight: bold")
        self.previous = button("◀ Previous", lambda: step(-1), "Centre on the indication before (key -)")
        self.next = button("Next ▶", lambda: step(1), "Centre on the next indication (key =)")
        self.number = QLabel()
        self.number.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.details = wrapped()
        self.by_hand = wrapped()
        self.table = button(
            "Table",
            lambda: open_table(),
            "Open the table of the indications; a row that is picked is looked at",
        )
        self.save = button("Save...", lambda: save(), "Save heatmap, labels, table and overlay to a folder")
        self.warnings = wrapped("color: #e6a23c")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(_line())
        layout.addWidget(self.summary)
        layout.addWidget(self.warnings)
        layout.addLayout(_row(self.previous, self.number, self.next))
        layout.addWidget(self.details)
        layout.addWidget(self.by_hand)
        layout.addLayout(_row(self.table, self.save))
        self.show_nothing()

    def show_nothing(self) -> None:
        """There is no prediction of the chosen film."""
        self.show_summary("", 0, 0)
        self.save.setEnabled(False)

    def show_summary(self, text: str, count: int, changed: int) -> None:
        """Show how many indications there are, and were changed by hand; stepping needs at least one."""
        self.summary.setText(text)
        self.by_hand.setText(BY_HAND.format(changed))
        self.by_hand.setVisible(changed > 0)
        for each in (self.previous, self.next, self.table):
            each.setEnabled(count > 0)
        self.save.setEnabled(True)
        self.show_indication(0, range(1, count + 1), None)

    def show_indication(
        self, number: int, numbers: Sequence[int], indication: Mapping[str, Any] | None
    ) -> None:
        """Show which of the indications the camera is on, and its size."""
        count = len(numbers)
        self.number.setText(_place(number, numbers) if indication else f"– of {count}" if count else "")
        self.details.setText(describe(indication) if indication else "")
        self.details.setVisible(bool(indication))

    def show_warnings(self, warnings: list[str]) -> None:
        """Show what the user ought to know of the result; nothing where the list is empty."""
        self.warnings.setText("\n".join(warnings))
        self.warnings.setVisible(bool(warnings))


class IndicationTable(QWidget):
    """The indications of the chosen film, rounded, in mm where they are known, with a filter.

    Parameters
    ----------
    look_at
        Called with the number of an indication that is picked.
    """

    def __init__(self, look_at: Callable[[int], object]) -> None:
        super().__init__()
        self._numbers: list[int] = []
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Show only rows with ...")
        self.table = Table((), lambda row: look_at(self._numbers[row]))
        self.filter.textChanged.connect(self.table.show_only)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (self.filter, self.table):
            layout.addWidget(part)

    def show_indications(self, features: pd.DataFrame, pixel_size_mm: float | None) -> None:
        """Show the rows of indications that there are; row and column in mm, if the pixel size is known."""
        there = features[features["area_px"].notna()] if "area_px" in features else features[:0]
        self._numbers = [int(number) for number in there.get("index", ())]
        columns = {"Number": self._numbers}
        in_mm = "length_mm" in there
        for name in (name for name in there.columns if name not in ("index", "label")):
            if name in ("row", "column"):
                edge, unit = (pixel_size_mm, "mm") if in_mm and pixel_size_mm else (1, "px")
                columns[f"{name.capitalize()} ({unit})"] = [float(value) * edge for value in there[name]]
            elif not (in_mm and name.endswith("_px")):
                columns[column_head(name)] = _cells(there[name])
        self.table.show_rows(list(zip(*columns.values(), strict=True)), list(columns))


def column_head(column: str) -> str:
    """A column's name as the head of a table, such as ``Length (mm)``."""
    for suffix, unit in (("_px", "px"), ("_mm2", "mm²"), ("_mm", "mm"), ("_deg", "°")):
        if column.endswith(suffix):
            return f"{column.removesuffix(suffix).replace('_', ' ').capitalize()} ({unit})"
    return column.replace("_", " ").capitalize()


def _cells(column: pd.Series) -> list[Any]:
    """Cells as `Table` takes them: None where nothing was said, whole numbers if all are whole."""
    numbers = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    kind = str if not numbers else int if (column.dropna() % 1 == 0).all() else float
    return [None if pd.isna(value) else kind(value) for value in column]


def describe(indication: Mapping[str, Any]) -> str:
    """An indication's size and probability in one line, in mm where they are known."""
    unit = "mm" if "length_mm" in indication else "px"
    digits = 2 if unit == "mm" else 1
    length, width = (np.round(indication[f"{name}_{unit}"], digits) for name in ("length", "width"))
    return f"{length} x {width} {unit}, peak probability {indication['peak_probability']:.2f}"


def _place(number: int, numbers: Sequence[int]) -> str:
    """Which one of all it is, with its number where that is another."""
    place = numbers.index(number) + 1
    return f"{place} of {len(numbers)}" + (f" (number {number})" if number != place else "")


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    return row


def _line() -> QFrame:
    line = QFrame()
    line.setFrameShape(QFrame.Shape.HLine)
    return line
