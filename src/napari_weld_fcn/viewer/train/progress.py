"""What a training shows while it goes on: where it is, its curves, what it says, and what it predicts.

The prediction of a film that validates, as a layer that follows the training.

One layer a film, updated in place. Whoever deletes it has seen enough: it does not come again in that run.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event as Flag
from typing import Any

import numpy as np
from napari import Viewer
from napari.layers import Image
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_weld_fcn.events import Message, StepDone, TileDone, Validated
from napari_weld_fcn.training.refit import LEARNING_ALL
from napari_weld_fcn.training.settings import TrainSettings
from napari_weld_fcn.viewer.belonging import MARK, earlier_output, mark_of
from napari_weld_fcn.viewer.form import wrapped
from napari_weld_fcn.viewer.job_panel import time_left
from napari_weld_fcn.viewer.layers import HEATMAP_OPACITY, over_film, placement
from napari_weld_fcn.viewer.pixel_sizes import pixel_edge_mm
from napari_weld_fcn.viewer.preferences import preferences
from napari_weld_fcn.viewer.train.curves import Curves
from napari_weld_fcn.viewer.train.run import Begun, FilmOfRun, Glimpse

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
        self.notes = wrapped()
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


#: What the layer of the film `NAME` is called, and what its mark calls it.
NAME, OUTPUT = "{} in training", "training"


class Watching:
    """Layers over the films of one run.

    Parameters
    ----------
    viewer
        Where the films are.
    films
        The rows' films when the run began; of those that are gone nothing is shown.
    colormap
        napari's name of the colours.
    """

    def __init__(self, viewer: Viewer, films: Sequence[Image], colormap: str) -> None:
        self._viewer, self._films, self._colormap = viewer, list(films), colormap
        self._layers: dict[int, Image] = {}

    def add_film(self, film: FilmOfRun) -> Image:
        """Open a film that no layer shows, as the next row; in pixels where all that is open is."""
        in_pixels = [pixel_edge_mm(layer.scale, layer.units) is None for layer in self._viewer.layers]
        size = None if in_pixels and all(in_pixels) else film.pixel_size_mm
        place: dict[str, Any] = {"scale": (size, size), "units": ("mm", "mm")} if size else {}
        layer = self._viewer.add_image(film.pixels, name=film.name, rgb=False, **place)
        self._films.append(layer)
        return layer

    def show(self, glimpse: Glimpse) -> bool:
        """Show a prediction over its film.

        Returns
        -------
        bool
            False where the user has deleted the layer, or the film.
        """
        film, layer = self._films[glimpse.row], self._layers.get(glimpse.row)
        present = self._viewer.layers
        if film not in present or (layer is not None and layer not in present):
            return False
        data = glimpse.probability if film.ndim == 2 else glimpse.probability[None]
        if layer is None:
            active = present.selection.active
            self._layers[glimpse.row] = self._add(film, data, glimpse)
            present.selection.active = active
        else:
            _show_in(layer, film, data, glimpse)
        return True

    def _add(self, film: Image, data: np.ndarray, glimpse: Glimpse) -> Image:
        earlier = earlier_output(self._viewer, film, OUTPUT, data.shape)
        if isinstance(earlier, Image):
            _show_in(earlier, film, data, glimpse)
            return earlier
        return self._viewer.add_image(
            data,
            name=NAME.format(film.name),
            colormap=over_film(self._colormap),
            contrast_limits=(0, 1),
            opacity=HEATMAP_OPACITY,
            blending="translucent",
            metadata={MARK: mark_of(film, OUTPUT)},
            **_over(film, glimpse),
        )


def _show_in(layer: Image, film: Image, data: np.ndarray, glimpse: Glimpse) -> None:
    place = _over(film, glimpse)
    for name in ("scale", "translate"):  # each one set draws the layer anew
        if not np.array_equal(getattr(layer, name), place[name]):
            setattr(layer, name, place[name])
    layer.data = data


def _over(film: Image, glimpse: Glimpse) -> dict[str, Any]:
    """The keywords that put blocks of pixels over the film, on their plane."""
    place = placement(film)
    grown = np.ones(film.ndim)
    grown[-2:] = glimpse.factor
    moved = np.zeros(film.ndim)
    moved[-2:] = (glimpse.factor - 1) / 2  # the centre of the first block
    if film.ndim > 2:
        moved[-3] = glimpse.plane
    scale = np.asarray(film.scale)
    return place | {"scale": scale * grown, "translate": np.asarray(film.translate) + scale * moved}
