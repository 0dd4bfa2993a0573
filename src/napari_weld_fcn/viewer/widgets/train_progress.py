"""What a training shows while it goes on: where it is, its curves, what it says, and what it predicts."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event as Flag
from typing import Any

from napari import Viewer
from napari.layers import Image
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_weld_fcn.events import Message, StepDone, TileDone, Validated
from napari_weld_fcn.training.settings import TrainSettings
from napari_weld_fcn.training.two_learnings import LEARNING_ALL
from napari_weld_fcn.viewer.preferences import preferences
from napari_weld_fcn.viewer.training import Begun, FilmOfRun, Glimpse
from napari_weld_fcn.viewer.watching import Watching
from napari_weld_fcn.viewer.widgets.curves import Curves
from napari_weld_fcn.viewer.widgets.job_panel import time_left

#: Milliseconds between two drawings of the curves.
DRAW_INTERVAL = 500


class TrainProgress(QWidget):
    """Sentences and curves of one run after the other.

    Parameters
    ----------
    viewer
        Where predictions are shown.

    Attributes
    ----------
    watched
        Set while predictions are wanted; asked from the job's thread.
    films
        Of the run, by row; none where it learns from files.
    place
        Where the run is and how long it takes, in words.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._settings = TrainSettings()
        self._learns_all = False
        self.films: list[Image] = []
        self.place = ""
        self.watched = Flag()
        self._watching = Watching(viewer, [], "")
        self.notes = QLabel()
        self.notes.setWordWrap(True)
        self.curves = Curves()
        self._timer = QTimer(self)
        self._timer.setInterval(DRAW_INTERVAL)
        self._timer.timeout.connect(self.curves.draw)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (self.notes, self.curves):
            layout.addWidget(part)
        self.notes.hide()

    def begin(self, learned: Sequence[Image], present: Sequence[Image], watch: bool) -> None:
        """Make ready for a run.

        Parameters
        ----------
        learned
            The layers of its films.
        present
            Those over which predictions are shown, by their row.
        watch
            Whether they are wanted.
        """
        self.films, self.place = list(learned), "preparing the run..."
        self._watching = Watching(self._viewer, present, preferences().colormap)
        (self.watched.set if watch else self.watched.clear)()
        self.notes.clear()
        self.notes.hide()
        self._timer.start()

    def end(self) -> None:
        """Draw what came last."""
        self._timer.stop()
        self.curves.draw()

    def hear(self, event: Any, known: str) -> None:
        """Take up what the run says; the timer draws it.

        Parameters
        ----------
        event
            Of the run.
        known
            What was said before the start, and need not be said again.
        """
        match event:
            case Begun(settings=settings, history=history):
                self._settings, self._learns_all = settings, False
                self.curves.clear(settings.margin)
                for row in history:
                    self.curves.add_scores(row.step, row.f1, row.precision, row.recall)
            case StepDone(done=done, loss=loss):
                self.curves.add_loss(done, loss)
                place = where(event, self._settings, learns_all=self._learns_all)
                self.place = f"{place}{time_left(event.seconds_left)}"
            case TileDone(done=done, total=total):
                self.place = f"preparing films without labels, {done} of {total}..."
            case Validated(step=step, f1=f1, precision=precision, recall=recall):
                self.curves.add_scores(step, f1, precision, recall)
            case FilmOfRun() if self.watched.is_set():
                self.films.append(self._watching.add_film(event))
            case Glimpse() if self.watched.is_set():
                if not self._watching.show(event):
                    self.watched.clear()
            case Message(text=text):
                self._learns_all |= text.startswith(LEARNING_ALL)
                if text not in known:
                    self._note(text)

    def _note(self, text: str) -> None:
        before = self.notes.text()
        self.notes.setText(f"{before}\n{text}" if before else text)
        self.notes.show()


def where(event: StepDone, settings: TrainSettings, *, learns_all: bool = False) -> str:
    """Say where a run is: in which epoch, all of as many steps; else at which step.

    Parameters
    ----------
    event
        Of the step.
    settings
        Of the run; where time decides there are no epochs.
    learns_all
        Whether it learns what was held back too.
    """
    if learns_all:
        total = "" if settings.minutes else f" of {event.total}"
        return f"{LEARNING_ALL.lower()}, step {event.done}{total}"
    if settings.minutes:
        return f"step {event.done}"
    each = max(event.total // settings.epochs, 1)
    return f"epoch {min((event.done - 1) // each + 1, settings.epochs)} of {settings.epochs}"
