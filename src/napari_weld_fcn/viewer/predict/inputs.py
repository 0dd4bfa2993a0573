"""The Predict form's inputs: which film, which model, which settings, and where on the film.

It only gathers values. What is chosen once for all sessions (model, device) starts as in Preferences; the
rest starts as it was when Run was last pressed. The pixel size is the film's, and a field that still held
another film's would make wrong millimetres: it is empty until one is typed for the film that is chosen, and
what is in force stands below it with where it comes from. The slider shows a threshold to its step and within
its ends only, so the exact one, a model's own for instance, is kept beside it until the slider moves.

The words below the field of the pixel size: what is in force for the chosen film, and from where.
"""

from __future__ import annotations

from typing import Any

from magicgui.widgets import ComboBox, FloatSlider, FloatSpinBox, Label
from napari import Viewer
from napari.layers import Image
from qtpy.QtWidgets import QDoubleSpinBox, QPushButton

from napari_weld_fcn.network.card import Card
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.viewer.form import FormInputs, rows, step_of
from napari_weld_fcn.viewer.pixel_sizes import size_of
from napari_weld_fcn.viewer.preferences import ViewerSettings, preferences

PIXEL_SIZE, PEAK_ODDS = "pixel_size_mm", "peak_odds"
FIELDS = ("min_size", "min_size_unit", "polarity", PIXEL_SIZE)
FOLDED = (PEAK_ODDS, "area", "device", "tile", "precision")


class PredictInputs(FormInputs):
    """Widgets for one call of `predict`.

    Parameters
    ----------
    viewer
        Whose layers are offered.
    preferences
        Where model and device start.
    """

    not_remembered = ("device", PIXEL_SIZE)

    def __init__(self, viewer: Viewer, preferences: ViewerSettings) -> None:
        super().__init__(viewer, "predict")
        self._typed_mm: dict[str, float | None] = {}
        values = {"device": preferences.device, PIXEL_SIZE: None}
        self.form = self.settings_form(PredictionSettings, (*FIELDS, *FOLDED), values=values)
        self.image = self.offer_films("The image layer to predict")
        self.model = self.offer_models(preferences.model)
        self._step = step_of(PredictionSettings, "threshold")
        self._exact = self.model_threshold()
        self.threshold = FloatSlider(
            value=self._shown(self._exact),
            min=self._step,
            max=1 - self._step,
            step=self._step,
            label="Threshold",
            tooltip="Probability above which a pixel is marked; moving it later marks anew at once",
        )
        self.region = self.offer_regions("A Shapes layer whose first rectangle limits the prediction")
        self.threshold.native.findChild(QDoubleSpinBox).setFixedWidth(48)
        self.card = QPushButton("Model card...")
        self.card.setToolTip("What the model is, what it reached and what it was made from")
        self.pixel_size = PixelSizeRow(self.image, self.form.widgets[PIXEL_SIZE])
        size, unit, polarity, edge = (self.form.widgets[name] for name in FIELDS)
        of_film = (self.image, edge, self.pixel_size.words)
        shown = rows(*of_film, self.model, self.threshold, (size, unit), polarity, self.region)
        self.lay_out(shown, self.card, self.more(*FOLDED))
        self.show_model()
        self.model.changed.connect(self.show_model)
        size.changed.connect(self.show_size_unit)
        edge.changed.connect(self._note_typed)
        self.show_size_unit()

    def settings(self, film: Image | None = None) -> PredictionSettings:
        """What the form asks for; the model's own threshold where the slider was left on it.

        Parameters
        ----------
        film
            The one whose pixel size counts; None for the one that is chosen.

        Raises
        ------
        SettingsError
            In one sentence with the name of the field.
        """
        settings: PredictionSettings = self.form.read(threshold=self.exact_threshold())
        return settings if film is None else settings.model_copy(update={PIXEL_SIZE: self._typed_for(film)})

    def exact_threshold(self) -> float:
        """The slider's threshold, to its last digit where it shows one that was set, or the model's own."""
        slider = float(self.threshold.value)
        exact = [value for value in (self._exact, self.model_threshold()) if self._shown(value) == slider]
        return exact[0] if exact else slider

    def model_threshold(self) -> float:
        """The chosen model's own threshold."""
        return float(self._of_model("threshold"))

    def show_model(self, _: Any = None) -> None:
        """Show what the model's own values are; what is marked already stays as it is."""
        self.show_threshold(self.model_threshold())
        size, odds = self._of_model("min_size_px"), self._of_model("peak_odds")
        self.show_zero({"min_size": f"the model's ({size:g} px)", PEAK_ODDS: f"the model's ({odds:g})"})

    def show_threshold(self, exact: float) -> None:
        """Put the slider on a threshold, as near as it can show it, without marking anew."""
        self._exact = exact
        with self.threshold.changed.blocked():
            self.threshold.value = self._shown(exact)

    def show_marked(self, settings: PredictionSettings) -> None:
        """Show the threshold and the sizes that the chosen film is marked with, without marking anew."""
        self.show_threshold(settings.threshold or self.model_threshold())
        for name in ("min_size", "min_size_unit", PEAK_ODDS):
            self.put(name, getattr(settings, name))
        self.show_size_unit()
        self._note_typed(settings.pixel_size_mm)
        self.show_typed()

    def show_typed(self) -> None:
        """Show the pixel size that was typed for the chosen film, and none that was for another."""
        film = self.image.value
        self.put(PIXEL_SIZE, None if film is None else self._typed_for(film))
        self.pixel_size.show()

    def refresh(self) -> None:
        """Bring films, models and Shapes layers up to date, keeping what is chosen."""
        super().refresh()
        self.pixel_size.show()

    def _note_typed(self, mm: float | None) -> None:
        """A pixel size belongs to the film that was chosen when it was typed."""
        if self.image.value is not None:
            self._typed_mm[self.image.value.unique_id] = mm or None

    def _typed_for(self, film: Image) -> float | None:
        return self._typed_mm.get(film.unique_id)

    def _shown(self, exact: float) -> float:
        """What the slider can show of a threshold."""
        steps = round(exact / self._step)
        return round(min(max(steps, 1), round(1 / self._step) - 1) * self._step, 6)

    def _of_model(self, name: str) -> Any:
        """A value of the chosen model's card; the card's default where there is no model."""
        card = self.entry.card if self.entry else None
        return getattr(card, name) if card else Card.model_fields[name].default


class PixelSizeRow:
    """Follows a film and a field.

    Parameters
    ----------
    film
        In which the image layer is chosen.
    field
        The size that is typed for this run; 0 for none.

    Attributes
    ----------
    words
        The line to lay out.
    """

    def __init__(self, film: ComboBox, field: FloatSpinBox) -> None:
        self._film, self._field = film, field
        self._followed: Image | None = None
        self.words = Label(label="")
        self.words.native.setWordWrap(True)
        for each in (film, field):
            each.changed.connect(self.show)
        self.show()

    def show(self, _: Any = None) -> None:
        """Say what is in force now."""
        film = self._film.value
        self._follow(film)
        self.words.value = (
            "" if film is None else str(size_of(film, self._field.value, preferences().pixel_size_mm))
        )

    def _follow(self, film: Image | None) -> None:
        """Hear of the scale and the units of the chosen layer, and of no other."""
        if film == self._followed:
            return
        for layer, connect in ((self._followed, False), (film, True)):
            if layer is not None:
                for event in (layer.events.scale, layer.events.units):
                    (event.connect if connect else event.disconnect)(self.show)
        self._followed = film
