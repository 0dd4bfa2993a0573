"""What is known of one predicted film: its probabilities, its layers and its table.

The threshold and the minimum size are applied to the kept probabilities, never to a new run of the network.
Labels follow at once; the table, which costs more and which napari's own table widget redraws slowly, is
brought up to date by `measure`, when the slider rests; until then the session is `stale`. Record and warnings
follow, so what is saved says how it was made.

What a person paints or erases is taken over by `follow`, as soon as it is painted, and outlives every other
marking (`prediction.numbering`). What must outlive the form is noted in the layers themselves, from which
`viewer.taking_up` makes the session anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from napari import Viewer
from napari.layers import Image, Labels, Layer

from napari_weld_fcn.network.card import Card
from napari_weld_fcn.prediction import cautions
from napari_weld_fcn.prediction.indications import label, measure_indications
from napari_weld_fcn.prediction.numbering import Marking, in_one_plane_each, marked, marked_anew, taken_over
from napari_weld_fcn.prediction.record import min_size_in_px, pixel_size_in
from napari_weld_fcn.prediction.saved import count_in_words
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.radiograph.radiograph import Radiograph
from napari_weld_fcn.viewer.layers import show_area, show_heatmap
from napari_weld_fcn.viewer.marks import (
    films_by_row,
    note_marking,
    note_marks,
    show_current,
    show_indications,
    show_marking,
    show_table,
)
from napari_weld_fcn.viewer.preferences import DEFAULT_VIEW, ViewSettings

#: Settings that can be changed after the network has run.
AFTERWARDS = ("threshold", "min_size", "min_size_unit", "peak_odds", "pixel_size_mm")

#: Key of the record of labels that were corrected by hand, which predicting again does not give.
CORRECTED = "corrected_by_hand"

#: A film of more pixels is filled, not outlined, while its slider moves: napari outlines it in half a second.
LARGE = 1_000_000


@dataclass(frozen=True)
class Predicted:
    """What a job returns: the radiograph as it was read, and the `Prediction` of it."""

    radiograph: Radiograph
    prediction: Any
    settings: PredictionSettings
    card: Card


class Session:
    """A film in the viewer with its prediction; without layers until `show` or `take_up` gives it some.

    Parameters
    ----------
    film
        The layer that was predicted.
    predicted
        What the job returned for it.
    marking
        What is marked by the program in its place, because of hand work; None for what was predicted.

    Attributes
    ----------
    heatmap, indications
        The layers.
    threshold
        The threshold of the labels as they are shown.
    at
        The indication looked at last; 0 before the first.
    stale
        Whether the labels are newer than the table.
    """

    heatmap: Image
    indications: Labels

    def __init__(self, film: Image, predicted: Predicted, marking: Marking | None = None) -> None:
        self.film = film
        self.radiograph, self.prediction = predicted.radiograph, predicted.prediction
        self._settings, self._card = predicted.settings, predicted.card
        self.threshold = float(self.prediction.record["threshold"])
        self.at = 0
        self.stale = False
        ours = self._scale_cautions()
        self._film_warnings = [text for text in self.prediction.warnings if text not in ours]
        self._before = self._marking = marking or marked(self.prediction.labels)
        self._outline: int | None = None
        if self._marking.labels is not self.prediction.labels:
            self._measured(self._marking.labels)

    def show(self, viewer: Viewer, colormap: str, view: ViewSettings = DEFAULT_VIEW) -> None:
        """Make or update the film's layers; `colormap` and `view` are for those that are made."""
        show_area(viewer, self.film, self.prediction.record["planes"])
        self.heatmap = show_heatmap(viewer, self.film, self.prediction.probability, colormap, view)
        self.indications = show_indications(
            viewer, self.film, self.prediction.labels, self.prediction.table, view
        )
        self._note()

    def take_up(self, heatmap: Image, indications: Labels) -> None:
        """Go on with layers that are there, as they are, hand work included."""
        self.heatmap, self.indications = heatmap, indications
        if not self.follow():
            self._show_measured()
        self._note()

    @property
    def settings(self) -> PredictionSettings:
        """What the labels are marked with; the threshold is never left to the model."""
        return self._settings.model_copy(update={"threshold": self.threshold})

    @property
    def warnings(self) -> list[str]:
        """What the user ought to know of this prediction."""
        return list(self.prediction.warnings)

    @property
    def numbers(self) -> list[int]:
        """The numbers of the indications in the table, rising."""
        return [int(number) for number in self.prediction.table["label"]]

    @property
    def count(self) -> int:
        """How many indications are shown."""
        labels = self.prediction.labels
        return int(np.unique(labels[labels != 0]).size) if self.stale else len(self.numbers)

    @property
    def view(self) -> ViewSettings:
        """How its layers are shown when the slider rests."""
        outline = self.indications.contour if self._outline is None else self._outline
        opacity = round(float(self.indications.opacity), 3)
        return ViewSettings(outline=outline, opacity=opacity, heatmap=bool(self.heatmap.visible))

    @property
    def changed(self) -> int:
        """How many indications a person painted, changed or erased."""
        return len(self.taken_over().changed)

    def needs(self, layer: Layer) -> bool:
        """Whether the form can no longer work on this film once `layer` is gone."""
        return layer in (self.film, self.indications)

    def taken_over(self) -> Marking:
        """The marking with the labels as they were followed last."""
        return taken_over(self._marking, self.prediction.labels)

    def relabel(self, settings: PredictionSettings) -> None:
        """Mark anew with the threshold and the sizes of `settings`; the table waits for `measure`.

        Raises
        ------
        SettingsError
            If the minimum size is in mm and the pixel size is not known.
        """
        changed = self._settings.model_copy(update={name: getattr(settings, name) for name in AFTERWARDS})
        threshold = changed.threshold or self._card.threshold
        size_mm, source = pixel_size_in(changed, self.radiograph)
        min_size_px = min_size_in_px(changed, self._card.min_size_px, size_mm)
        if self.follow() or not self.stale:
            self._before = self.taken_over()
        peak_odds = changed.peak_odds or self._card.peak_odds
        found = label(self.prediction.probability, threshold, min_size_px, peak_odds)
        self._marking = marked_anew(self._before, found)
        record = {
            **self.prediction.record,
            "settings": changed.model_dump(),
            "threshold": threshold,
            "min_size_px": min_size_px,
            "peak_odds": peak_odds,
            "pixel_size_mm": size_mm,
            "pixel_size_source": source,
        }
        self._settings, self.threshold = changed, threshold
        self.prediction = replace(self.prediction, labels=self._marking.labels, record=record)
        self.stale = True
        self._fill()
        show_marking(self.indications, self._marking.labels)
        self._note()

    def measure(self) -> None:
        """Bring the table and the warnings up to date with the labels, if they are not."""
        if not self.stale:
            return
        self._measured(self.prediction.labels)
        self._show_measured()
        if self._outline is not None:
            self.indications.contour, self._outline = self._outline, None

    def follow(self) -> bool:
        """Take over what was painted or erased on the indications; False where nothing was."""
        shown = np.asarray(self.indications.data)
        if shown.shape != self.prediction.labels.shape or np.array_equal(shown, self.prediction.labels):
            return False
        self.measure()
        labels = in_one_plane_each(shown, self.prediction.labels)
        if labels is not shown:
            shown[...] = labels  # in place, so that undo still knows its places
            self.indications.refresh()
        self._measured(labels.astype(np.int32))
        self._show_measured()
        return True

    def look_at(self, number: int) -> None:
        """Note and emphasise the indication that is looked at; 0 for none."""
        self.at = number
        show_current(self.indications, number)

    def steps_over(self, number: int) -> bool:
        """Whether a label was selected by a key of Labels, which knows no gaps, and there is none of it."""
        between = 0 < number < max(self.numbers, default=0)
        return between and abs(number - self.at) == 1 and self.indications.mode == "pan_zoom"

    def to_save(self) -> tuple[Radiograph, Any]:
        """What is written to files: under the name that the film has now, and each plane under its own."""
        name = self.film.name
        record = {**self.prediction.record, "input": {**self.prediction.record["input"], "name": name}}
        table = dict(self.prediction.table)
        if names := films_by_row(table, self.film):
            table = {"film": np.array(names), **table}
        return replace(self.radiograph, name=name), replace(self.prediction, record=record, table=table)

    def summary(self) -> str:
        """One line: how many indications there are above which threshold."""
        return count_in_words(self.count, self.threshold)

    def _note(self) -> None:
        """Note in the layers what makes this session anew."""
        of_result = {"seconds": self.prediction.seconds, "warnings": self._film_warnings}
        note_marks((self.heatmap, self.indications), self.prediction.record | of_result)
        note_marking(self.indications, self._marking)

    def _measured(self, labels: Any) -> None:
        record = {name: value for name, value in self.prediction.record.items() if name != CORRECTED}
        table = measure_indications(labels, self.prediction.probability, record["pixel_size_mm"])
        if taken_over(self._marking, labels).changed:
            record[CORRECTED] = True
        self.prediction = replace(self.prediction, labels=labels, table=table, record=record)
        self.prediction = replace(self.prediction, warnings=self._film_warnings + self._scale_cautions())
        self.stale = False

    def _show_measured(self) -> None:
        show_table(self.indications, self.prediction.table, self.film)
        if self.at and self.at not in self.numbers:
            self.look_at(0)

    def _fill(self) -> None:
        """Fill the marks of a large film until the slider rests."""
        if self._outline is None and self.prediction.labels.size > LARGE:
            self._outline, self.indications.contour = self.indications.contour, 0

    def _scale_cautions(self) -> list[str]:
        lengths = self.prediction.table["length_px"]
        smallest = self.prediction.record["min_size_px"]
        return cautions.scale(lengths, self._card.flaw_size_px, smallest, self.radiograph.name)
