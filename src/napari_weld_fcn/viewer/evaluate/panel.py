"""What an evaluation found: one sentence, tables, curves, and the way out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtWidgets import QLabel, QPushButton, QTabWidget, QVBoxLayout, QWidget

from napari_weld_fcn.viewer.evaluate import rows as score_rows
from napari_weld_fcn.viewer.form import wrapped
from napari_weld_fcn.viewer.table import Table

#: Height of the tabs, pixels of the screen.
HEIGHT = 430


class EvaluationPanel(QWidget):
    """Scores, flaws by class and size, films, flaws one by one, curves.

    Parameters
    ----------
    look_at
        Called with a flaw's row when it is picked.
    compare
        Called when crops are to be laid side by side.
    save
        Called when the files are asked for.
    """

    def __init__(
        self, look_at: Callable[[int], object], compare: Callable[[], object], save: Callable[[], object]
    ) -> None:
        super().__init__()
        self.summary = wrapped("font-weight: bold")
        self.legend = QLabel()
        self.notes = wrapped("color: #e6a23c")
        self.scores = Table(score_rows.SCORES)
        self.shares = Table(score_rows.SHARES)
        self.films = Table(score_rows.FILMS)
        self.flaws = Table(score_rows.FLAWS, look_at)
        self.curves: Any = None
        self.tabs = QTabWidget()
        for title, table in (
            ("Scores", self.scores),
            ("Found", self.shares),
            ("Films", self.films),
            ("Flaws", self.flaws),
        ):
            self.tabs.addTab(table, title)
        self.tabs.setMinimumHeight(HEIGHT)
        self.compare = QPushButton("Comparison")
        self.compare.setToolTip(
            "Crops around what was missed, called falsely and found, as a grid of layers below the films: "
            "input, heatmap, truth"
        )
        self.compare.clicked.connect(lambda: compare())
        self.save = QPushButton("Save tables and curves...")
        self.save.setToolTip("The files that `weld-fcn evaluate` writes")
        self.save.clicked.connect(lambda: save())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (self.summary, self.legend, self.notes, self.tabs, self.compare, self.save):
            layout.addWidget(part)
        self.show_nothing()

    def free(self, is_free: bool) -> None:
        """Let the buttons work, or not while a job runs."""
        for button in (self.compare, self.save):
            button.setEnabled(is_free)

    def show_nothing(self) -> None:
        """There is no evaluation."""
        for part in (self.summary, self.legend, self.notes, self.tabs, self.compare, self.save):
            part.setVisible(False)

    def show_evaluation(self, evaluation: Any, legend: str) -> None:
        """Show all figures; `legend` says what the colours of the layer mean."""
        self.summary.setText(score_rows.evaluation_in_words(evaluation))
        self.legend.setText(legend)
        self.scores.show_rows(score_rows.score_rows(evaluation))
        self.shares.show_rows(score_rows.share_rows(evaluation))
        self.films.show_rows(score_rows.film_rows(evaluation))
        self.flaws.show_rows(score_rows.flaw_rows(evaluation.flaws))
        self._show_notes(evaluation)
        self._show_curves(evaluation)
        for part in (self.summary, self.legend, self.tabs, self.compare, self.save):
            part.setVisible(True)

    def _show_notes(self, evaluation: Any) -> None:
        notes = [sentence for _, sentence in evaluation.faults]
        if evaluation.left_out:
            notes.insert(0, f"Without truth, so left out: {', '.join(evaluation.left_out)}.")
        self.notes.setText("\n".join(notes))
        self.notes.setVisible(bool(notes))

    def _show_curves(self, evaluation: Any) -> None:
        if evaluation.has_curves and self.curves is None:
            from napari_weld_fcn.viewer.evaluate.curves import ScoreCurves  # brings pyqtgraph

            self.curves = ScoreCurves()
            self.tabs.addTab(self.curves, "Curves")
        if self.curves is not None:
            self.tabs.setTabVisible(self.tabs.indexOf(self.curves), evaluation.has_curves)
        if evaluation.has_curves:
            self.curves.show_evaluation(evaluation)
