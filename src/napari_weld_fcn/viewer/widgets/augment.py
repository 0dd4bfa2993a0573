"""The Augment widget: from some crops to many pairs, with a gallery that shows what becomes of them.

A form, a picture and two jobs. The first one follows every change of the form and draws the gallery; the
second one makes the pairs. Whatever goes wrong ends in a notification and in a form that works again.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from napari import Viewer
from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QImage, QPixmap, QResizeEvent
from qtpy.QtWidgets import QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget
from superqt.utils import QSignalDebouncer

from napari_weld_fcn.dataset.variants import counts, summary
from napari_weld_fcn.errors import SettingsError, WeldFcnError
from napari_weld_fcn.events import Event, OnEvent, ShouldStop, TileDone
from napari_weld_fcn.viewer.augmenting import Augmented, Preview, augment_all, holds_variants, preview
from napari_weld_fcn.viewer.crops import is_crops, show_stacks
from napari_weld_fcn.viewer.widgets.augment_inputs import AugmentInputs
from napari_weld_fcn.viewer.widgets.job_panel import JobPanel
from napari_weld_fcn.viewer.worker import Job, Outcome, Started, sentence

logger = logging.getLogger(__name__)

NO_OUTPUT = "The pairs would go nowhere: choose a dataset folder, or add them as layers."
#: What the layers of pairs are called.
NAME = "variants"

#: Milliseconds between a change of the form and the gallery that follows it.
PREVIEW_DELAY = 150


class AugmentWidget(QWidget):
    """Variants of the crops of one viewer, or of a dataset folder.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.job: Job | None = None
        self.previewing: Job | None = None
        self.crops = 0
        self._outdated = False
        self._done = 0
        self._preview_soon = QSignalDebouncer(parent=self)
        self._preview_soon.setTimeout(PREVIEW_DELAY)
        self._preview_soon.triggered.connect(self.preview)
        self.inputs = AugmentInputs(napari_viewer, self._preview_soon.throttle, self.show_count)
        self.gallery = Gallery()
        self.count = QLabel()
        self.count.setWordWrap(True)
        self.count.setStyleSheet("font-weight: bold")
        self.jobs = JobPanel({"Augment": self.run}, self.stop)
        self._lay_out()
        napari_viewer.layers.events.inserted.connect(self._on_inserted)
        self._preview_soon.throttle()

    def reset_choices(self, _: Any = None) -> None:
        """Offer the layers that there are now; napari calls it when layers change."""
        self.inputs.refresh()
        self._preview_soon.throttle()

    def preview(self) -> None:
        """Draw the gallery and count the crops, in a job; a change meanwhile begins it anew."""
        if self.job is not None or self.previewing is not None:
            self._outdated = True
            return
        self._outdated = False
        try:
            settings, crops = self.inputs.settings(), self.inputs.crops()
        except WeldFcnError as error:
            self._show_fault(str(error))
            return
        seed, index = int(self.inputs.seed.value), int(self.inputs.shown.value)

        def work(_: OnEvent, __: ShouldStop) -> Preview:
            return preview(crops, index, settings, seed)

        self.previewing = Job(work, self, "Gallery", lambda _: None, self._on_preview, quiet=True)
        self.previewing.start()

    def show_count(self) -> None:
        """Say how many pairs the form asks for."""
        if not self.crops:
            return
        try:
            pairs = sum(counts(self.crops, **self.inputs.numbers()))
        except SettingsError as error:
            self.count.setText(str(error))
            return
        self.count.setText(summary(self.crops, pairs))

    def run(self) -> None:
        """Make all variants of all crops."""
        if self.job is not None:
            return
        try:
            settings, crops = self.inputs.settings(), self.inputs.crops()
            keep, folder = bool(self.inputs.as_layers.value), self.inputs.dataset
            if not (keep or folder):
                raise SettingsError(NO_OUTPUT)
        except WeldFcnError as error:
            self._refuse(str(error))
            return
        self.inputs.remember()
        numbers, seed = self.inputs.numbers(), int(self.inputs.seed.value)

        def work(on_event: OnEvent, should_stop: ShouldStop) -> Augmented:
            return augment_all(
                crops,
                settings,
                **numbers,
                seed=seed,
                folder=folder,
                keep=keep,
                on_event=on_event,
                should_stop=should_stop,
            )

        self._done = 0
        self.job = Job(work, self, "Augment", self._on_event, self._on_end)
        self.jobs.show_busy("Queued, another job is running...")
        self.job.start()

    def stop(self) -> None:
        """Stop at the next pair."""
        if self.job is not None:
            self.job.stop()
            self.jobs.show_busy("Stopping...")

    def event(self, event: QEvent) -> bool:
        """When the dock is closed stop the job and go; when the mouse comes in, look at the masks again.

        What is painted in a layer is told by no signal that would not come with every stroke.
        """
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.stop()
            if self.job is None and self.previewing is None:
                self.deleteLater()
        if event.type() == QEvent.Type.Enter:
            self._preview_soon.throttle()
        return bool(super().event(event))

    def _on_inserted(self, event: Any) -> None:
        """Crops that were just cut are those that are meant."""
        if self.job is None and is_crops(event.value) and not holds_variants(event.value):
            self.inputs.refresh()
            self.inputs.images.value = event.value

    def _on_preview(self, outcome: Outcome) -> None:
        self.previewing = None
        if self._gone():
            return
        if outcome.error is not None:
            self._show_fault(sentence(outcome.error))
        elif not outcome.stopped:
            self.crops = outcome.value.crops
            self.gallery.show_picture(outcome.value.picture)
            self.show_count()
        if self._outdated:
            self._preview_soon.throttle()

    def _show_fault(self, text: str) -> None:
        self.crops = 0
        self.gallery.show_picture(None)
        self.count.setText(text)

    def _on_event(self, event: Event | Started) -> None:
        match event:
            case Started() if self.job is not None and not self.job.stopping:
                self.jobs.show_busy("Opening the crops...")
            case TileDone(done=done):
                self._done = done
                if self.job is not None and not self.job.stopping:
                    self.jobs.show_progress(event, "Pair")

    def _on_end(self, outcome: Outcome) -> None:
        self.job = None
        if self._gone():
            return
        if outcome.error is not None:
            self._refuse(sentence(outcome.error))
        elif outcome.stopped:
            written = self._done and self.inputs.dataset is not None
            kept = f" {self._done} pairs are in {self.inputs.dataset}." if written else ""
            self.jobs.show_idle(f"Stopped.{kept}")
        else:
            self._show(outcome.value)
        if self._outdated:
            self._preview_soon.throttle()

    def _show(self, augmented: Augmented) -> None:
        try:
            if augmented.stacks is not None:
                show_stacks(self.viewer, augmented.stacks, NAME)
        except Exception as error:
            logger.exception("The layers of variants could not be made")
            self._refuse(sentence(error))
            return
        text = f"{summary(augmented.crops, augmented.pairs)}: done."
        if self.inputs.dataset is not None:
            text = f"{summary(augmented.crops, augmented.pairs)} written to {self.inputs.dataset}."
            show_info(text)
        self.jobs.show_idle(text)

    def _refuse(self, sentence: str) -> None:
        """Tell it in napari and in the form, and let the form work again."""
        self.jobs.show_idle(sentence)
        show_error(sentence)

    def _gone(self) -> bool:
        """Whether the dock was closed; the widget goes with its last job."""
        if self.window() is not self:
            return False
        if self.job is None and self.previewing is None:
            self.deleteLater()
        return True

    def _lay_out(self) -> None:
        content = QWidget()
        layout = QVBoxLayout(content)
        for part in (self.inputs, self.gallery, self.count, self.jobs):
            layout.addWidget(part)
        layout.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidget(content)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        self.setMinimumWidth(360)


class Gallery(QLabel):
    """A picture as wide as the form."""

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
        scaled = self._picture.scaledToWidth(max(self.width(), 1), smooth)
        self.setFixedHeight(scaled.height())
        self.setPixmap(scaled)
