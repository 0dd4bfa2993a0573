"""Buttons and progress of one long job, the same for every widget that runs one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_weld_fcn.events import StepDone, TileDone
from napari_weld_fcn.viewer.form import wrapped


class JobPanel(QWidget):
    """Start buttons, Stop, a bar and one line that says what is going on.

    Parameters
    ----------
    starts
        What to call for each start button, by its text.
    stop
        What to call for Stop.
    meanwhile
        What to call for each button that can be pressed while the job runs, by its text.
    stop_text
        What Stop is called.
    """

    def __init__(
        self,
        starts: dict[str, Callable[[], object]],
        stop: Callable[[], object],
        meanwhile: Mapping[str, Callable[[], object]] = MappingProxyType({}),
        stop_text: str = "Stop",
    ) -> None:
        super().__init__()
        self.starts = {text: self._button(text, slot) for text, slot in starts.items()}
        self.meanwhile = {text: self._button(text, slot) for text, slot in meanwhile.items()}
        self.stop = self._button(stop_text, stop)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(10)
        self.status = wrapped()
        stops = (*self.meanwhile.values(), self.stop)
        lines = (self.starts.values(), stops) if meanwhile else ((*self.starts.values(), *stops),)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for line in lines:
            buttons = QHBoxLayout()
            for button in line:
                buttons.addWidget(button)
            layout.addLayout(buttons)
        layout.addWidget(self.bar)
        layout.addWidget(self.status)
        self.show_idle("")

    @property
    def busy(self) -> bool:
        """Whether only Stop may be pressed."""
        return bool(self.stop.isEnabled())

    def show_busy(self, text: str) -> None:
        """Only Stop may be pressed; the bar runs without an end."""
        self._enable(busy=True)
        self.bar.setRange(0, 0)
        self.status.setText(text)

    def show_progress(self, event: TileDone | StepDone, what: str, *, percent: bool = False) -> None:
        """Advance the bar and say how much of `what` is done and how long it will take."""
        self.bar.setRange(0, event.total)
        self.bar.setValue(event.done)
        done = f"{100 * event.done // event.total} %" if percent else f"{event.done} of {event.total}"
        self.status.setText(f"{what} {done}{time_left(event.seconds_left)}")

    def show_idle(self, text: str) -> None:
        """Everything but Stop may be pressed again."""
        self._enable(busy=False)
        self.bar.setRange(0, 1)
        self.bar.reset()
        self.status.setText(text)

    def _enable(self, *, busy: bool) -> None:
        for button in self.starts.values():
            button.setEnabled(not busy)
        for button in (*self.meanwhile.values(), self.stop):
            button.setEnabled(busy)
        self.bar.setVisible(busy)

    def _button(self, text: str, slot: Callable[[], object]) -> QPushButton:
        button = QPushButton(text)
        button.clicked.connect(slot)
        return button


def time_left(seconds: float | None) -> str:
    """``", 12 s left"`` or ``", 3 min left"``; nothing where it is not known yet."""
    if seconds is None:
        return ""
    if seconds >= 90:
        return f", {seconds / 60:.0f} min left"
    return f", {max(seconds, 1):.0f} s left"
