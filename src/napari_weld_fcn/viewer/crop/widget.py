"""The Crop ROIs widget: cut crops with their masks out of the films that are open.

A form, what it will give, and two jobs. The first one follows every change of the form and says how many
crops there will be and how much flaw they show; the second one cuts them. Whatever goes wrong ends in a
notification and in a form that works again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari import Viewer
from napari.layers import Image
from napari.utils.notifications import show_info
from qtpy.QtCore import QEvent

from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.events import Event, JobControl, TileDone
from napari_weld_fcn.viewer.crop.inputs import CropInputs
from napari_weld_fcn.viewer.crop.job import Cropped, Surveyed, crop_all, notes_by_film, survey_all
from napari_weld_fcn.viewer.crop.stacks import show_stacks, show_windows
from napari_weld_fcn.viewer.films import Source, source_of
from napari_weld_fcn.viewer.form import wrapped
from napari_weld_fcn.viewer.job_widget import JobWidget, Task
from napari_weld_fcn.viewer.worker import Outcome, Work, failure_sentence

NO_FILM = "There is no film to crop: open an image, and tick it in the table."
NO_OUTPUT = "The crops would go nowhere: add them as layers, or choose a dataset folder."
NO_RECTANGLES = "There are no rectangles: draw some in a new Shapes layer, and choose it."

#: Milliseconds of rest before the form says what it will cut.
SURVEY_DELAY = 300
#: Windows that are drawn; thousands of shapes would hold napari up.
MOST_DRAWN = 500
#: Sentences about films that are shown; all of them would push the buttons off the screen.
NOTES_SHOWN = 6


class CropWidget(JobWidget):
    """Crops of the films of one viewer.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer, {"Crop": self.run})
        self.surveyed: list[tuple[Image, Surveyed]] = []
        self._done = 0
        self._folder: Path | None = None
        self.following = self.follow("Survey", SURVEY_DELAY, self._survey, self._on_surveyed)
        self.inputs = CropInputs(napari_viewer, self.following.soon)
        self.summary = wrapped("font-weight: bold")
        self.notes = wrapped("color: #e6a23c")
        self.lay_out(self.inputs, self.summary, self.notes, self.jobs)
        self.following.soon()

    def reset_choices(self, _: Any = None) -> None:
        """Offer the layers that there are now; napari calls it when layers change."""
        self.inputs.refresh()
        self._show_figures()
        self.following.soon()

    def run(self) -> None:
        """Cut the crops of all films that are ticked."""
        self.begin(self._task)

    def heard(self, event: Event) -> None:
        """Keep how many crops there are."""
        if isinstance(event, TileDone):
            self._done = event.done

    def stopped(self) -> str:
        """What is left of a job that was stopped."""
        written = self._done and self._folder is not None
        return f"stopped. {self._done} crops are in {self._folder}." if written else "stopped."

    def event(self, event: QEvent) -> bool:
        """When the mouse comes in, look at the layers again.

        What is painted and drawn in the layers is told by no signal that would not come with every stroke.
        """
        if event.type() == QEvent.Type.Enter:
            self.following.soon()
        return super().event(event)

    def _survey(self) -> Work:
        """Say what the form will cut."""
        films = [film for film, _ in self.inputs.films.ticked()]
        settings, sources = self.inputs.settings(), self._sources()
        seed = int(self.inputs.seed.value)

        def work(job: JobControl) -> list[tuple[Image, Surveyed]]:
            return list(zip(films, survey_all(sources, settings, seed, job), strict=True))

        return work

    def _task(self) -> Task:
        """Everything that the job needs, read off the form and the layers now."""
        settings, sources = self.inputs.settings(), self._sources()
        keep, folder = bool(self.inputs.as_layers.value), self.inputs.dataset
        if not (keep or folder):
            raise SettingsError(NO_OUTPUT)
        self.inputs.remember()
        seed = int(self.inputs.seed.value)
        expected = sum(each.crops for _, each in self.surveyed)

        def work(job: JobControl) -> Cropped:
            return crop_all(sources, settings, seed, job, folder=folder, keep=keep, total=expected)

        self._done, self._folder = 0, folder
        return Task(work, self._show_crops, "Crop ROIs", "cropping...", "crop")

    def _sources(self) -> list[Source]:
        """Everything that a job needs, read off the form and the layers now."""
        ticked = self.inputs.films.ticked()
        if not ticked:
            raise SettingsError(NO_FILM)
        shapes = self.inputs.rectangles
        if self.inputs.form.widgets["rois"].value == "rectangles" and (
            shapes is None or not len(shapes.data)
        ):
            raise SettingsError(NO_RECTANGLES)
        return [source_of(film, truth, self.inputs.shapes_of(film)) for film, truth in ticked]

    def _on_surveyed(self, outcome: Outcome) -> None:
        if outcome.error is not None:
            self._show_survey([], failure_sentence(outcome.error))
        else:
            self._show_survey(outcome.value)

    def _show_survey(self, found: list[tuple[Image, Surveyed]], fault: str = "") -> None:
        self.surveyed = [(film, each) for film, each in found if film in self.viewer.layers]
        self._show_figures()
        self.summary.setText(fault or crops_in_words([each for _, each in self.surveyed]))
        notes = notes_by_film(note for _, each in self.surveyed for note in each.notes)
        self._show_notes([*self._draw_windows(), *notes])

    def _show_figures(self) -> None:
        self.inputs.films.show_figures(
            {film: (str(each.crops), f"{each.flaw_share:.2%}") for film, each in self.surveyed}
        )

    def _show_notes(self, notes: list[str]) -> None:
        more = [f"... and {len(notes) - NOTES_SHOWN} more."] if len(notes) > NOTES_SHOWN else []
        self.notes.setText("\n".join([*notes[:NOTES_SHOWN], *more]))
        self.notes.setVisible(bool(notes))

    def _draw_windows(self) -> list[str]:
        """Draw the windows of the film that is chosen; say so if there are too many to draw."""
        film = self.inputs.films.current()
        planes = [
            plan.windows
            for other, each in self.surveyed
            for part in each.surveys
            for plan in part.plans
            if other == film  # not `is`: napari hands out proxies
        ]
        if film is None or not planes or not self.inputs.windows.value:
            return []
        active = self.viewer.layers.selection.active
        count = sum(map(len, planes))
        drawn = [windows[: -(-MOST_DRAWN * len(windows) // max(count, MOST_DRAWN))] for windows in planes]
        show_windows(self.viewer, film, drawn)
        self.viewer.layers.selection.active = active
        if count <= MOST_DRAWN:
            return []
        return [f"{film.name}: {sum(map(len, drawn))} of its {count} windows are drawn."]

    def _show_crops(self, cropped: Cropped) -> None:
        if cropped.stacks is not None:
            show_stacks(self.viewer, cropped.stacks)
        self._show_notes(list(cropped.notes))
        text = f"{cropped.pairs} crops cut."
        if self._folder is not None:
            text = f"{cropped.pairs} crops cut and written to {self._folder}."
            show_info(text)
        self.jobs.show_idle(text)


def crops_in_words(found: list[Surveyed]) -> str:
    """Say in one sentence how many crops there will be, and how much flaw."""
    crops, flawed = sum(each.crops for each in found), sum(each.with_flaw for each in found)
    films = sum(len([survey for survey in each.surveys if survey.crops]) for each in found)
    share = sum(each.flaw_share * each.crops for each in found) / max(crops, 1)
    return (
        f"{crops} crops of {films} film{'s' * (films != 1)}; {flawed} show flaws, "
        f"which are {share:.2%} of all pixels."
    )
