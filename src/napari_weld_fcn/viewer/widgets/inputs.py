"""The Predict form's inputs: which film, which model, which settings, and where on the film.

It only gathers values. What is chosen once for all sessions (model, device, pixel size) starts as in
Preferences; the rest starts as it was when Run was last pressed.
"""

from __future__ import annotations

from typing import Any

from magicgui.widgets import ComboBox, FloatSlider
from napari import Viewer
from napari.layers import Image, Shapes
from qtpy.QtWidgets import QDoubleSpinBox, QPushButton, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_weld_fcn.network.library import ModelEntry, listing
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.viewer.form import SettingsForm, rows
from napari_weld_fcn.viewer.layers import films
from napari_weld_fcn.viewer.remembered import remember, remembered
from napari_weld_fcn.viewer.settings import ViewerSettings

FORM = "predict"
SHOWN = ("min_size", "min_size_unit", "polarity", "quality")
FOLDED = ("device", "pixel_size_mm", "tile", "precision")

#: What Preferences hold, and the form therefore does not remember.
PREFERRED = ("device", "pixel_size_mm")

LABELS = {
    "min_size": "Minimum size",
    "polarity": "Flaws are",
    "pixel_size_mm": "Pixel size",
    "tile": "Tile edge",
}
ZERO = {"min_size": "the model's own", "pixel_size_mm": "from the film"}

#: The threshold while no model says another.
THRESHOLD = 0.5
THRESHOLD_STEP = 0.01


class PredictInputs(QWidget):
    """Widgets for one call of `predict`.

    Parameters
    ----------
    viewer
        Whose layers are offered.
    preferences
        Where model, device and pixel size start.
    """

    def __init__(self, viewer: Viewer, preferences: ViewerSettings) -> None:
        super().__init__()
        self._viewer = viewer
        self.entries: dict[str, ModelEntry] = {}
        values = remembered(FORM, PredictionSettings) | {
            "device": preferences.device,
            "pixel_size_mm": round(preferences.pixel_size_um / 1000, 5),
        }
        self.form = SettingsForm(PredictionSettings, (*SHOWN, *FOLDED), values, LABELS, ZERO)
        self.image = ComboBox(label="Radiograph", choices=self._films, tooltip="The image layer to predict")
        self.model = ComboBox(label="Model", choices=self._models, tooltip="Shipped and own models")
        self.threshold = FloatSlider(
            value=THRESHOLD,
            min=THRESHOLD_STEP,
            max=1 - THRESHOLD_STEP,
            step=THRESHOLD_STEP,
            label="Threshold",
            tooltip="Probability above which a pixel is marked; moving it later marks anew at once",
        )
        self.region = ComboBox(
            label="Stay inside",
            choices=self._regions,
            tooltip="A Shapes layer whose first rectangle limits the prediction",
        )
        self.threshold.native.findChild(QDoubleSpinBox).setFixedWidth(48)
        self.card = QPushButton("Model card...")
        self.card.setToolTip("What the model is, what it reached and what it was made from")
        self._lay_out()
        if preferences.model in self.entries:
            self.model.value = preferences.model
        self.show_model_threshold()
        self.model.changed.connect(self.show_model_threshold)

    @property
    def entry(self) -> ModelEntry | None:
        """The chosen model; None where none is installed."""
        return self.entries.get(self.model.value) if self.model.value else None

    def settings(self) -> PredictionSettings:
        """What the form asks for; the model's own threshold where the slider was left on it.

        Raises
        ------
        SettingsError
            In one sentence with the name of the field.
        """
        settings = self.form.read(threshold=self.exact_threshold())
        assert isinstance(settings, PredictionSettings)
        return settings

    def exact_threshold(self) -> float:
        """The slider's threshold, but the model's own to its last digit where the slider rests on it."""
        own, shown = self.model_threshold(), round(float(self.threshold.value), 2)
        return own if round(own, 2) == shown else shown

    def model_threshold(self) -> float:
        """The chosen model's own threshold."""
        card = self.entry.card if self.entry else None
        return float(card.threshold) if card else THRESHOLD

    def show_model_threshold(self, _: Any = None) -> None:
        """Put the slider on the model's own threshold; what is marked already stays as it is."""
        with self.threshold.changed.blocked():
            self.threshold.value = self.model_threshold()

    def refresh(self) -> None:
        """Bring films, models and Shapes layers up to date, keeping what is chosen."""
        for box in (self.image, self.model, self.region):
            box.reset_choices()

    def remember(self) -> None:
        """Keep what the form holds for the next session."""
        kept = {name: value for name, value in self.form.values().items() if name not in PREFERRED}
        remember(FORM, kept)

    def _films(self, _: Any) -> list[Image]:
        return films(self._viewer)

    def _models(self, _: Any) -> list[str]:
        self.entries = {entry.name: entry for entry in listing()}
        return list(self.entries)

    def _regions(self, _: Any) -> list[tuple[str, Shapes | None]]:
        shapes = [(layer.name, layer) for layer in self._viewer.layers if isinstance(layer, Shapes)]
        return [("the whole film", None), *shapes]

    def _lay_out(self) -> None:
        size, unit, polarity, quality = (self.form.widgets[name] for name in SHOWN)
        shown = rows(self.image, self.model, self.threshold, (size, unit), polarity, quality, self.region)
        folded = QCollapsible("More settings")
        folded.setContent(rows(*(self.form.widgets[name] for name in FOLDED)))
        folded.content().layout().setContentsMargins(0, 0, 0, 0)
        folded.layout().setContentsMargins(0, 0, 0, 0)
        folded.collapse(animate=False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(shown)
        layout.addWidget(self.card)
        layout.addWidget(folded)
