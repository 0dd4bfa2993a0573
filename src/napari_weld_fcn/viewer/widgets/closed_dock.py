"""A dock that was closed while its job runs: asked about, because napari closes it without a word."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.compat import isalive
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMessageBox

from napari_weld_fcn.viewer.widgets.job_widget import JobWidget

QUESTION = "The form was closed while it trains. Shall the training stop?"
STOP, GO_ON = "Stop and keep the best", "Go on training"


def ask_about(widget: JobWidget, dock: QDockWidget) -> QMessageBox:
    """Ask whether the job of a widget shall stop; if not, it gets a dock again.

    The job goes on until there is an answer.

    Parameters
    ----------
    widget
        Which has no parent any more.
    dock
        The dock that it was in, which is about to be closed.
    """
    name = dock.windowTitle()
    box = QMessageBox(dock.parentWidget())
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("Train")
    box.setText(QUESTION)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    stop = box.addButton(STOP, QMessageBox.ButtonRole.DestructiveRole)
    go_on = box.addButton(GO_ON, QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(go_on)
    box.setEscapeButton(go_on)
    stop.clicked.connect(lambda: _answered(widget, widget.stop))
    go_on.clicked.connect(lambda: _answered(widget, lambda: _dock_again(widget, name)))
    box.open()
    return box


def _answered(widget: JobWidget, do: Callable[[], object]) -> None:
    """Do what was answered, unless the job has ended meanwhile and the widget with it."""
    if isalive(widget):
        do()


def _dock_again(widget: JobWidget, name: str) -> None:
    widget.viewer.window.add_dock_widget(widget, name=name, area="right")
