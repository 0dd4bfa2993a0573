"""The Evaluate form's inputs: which films, their truth, who marks them, and what counts.

It only gathers values. Marks are made by a model now, or they are there: heatmaps, or labels by number.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from magicgui.widgets import ComboBox
from napari import Viewer
from napari.layers import Image, Labels, Layer

from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.evaluation.settings import EvaluationSettings
from napari_weld_fcn.viewer.belonging import MARK, belongs, is_copy, is_output_layer
from napari_weld_fcn.viewer.film_table import TRUTH, FilmTable, Partner
from napari_weld_fcn.viewer.films import labels_for, plane_shape
from napari_weld_fcn.viewer.form import FormInputs, rows
from napari_weld_fcn.viewer.preferences import ViewerSettings

FIELDS = ("threshold", "min_size", "min_size_unit", "min_iou", "false_calls")
FOLDED = (
    "peak_odds",
    "polarity",
    "device",
    "pixel_size_mm",
    "tile",
    "precision",
    "resamples",
    "confidence",
    "seed",
)
#: What only a model needs, and what needs probabilities.
OF_MODEL = ("polarity", "device", "tile", "precision")
OF_HEATMAP = ("threshold", "peak_odds", "false_calls")

AS_MARKED = "as marked"

MODEL, HEATMAPS, INDICATIONS = "a model, run now", "heatmaps", "labels"
FIGURES = ("F1", "Found", "False")

NO_FILM = "There is no film to score: open an image with its labels, and tick it in the table."
NO_MODEL = "There is no model to score: import one with `weld-fcn models import FILE`."


def _marks_fitting(film: Image, layers: Sequence[Layer]) -> list[Layer]:
    """Heatmaps and labels of the film's shape; drawings of the agreement are none."""
    labels = labels_for(film, [layer for layer in layers if isinstance(layer, Labels)])
    fitting: list[Layer] = [layer for layer in labels if _output(layer) != "agreement"]
    shape = plane_shape(film)
    for layer in layers:
        single = isinstance(layer, Image) and not layer.rgb and not layer.multiscale and layer != film
        if single and np.issubdtype(layer.dtype, np.floating) and tuple(layer.data.shape) == shape:
            fitting.append(layer)
    return fitting


def _likely(film: Image, layers: Sequence[Layer], output: str) -> Layer | None:
    """The output that its mark makes that of the film; of what others made, that of its name."""
    for layer in sorted(_marks_fitting(film, layers), key=is_copy):
        if _output(layer) == output and belongs(layer, film):
            return layer
        if not is_output_layer(layer) and layer.name == f"{film.name} {output}":
            return layer
    return None


def _output(layer: Layer) -> str:
    return str(layer.metadata.get(MARK, {}).get("output", ""))


#: The columns of layers, the one for heatmaps and the one for labels of which one is shown.
HEATMAP = Partner(
    "Heatmap",
    "none",
    lambda film, layers: [layer for layer in _marks_fitting(film, layers) if isinstance(layer, Image)],
    lambda film, layers: _likely(film, layers, "heatmap"),
)
LABELLED = Partner(
    "Marks",
    "none",
    lambda film, layers: [layer for layer in _marks_fitting(film, layers) if isinstance(layer, Labels)],
    lambda film, layers: _likely(film, layers, "indications"),
)
PARTNERS = (TRUTH, HEATMAP, LABELLED)


class EvaluateInputs(FormInputs):
    """Widgets for one evaluation.

    Parameters
    ----------
    viewer
        Whose layers are offered.
    preferences
        Where model and device start.
    """

    not_remembered = ("device", "pixel_size_mm")

    def __init__(self, viewer: Viewer, preferences: ViewerSettings) -> None:
        super().__init__(viewer, "evaluate")
        values = {"device": preferences.device, "pixel_size_mm": None}
        self.form = self.settings_form(EvaluationSettings, (*FIELDS, *FOLDED), values=values)
        self.films = FilmTable(
            viewer,
            lambda: None,
            PARTNERS,
            FIGURES,
            "Tick the films to score; each needs a Labels layer of its size that holds its flaws",
        )
        self.scored = ComboBox(
            label="Score",
            choices=[MODEL, HEATMAPS, INDICATIONS],
            tooltip="What marks the films: a model, or layers that are there already",
        )
        self.model = self.offer_models(preferences.model)
        threshold, size, unit, iou, calls = (self.form.widgets[name] for name in FIELDS)
        shown = rows(threshold, (size, unit), iou, calls)
        self.lay_out(rows(self.scored, self.model), self.films, shown, self.more(*FOLDED))
        self.scored.changed.connect(self._show_fields)
        size.changed.connect(self._show_fields)
        self.model.changed.connect(self._show_own)
        self._show_fields()

    @property
    def by_model(self) -> bool:
        """Whether a model marks the films now."""
        return bool(self.scored.value == MODEL)

    def chosen_model(self) -> str | None:
        """The name of the model that marks the films, None where layers do; ModelError if there is none."""
        return self.usable_entry(NO_MODEL)[0] if self.by_model else None

    def layers(self) -> list[tuple[Image, Labels | None, Layer | None]]:
        """The films to score, each with its truth and its marks.

        Raises
        ------
        SettingsError
            If there is no film, none has a truth, or one has no marks.
        """
        found = [(film, self.films.truth(film), self._marks(film)) for film in self.films.films()]
        if not found:
            raise SettingsError(NO_FILM)
        if all(truth is None for _, truth, _ in found):
            first = found[0][0]
            size = " x ".join(map(str, plane_shape(first)))
            raise SettingsError(
                f"{first.name}: there is no truth; open or draw its flaws in a Labels layer of its size "
                f"({size}), and choose it in the table."
            )
        for film, truth, marks in found:
            if marks is None and truth is not None and not self.by_model:
                raise SettingsError(
                    f"{film.name}: there are no {self.scored.value} of it; predict it first, choose a "
                    "layer of its size in the table, or score a model."
                )
        return found

    def refresh(self) -> None:
        """Bring films, truths and models up to date, keeping what is chosen."""
        self.films.refresh()
        super().refresh()

    def _marks(self, film: Image) -> Layer | None:
        if self.by_model:
            return None
        column = HEATMAP if self.scored.value == HEATMAPS else LABELLED
        return self.films.partner(film, column.title)

    def _show_fields(self, _: object = None) -> None:
        """Only what the marks need can be chosen."""
        for place, value in ((2, HEATMAPS), (3, INDICATIONS)):
            self.films.setColumnHidden(place, self.scored.value != value)
        self.model.enabled = self.by_model
        for name in OF_MODEL:
            self.form.widgets[name].enabled = self.by_model
        for name in OF_HEATMAP:
            self.form.widgets[name].enabled = self.scored.value != INDICATIONS
        self.show_size_unit()
        self._show_own()

    def _show_own(self, _: object = None) -> None:
        """Say what an open threshold and minimum size stand for."""
        card = self.entry.card if self.by_model and self.entry else None
        own = "the model's own ({})"
        self.show_zero(
            {
                "threshold": own.format(f"{card.threshold:.3g}") if card else AS_MARKED,
                "min_size": own.format(f"{card.min_size_px:g} px") if card else AS_MARKED,
                "peak_odds": own.format(f"{card.peak_odds:g}") if card else AS_MARKED,
            }
        )
