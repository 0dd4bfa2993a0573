"""A part of a form behind its title, which may grow while it is open.

superqt's `QCollapsible` fixes the height that its content had when it was opened, so rows that come later
would be squeezed.
"""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QToolButton, QVBoxLayout, QWidget


class Fold(QWidget):
    """A title that shows and hides what is below it; closed at first.

    Parameters
    ----------
    title
        What stands there.
    content
        What is shown and hidden.
    """

    def __init__(self, title: str, content: QWidget) -> None:
        super().__init__()
        self.content = content
        self.title = QToolButton()
        self.title.setText(title)
        self.title.setCheckable(True)
        self.title.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.title.setAutoRaise(True)
        self.title.toggled.connect(self._show)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.title)
        layout.addWidget(content)
        self._show(False)

    def open(self, wanted: bool) -> None:
        """Open or close it."""
        self.title.setChecked(wanted)

    def _show(self, opened: bool) -> None:
        self.title.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)
        self.content.setVisible(opened)
