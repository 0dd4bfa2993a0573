"""The Evaluate widget: how well the films that are open were marked, or a model marks them.

A form, one job, and what it found: tables, curves, and over each film a layer of what was hit, called falsely
and missed. Films without truth are left out and named; whatever goes wrong ends in a sentence.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari import Viewer
from napari.layers import Image
from napari.utils.notifications import show_info
from qtpy.QtWidgets import QFileDialog

from napari_weld_fcn.evaluation.matches import FALSE, HIT, MISSED
from napari_weld_fcn.events import JobControl
from napari_weld_fcn.viewer.evaluate.comparing import show_comparison
from napari_weld_fcn.viewer.evaluate.inputs import EvaluateInputs
from napari_weld_fcn.viewer.evaluate.job import Evaluated, entry_of, evaluate_all
from napari_weld_fcn.viewer.evaluate.panel import EvaluationPanel
from napari_weld_fcn.viewer.job_widget import JobWidget, Task
from napari_weld_fcn.viewer.layers import AGREEMENT_COLORS, show_agreement
from napari_weld_fcn.viewer.preferences import preferences
from napari_weld_fcn.viewer.showing import look_at

LEGEND = " &nbsp; ".join(
    f"<span style='color: {AGREEMENT_COLORS[value]}'>■</span> {word}"
    for value, word in ((HIT, "hit"), (FALSE, "false call"), (MISSED, "missed"))
)

NOTHING_TO_COMPARE = "There is nothing to compare: the films have neither flaws nor indications, or are gone."


class EvaluateWidget(JobWidget):
    """Scores of the films of one viewer.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in.

    Attributes
    ----------
    evaluated
        What the last job found; None before the first.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer, {"Run": self.run})
        self.evaluated: Evaluated | None = None
        self._films: list[Image] = []
        self.inputs = EvaluateInputs(napari_viewer, preferences())
        self.panel = EvaluationPanel(self.look_at, self.compare, self.ask_and_save)
        self.lay_out(self.inputs, self.jobs, self.panel)

    def reset_choices(self, _: Any = None) -> None:
        """Offer the layers and models that there are now; napari calls it when layers change."""
        self.inputs.refresh()
        self._show_figures()

    def run(self) -> None:
        """Score the films that are ticked."""
        self.begin(self._task)
        self.panel.free(self.job is None)

    def ended(self) -> None:
        """The job has ended, so what was found can be compared and saved."""
        self.panel.free(True)

    def look_at(self, row: int) -> None:
        """Centre the camera on a flaw of the table, if its film is still there."""
        if self.evaluated is None:
            return
        flaw = self.evaluated.evaluation.flaws[row]
        entry, plane = self.evaluated.places[flaw.image]
        film = self._films[entry]
        if film in self.viewer.layers:
            place = (flaw.row, flaw.column) if film.ndim == 2 else (plane, flaw.row, flaw.column)
            look_at(self.viewer, film, place, flaw.length_px)

    def compare(self) -> None:
        """Lay crops of the scored films side by side, as a grid of layers that the camera looks at."""
        if self.evaluated is None or self.job is not None:
            return
        present = [film for film in self._films if film in self.viewer.layers]
        if not (present and self.evaluated.examples):
            self.refuse(NOTHING_TO_COMPARE)
            return
        from napari_weld_fcn.evaluation.examples import side_by_side

        marks = "heatmap" if self.evaluated.evaluation.has_curves else "marks"
        figure = side_by_side(self.evaluated.examples, marks=marks)
        grid = show_comparison(self.viewer, present[0], figure, preferences().colormap)
        self.viewer.fit_to_view(layers=grid)

    def ask_and_save(self) -> None:
        """Ask for a folder and save the tables and curves there."""
        folder = QFileDialog.getExistingDirectory(self, "Folder for tables, curves and report")
        if folder:
            self.save(folder)

    def save(self, folder: str) -> None:
        """Write what `weld-fcn evaluate --output` writes to `folder`."""
        if self.evaluated is None:
            return
        evaluation = self.evaluated.evaluation

        def work(_: JobControl) -> dict[str, Path]:
            from napari_weld_fcn.evaluation.report import write_evaluation

            return write_evaluation(folder, evaluation)

        self.begin(lambda: Task(work, self._show_saved, "Save evaluation", "saving...", "file"))
        self.panel.free(self.job is None)

    def _task(self) -> Task:
        """Everything that the job needs, read off the form and the layers now."""
        settings, model = self.inputs.settings(), self.inputs.chosen_model()
        layers = self.inputs.layers()
        preferred_mm = preferences().pixel_size_mm
        entries = [entry_of(*each, preferred_mm=preferred_mm) for each in layers]
        self.inputs.remember()
        films = [film for film, *_ in layers]

        return Task(
            lambda job: evaluate_all(entries, model, settings, job),
            lambda evaluated: self._show_evaluated(films, evaluated),
            "Evaluate",
            "preparing the network..." if model else "comparing...",
            "",
            layers=tuple(layer for each in layers for layer in each if layer is not None),
            imports="napari_weld_fcn.evaluation.compare",
        )

    def _show_evaluated(self, films: list[Image], evaluated: Evaluated) -> None:
        self.evaluated, self._films = evaluated, films
        self.panel.show_evaluation(evaluated.evaluation, LEGEND)
        self._show_figures()
        for film, picture in zip(films, evaluated.pictures, strict=True):
            if picture is not None:
                show_agreement(self.viewer, film, picture)
        self.jobs.show_idle("Done.")

    def _show_figures(self) -> None:
        """Show each film's figures beside it, of a stack those of all its films."""
        if self.evaluated is None:
            return
        scores: dict[int, list[Any]] = {}
        for film in self.evaluated.evaluation.films:
            scores.setdefault(self.evaluated.places[film.film][0], []).append(film)
        texts = {self._films[entry]: _figures(films) for entry, films in scores.items()}
        self.inputs.films.show_figures(texts)

    def _show_saved(self, files: dict[str, Path]) -> None:
        text = f"{len(files)} files are in {files['report'].parent}."
        self.jobs.show_idle(text)
        show_info(text)


def _figures(films: list[Any]) -> tuple[str, str, str]:
    from napari_weld_fcn.evaluation.scores import pooled

    f1 = pooled(film.pixels for film in films).f1
    found, flaws = sum(film.found for film in films), sum(len(film.flaws) for film in films)
    return f"{f1:.3f}", f"{found}/{flaws}", str(sum(film.false_calls for film in films))
