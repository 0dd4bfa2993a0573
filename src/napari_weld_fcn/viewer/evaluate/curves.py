"""Two curves of an evaluation: precision over recall, and flaws found over false calls (FROC)."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtWidgets import QVBoxLayout, QWidget

import pyqtgraph  # isort: skip  (takes the binding that qtpy chose)

#: Height of each plot, pixels of the screen.
HEIGHT = 190
AXIS_WIDTH = 44
#: Of Okabe and Ito: the curve, and the point at the threshold that was used.
CURVE, POINT = "#56b4e9", "#d55e00"


class ScoreCurves(QWidget):
    """The curves of one evaluation; the point is what was marked."""

    def __init__(self) -> None:
        super().__init__()
        self.precision = _Plot("Recall of pixels", "Precision")
        self.found = _Plot("False calls a film", "Flaws found")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for plot in (self.precision, self.found):
            layout.addWidget(plot)
        layout.addStretch(1)

    def show_evaluation(self, evaluation: Any) -> None:
        """Draw the curves of `evaluation`, which must have some."""
        above, objects = evaluation.above, evaluation.objects
        marked = above.flaw + above.background
        there = marked > 0
        recall = above.flaw / max(above.flaws, 1)
        precision = above.flaw / np.maximum(marked, 1)
        at = evaluation.pixels
        self.precision.draw(recall[there], precision[there], at.recall, at.precision)
        found = objects.found / max(objects.flaws, 1)
        flaws = evaluation.flaws
        calls = sum(film.false_calls for film in evaluation.films) / len(evaluation.films)
        share = sum(flaw.found for flaw in flaws) / max(len(flaws), 1)
        self.found.draw(objects.false_calls / objects.films, found, calls, share)


class _Plot(pyqtgraph.PlotWidget):
    def __init__(self, x: str, y: str) -> None:
        super().__init__(background=None, enableMenu=False)
        self.setFixedHeight(HEIGHT)
        self.getAxis("left").setWidth(AXIS_WIDTH)
        self.getAxis("bottom").enableAutoSIPrefix(False)
        self.setLabel("bottom", x)
        self.setLabel("left", y)
        self.setYRange(0, 1)
        self.showGrid(x=True, y=True, alpha=0.2)
        self.setMouseEnabled(x=False, y=False)  # the wheel scrolls the form
        self.hideButtons()
        menu = self.getPlotItem().ctrlMenu
        menu.setParent(self, menu.windowFlags())  # else it outlives the plot
        self.curve = self.plot(pen=pyqtgraph.mkPen(CURVE, width=2))
        self.point = self.plot(pen=None, symbol="o", symbolBrush=POINT, symbolPen=None)

    def draw(self, x: np.ndarray, y: np.ndarray, at_x: float, at_y: float) -> None:
        """Draw the curve, and the point that was used."""
        self.curve.setData(np.asarray(x, float), np.asarray(y, float))
        self.point.setData([at_x], [at_y])
