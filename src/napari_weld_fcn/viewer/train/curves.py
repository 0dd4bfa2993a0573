"""How a training goes, drawn while it goes on: its loss, and its scores on what validates.

A run of a night tells its loss a million times. What is drawn is bounded: when a trace is full, each two of
its points become their mean, so that it keeps the whole run at half the detail, and drawing it takes the
same milliseconds at its end as at its beginning. Dropping the oldest points, or all but every hundredth,
would hide how it began, or its peaks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import fmean

from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_weld_fcn.training.checkpoint_selection import best_of

import pyqtgraph  # isort: skip  (takes the binding that qtpy chose)

#: Most points that a trace keeps.
MOST_POINTS = 4000
#: Validations up to which each one is a dot; the first is no line yet.
MOST_DOTS = 50
#: Height of each of the two plots, pixels of the screen.
HEIGHT = 150
#: Room for the numbers beside the plots, pixels of the screen, the same in both.
AXIS_WIDTH = 44

#: Colours of Okabe and Ito, which all eyes tell apart, on dark and on light.
COLOURS = {
    "loss": "#999999",
    "loss before": "#5c5c5c",
    "F1": "#56b4e9",
    "precision": "#e69f00",
    "recall": "#009e73",
}
SCORES = ("F1", "precision", "recall")


@dataclass
class Trace:
    """Points in their order, never more than `MOST_POINTS`; beyond, each two become their mean."""

    x: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)
    _share: int = 1
    _waiting: list[tuple[float, float]] = field(default_factory=list)

    def add(self, x: float, y: float, *, first: bool = False) -> None:
        """Append a point; it is kept once there are as many as those before were joined from.

        Parameters
        ----------
        x, y
            The point.
        first
            Whether it is set before all others, by itself.
        """
        if first:
            self.x.insert(0, x)
            self.y.insert(0, y)
            return
        self._waiting.append((x, y))
        if len(self._waiting) < self._share:
            return
        mean_x, mean_y = (fmean(values) for values in zip(*self._waiting, strict=True))
        self._waiting.clear()
        self.x.append(mean_x)
        self.y.append(mean_y)
        if len(self.x) >= MOST_POINTS:
            self.x, self.y = _halved(self.x), _halved(self.y)
            self._share *= 2

    def clear(self) -> None:
        """Forget all points."""
        self.x, self.y, self._share, self._waiting = [], [], 1, []


def _halved(values: list[float]) -> list[float]:
    return [(one + other) / 2 for one, other in zip(values[::2], values[1::2], strict=False)]


class Curves(QWidget):
    """Two plots over the steps: the loss, and F1 with its best (★), precision and recall.

    The newest figures stand above them, in the colours of the lines.

    Attributes
    ----------
    traces
        What was taken up, by name.
    best
        Step and F1 of the network that is kept; None before the first validation.
    """

    def __init__(self) -> None:
        super().__init__()
        self.traces = {name: Trace() for name in COLOURS}
        self.best: tuple[float, float] | None = None
        self._margin, self._newest = 0.0, ""
        self._validated: list[tuple[float, float]] = []
        self.loss_text, self.score_text = QLabel(), QLabel()
        self.score_text.setWordWrap(True)
        self.loss_plot, self.score_plot = _plot(), _plot()
        self.score_plot.setXLink(self.loss_plot)
        self.score_plot.setYRange(0, 1, padding=0.03)
        self._lines = {
            name: (self.score_plot if name in SCORES else self.loss_plot).plot(
                pen=pyqtgraph.mkPen(COLOURS[name], width=2 if name == "F1" else 1),
                symbolSize=4,
                symbolPen=None,
                symbolBrush=COLOURS[name],
            )
            for name in COLOURS
        }
        self._star = self.score_plot.plot(
            pen=None, symbol="star", symbolSize=14, symbolPen=None, symbolBrush=COLOURS["F1"]
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for part in (self.loss_text, self.loss_plot, self.score_text, self.score_plot):
            layout.addWidget(part)
        self.clear()

    def clear(self, margin: float = 0.0) -> None:
        """Forget the run that was drawn; of the next one a later network within `margin` is the best."""
        for trace in self.traces.values():
            trace.clear()
        self._margin, self.best = margin, None
        self._validated.clear()
        self.loss_text.setText(_coloured("loss", "loss"))
        self.score_text.setText(" &nbsp; ".join(_coloured(name, name) for name in SCORES))
        self.draw()

    def add_loss(self, step: float, loss: float) -> None:
        """Take up the loss of a step; `draw` shows it. Where steps are counted anew, a new line begins."""
        trace = self.traces["loss"]
        if trace.x and step < trace.x[-1]:
            self.traces["loss before"], trace = trace, Trace()
            self.traces["loss"] = trace
        trace.add(step, loss)
        self.loss_text.setText(_coloured("loss", f"loss {loss:.4f} in step {step:.0f}"))

    def add_scores(self, step: float, f1: float, precision: float, recall: float) -> None:
        """Take up a validation, scores 0..1; `draw` shows it.

        That of the model that a run begins with, step 0, may come after others where a run is resumed.
        """
        values = dict(zip(SCORES, (f1, precision, recall), strict=True))
        late = bool(self._validated) and not step
        for name, value in values.items():
            self.traces[name].add(step, value, first=late)
        self._validated.insert(0 if late else len(self._validated), (step, f1))
        self.best = self._kept()
        if not late:
            self._newest = " &nbsp; ".join(
                _coloured(name, f"{name} {value:.3f}") for name, value in values.items()
            )
        self.score_text.setText(f"{self._newest} &nbsp; ★ {self.best[1]:.3f}")

    def _kept(self) -> tuple[float, float]:
        """The validation whose network is kept: where there is one before any step, it must be beaten."""
        (step, first), *later = self._validated
        rivals = self._validated if step else [each for each in later if each[1] > first]
        return rivals[best_of([f1 for _, f1 in rivals], self._margin)] if rivals else (step, first)

    def draw(self) -> None:
        """Draw what was taken up."""
        for name, trace in self.traces.items():
            dots = "o" if name in SCORES and len(trace.x) <= MOST_DOTS else None
            self._lines[name].setData(trace.x, trace.y, symbol=dots)
        self._star.setData(*([[value] for value in self.best] if self.best else ([], [])))


def _plot() -> pyqtgraph.PlotWidget:
    plot = pyqtgraph.PlotWidget(background=None, enableMenu=False)
    plot.setFixedHeight(HEIGHT)
    plot.getAxis("left").setWidth(AXIS_WIDTH)
    plot.showGrid(y=True, alpha=0.2)
    plot.setDownsampling(auto=True, mode="peak")
    plot.setMouseEnabled(x=False, y=False)  # the wheel scrolls the form
    plot.hideButtons()
    menu = plot.getPlotItem().ctrlMenu
    menu.setParent(plot, menu.windowFlags())  # else it outlives the plot
    return plot


def _coloured(name: str, text: str) -> str:
    return f"<span style='color: {COLOURS[name]}'>■</span> {text}"
