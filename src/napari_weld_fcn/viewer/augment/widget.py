"""The Augment widget: from some crops to many pairs, with a gallery that shows what becomes of them.

A form, a picture and two jobs. The first one follows every change of the form and draws the gallery; the
second one makes the pairs. Whatever goes wrong ends in a notification and in a form that works again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from napari import Viewer
from napari.utils.notifications import show_info
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QImage, QPixmap, QResizeEvent
from qtpy.QtWidgets import QLabel, QScrollArea, QSizePolicy

from napari_weld_fcn.dataset.settings import counts, variants_in_words
from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.events import Event, JobControl, TileDone
from napari_weld_fcn.viewer.augment.inputs import AugmentInputs
from napari_weld_fcn.viewer.augment.job import Augmented, augment_all, holds_variants, preview
from napari_weld_fcn.viewer.crop.stacks import is_crops, show_stacks
from napari_weld_fcn.viewer.form import wrapped
from napari_weld_fcn.viewer.job_widget import JobWidget, Task
from napari_weld_fcn.viewer.worker import Outcome, Work, failure_sentence

NO_OUTPUT = "The pairs would go nowhere: choose a dataset folder, or add them as layers."
#: What the layers of pairs are called.
NAME = "variants"

#: Milliseconds between a change of the form and the gallery that follows it.
PREVIEW_DELAY = 150


class AugmentWidget(JobWidget):
    """Variants of the crops of one viewer, or of a dataset folder.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer, {"Augment": self.run})
        self.crops = 0
        self._done = 0
        self._folder: Path | None = None
        self.following = self.follow("Gallery", PREVIEW_DELAY, self._preview, self._on_preview)
        self.inputs = AugmentInputs(napari_viewer, self.following.soon, self.show_count)
        self.gallery = Gallery()
        self.count = wrapped("font-weight: bold")
        self.lay_out(self.inputs, self.gallery, self.count, self.jobs)
        napari_viewer.layers.events.inserted.connect(self._on_inserted)
        self.following.soon()

    def reset_choices(self, _: Any = None) -> None:
        """Offer the layers that there are now; napari calls it when layers change."""
        self.inputs.refresh()
        self.following.soon()

    def show_count(self) -> None:
        """Say how many pairs the form asks for."""
        if not self.crops:
            return
        try:
            pairs = sum(counts(self.crops, **self.inputs.numbers()))
        except SettingsError as error:
            self.count.setText(str(error))
            return
        self.count.setText(variants_in_words(self.crops, pairs))

    def run(self) -> None:
        """Make all variants of all crops."""
        self.begin(self._task)

    def heard(self, event: Event) -> None:
        """Keep how many pairs there are."""
        if isinstance(event, TileDone):
            self._done = event.done

    def stopped(self) -> str:
        """What is left of a job that was stopped."""
        written = self._done and self._folder is not None
        return f"stopped. {self._done} pairs are in {self._folder}." if written else "stopped."

    def event(self, event: QEvent) -> bool:
        """When the mouse comes in, look at the masks again.

        What is painted in a layer is told by no signal that would not come with every stroke.
        """
        if event.type() == QEvent.Type.Enter:
            self.following.soon()
        return super().event(event)

    def _preview(self) -> Work:
        """Draw the gallery and count the crops."""
        settings, crops = self.inputs.settings(), self.inputs.crops()
        seed, index = int(self.inputs.seed.value), int(self.inputs.shown.value)

        return lambda _: preview(crops, index, settings, seed)

    def _task(self) -> Task:
        """Everything that the job needs, read off the form and the layers now."""
        settings, crops = self.inputs.settings(), self.inputs.crops()
        keep, folder = bool(self.inputs.as_layers.value), self.inputs.dataset
        if not (keep or folder):
            raise SettingsError(NO_OUTPUT)
        self.inputs.remember()
        numbers, seed = self.inputs.numbers(), int(self.inputs.seed.value)

        def work(job: JobControl) -> Augmented:
            return augment_all(crops, settings, **numbers, seed=seed, folder=folder, keep=keep, job=job)

        self._done, self._folder = 0, folder
        return Task(work, self._show_pairs, "Augment", "opening the crops...", "pair")

    def _on_inserted(self, event: Any) -> None:
        """Crops that were just cut are those that are meant."""
        if self.job is None and is_crops(event.value) and not holds_variants(event.value):
            self.inputs.refresh()
            self.inputs.images.value = event.value

    def _on_preview(self, outcome: Outcome) -> None:
        if outcome.error is not None:
            self._show_fault(failure_sentence(outcome.error))
            return
        self.crops = outcome.value.crops
        self.gallery.show_picture(outcome.value.picture)
        self.show_count()

    def _show_fault(self, text: str) -> None:
        self.crops = 0
        self.gallery.show_picture(None)
        self.count.setText(text)

    def _show_pairs(self, augmented: Augmented) -> None:
        if augmented.stacks is not None:
            show_stacks(self.viewer, augmented.stacks, NAME)
        text = f"{variants_in_words(augmented.crops, augmented.pairs)}: done."
        if self._folder is not None:
            text = f"{variants_in_words(augmented.crops, augmented.pairs)} written to {self._folder}."
            show_info(text)
        self.jobs.show_idle(text)


class Gallery(QLabel):
    """A picture as wide as the form is beside its scroll bar, whether that is shown or not.

    If it grew when the scroll bar goes, the form would be too long again and the scroll bar would come back,
    without end.
    """

    def __init__(self) -> None:
        super().__init__()
        self._picture = QPixmap()
        self.setToolTip("The crop itself and its first variants; flaws outlined, what is ignored in blue")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_picture(self, picture: np.ndarray | None) -> None:
        """Show ``(rows, columns, 3)`` uint8, or nothing."""
        if picture is None:
            self._picture = QPixmap()
        else:
            rows, columns, _ = picture.shape
            image = QImage(picture.data, columns, rows, 3 * columns, QImage.Format.Format_RGB888)
            self._picture = QPixmap.fromImage(image)  # copies
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  (Qt's name)
        """Keep the picture as wide as the form."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        if self._picture.isNull():
            self.clear()
            self.setFixedHeight(0)
            return
        smooth = Qt.TransformationMode.SmoothTransformation
        scaled = self._picture.scaledToWidth(max(self._room(), 1), smooth)
        self.setFixedHeight(scaled.height())
        self.setPixmap(scaled)

    def _room(self) -> int:
        """Pixels across that are there with a scroll bar and without."""
        area = self.parent()
        while area is not None and not isinstance(area, QScrollArea):
            area = area.parent()
        if area is None:
            return int(self.width())
        margins = area.widget().width() - self.width()
        bar = area.verticalScrollBar().sizeHint().width()
        return int(area.maximumViewportSize().width() - bar - margins)
