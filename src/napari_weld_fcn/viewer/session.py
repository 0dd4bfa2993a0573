"""What is known of one predicted film: its probabilities, its layers and its table.

The threshold and the minimum size are applied to the kept probabilities, never to a new run of the network.
Labels follow at once; the table, which costs more and which napari's own table widget redraws slowly, is
brought up to date by `measure`, when the slider rests; until then the session is `stale`. Record and warnings
follow, so what is saved says how it was made. What is painted on the indications is taken over by `correct`,
before it is saved; marking anew replaces it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from napari import Viewer
from napari.layers import Image, Labels, Layer

from napari_weld_fcn.network.card import Card
from napari_weld_fcn.prediction import cautions
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.prediction.summary import summary
from napari_weld_fcn.radiograph.radiograph import Radiograph
from napari_weld_fcn.viewer.corrections import renumbered
from napari_weld_fcn.viewer.layers import MARKED, features, narrow, show_heatmap, show_indications

#: Settings that can be changed after the network has run.
AFTERWARDS = ("threshold", "min_size", "min_size_unit")

#: Key of the record of labels that were corrected by hand, which predicting again does not give.
CORRECTED = "corrected_by_hand"


@dataclass(frozen=True)
class Predicted:
    """What a job returns: the radiograph as it was read, and the `Prediction` of it."""

    radiograph: Radiograph
    prediction: Any
    settings: PredictionSettings
    card: Card


class Session:
    """A film in the viewer with its prediction.

    Parameters
    ----------
    viewer
        Where the layers are made.
    film
        The layer that was predicted.
    predicted
        What the job returned for it.
    colormap
        The heatmap's colours.

    Attributes
    ----------
    threshold
        The threshold of the labels as they are shown.
    count
        How many indications are shown.
    at
        The indication looked at last; 0 before the first.
    stale
        Whether the labels are newer than the table.
    painted
        Whether there are corrections by hand that marking anew would replace.
    """

    def __init__(self, viewer: Viewer, film: Image, predicted: Predicted, colormap: str) -> None:
        self.film = film
        self.radiograph, self.prediction = predicted.radiograph, predicted.prediction
        self._settings, self._card = predicted.settings, predicted.card
        self.threshold = float(self.prediction.record["threshold"])
        self.count = len(self.prediction.table["label"])
        self.at = 0
        self.stale = self.painted = False
        self._found: Any = None
        ours = self._scale_cautions()
        self._film_warnings = [text for text in self.prediction.warnings if text not in ours]
        self.heatmap: Image = show_heatmap(viewer, film, self.prediction.probability, colormap)
        self.indications: Labels = show_indications(
            viewer, film, self.prediction.labels, self.prediction.table
        )
        self.indications.events.paint.connect(self._note_painting)
        self._note_marks()

    @property
    def settings(self) -> PredictionSettings:
        """What the labels are marked with; the threshold is never left to the model."""
        return self._settings.model_copy(update={"threshold": self.threshold})

    @property
    def warnings(self) -> list[str]:
        """What the user ought to know of this prediction."""
        return list(self.prediction.warnings)

    def needs(self, layer: Layer) -> bool:
        """Whether the form can no longer work on this film once `layer` is gone."""
        return layer in (self.film, self.indications)

    def relabel(self, settings: PredictionSettings) -> None:
        """Mark anew with the threshold and the minimum size of `settings`; the table waits for `measure`.

        Raises
        ------
        SettingsError
            If the minimum size is in mm and the pixel size is not known.
        """
        from napari_weld_fcn.prediction.predict import relabel  # brings PyTorch, which is loaded by now
        from napari_weld_fcn.prediction.resolved import resolve

        changed = self._settings.model_copy(update={name: getattr(settings, name) for name in AFTERWARDS})
        resolved = resolve(self.radiograph, self._card, changed, None)
        found = relabel(
            self.prediction.probability, resolved.threshold, resolved.min_size_px, resolved.pixel_size_mm
        )
        uncorrected = {name: value for name, value in self.prediction.record.items() if name != CORRECTED}
        record = {
            **uncorrected,
            "settings": changed.model_dump(),
            "threshold": resolved.threshold,
            "min_size_px": resolved.min_size_px,
        }
        self._settings = changed
        self.prediction = replace(self.prediction, labels=found.labels, record=record)
        self.threshold, self.count, self.at = resolved.threshold, int(found.labels.max()), 0
        self._found, self.stale, self.painted = found, True, False
        self.indications.data = narrow(found.labels, self.count)
        self._note_marks()

    def measure(self) -> None:
        """Bring the table and the warnings up to date with the labels, if they are not."""
        if not self.stale:
            return
        table = self._found.table
        self.prediction = replace(self.prediction, table=table)
        self.prediction = replace(self.prediction, warnings=self._film_warnings + self._scale_cautions())
        self._found, self.stale = None, False
        self.indications.features = features(table)

    def correct(self) -> None:
        """Take over what was painted on the indications, if anything was, and measure it."""
        if np.array_equal(self.indications.data, self.prediction.labels):
            return
        from napari_weld_fcn.prediction.indications import measure

        labels = renumbered(np.asarray(self.indications.data))
        record = {**self.prediction.record, CORRECTED: True}
        table = measure(labels, self.prediction.probability, record["pixel_size_mm"])
        self.prediction = replace(self.prediction, labels=labels, table=table, record=record)
        self.prediction = replace(self.prediction, warnings=self._film_warnings + self._scale_cautions())
        self.count, self.at, self.stale, self.painted = len(table["label"]), 0, False, True
        self.indications.data = narrow(labels, self.count)
        self.indications.features = features(table)

    def summary(self) -> str:
        """One line: how many indications there are above which threshold."""
        return summary(self.count, self.threshold)

    def _note_painting(self, _: Any) -> None:
        self.painted = True

    def _note_marks(self) -> None:
        """Say in the layers how they were marked, for whoever compares them with the truth."""
        record = self.prediction.record
        for layer in (self.heatmap, self.indications):
            layer.metadata[MARKED] = {name: record[name] for name in ("threshold", "min_size_px")}

    def _scale_cautions(self) -> list[str]:
        lengths = self.prediction.table["length_px"]
        smallest = self.prediction.record["min_size_px"]
        return cautions.scale(lengths, self._card.flaw_size_px, smallest, self.radiograph.name)
