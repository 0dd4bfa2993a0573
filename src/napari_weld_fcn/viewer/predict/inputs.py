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
from napari.layers import Image, Shapes
from qtpy.QtWidgets import QDoubleSpinBox, QPushButton, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_weld_fcn.network.card import Card
from napari_weld_fcn.network.library import ModelEntry, listing
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.viewer.belonging import films
from napari_weld_fcn.viewer.form import SettingsForm, rows, step_of
from napari_weld_fcn.viewer.pixel_sizes import size_of
from napari_weld_fcn.viewer.preferences import ViewerSettings, preferences, remember, remembered

FORM = "predict"
PIXEL_SIZE = "pixel_size_mm"
PEAK_ODDS = "peak_odds"
SHOWN = ("min_size", "min_size_unit", "polarity")
FOLDED = (PEAK_ODDS, "area", "device", "tile", "precision")

#: What Preferences hold or belongs to a film, so that the form does not remember it.
NOT_REMEMBERED = ("device", PIXEL_SIZE)


class PredictInputs(QWidget):
    """Widgets for one call of `predict`.

    Parameters
    ----------
    viewer
        Whose layers are offered.
    preferences
        Where model and device start.
    """

    def __init__(self, viewer: Viewer, preferences: ViewerSettings) -> None:
        super().__init__()
        self._viewer = viewer
        self.entries: dict[str, ModelEntry] = {}
        self._typed_mm: dict[str, float | None] = {}
        values = remembered(FORM, PredictionSettings) | {"device": preferences.device, PIXEL_SIZE: None}
        fields = (*SHOWN, PIXEL_SIZE, *FOLDED)
        self.form = SettingsForm(PredictionSettings, fields, values)
        self.image = ComboBox(label="Radiograph", choices=self._films, tooltip="The image layer to predict")
        self.model = ComboBox(label="Model", choices=self._models, tooltip="Shipped and own models")
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
        self.region = ComboBox(
            label="Stay inside",
            choices=self._regions,
            tooltip="A Shapes layer whose first rectangle limits the prediction",
        )
        self.threshold.native.findChild(QDoubleSpinBox).setFixedWidth(48)
        self.card = QPushButton("Model card...")
        self.card.setToolTip("What the model is, what it reached and what it was made from")
        self.pixel_size = PixelSizeRow(self.image, self.form.widgets[PIXEL_SIZE])
        self._lay_out()
        if preferences.model in self.entries:
            self.model.value = preferences.model
        self.show_model()
        self.model.changed.connect(self.show_model)
        self.form.widgets["min_size"].changed.connect(self._show_unit)
        self.form.widgets[PIXEL_SIZE].changed.connect(self._note_typed)
        self._show_unit()

    @property
    def entry(self) -> ModelEntry | None:
        """The chosen model; None where none is installed."""
        return self.entries.get(self.model.value) if self.model.value else None

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
        settings = self.form.read(threshold=self.exact_threshold())
        assert isinstance(settings, PredictionSettings)
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
        own = {
            "min_size": f"{self._of_model('min_size_px'):g} px",
            "peak_odds": f"{self._of_model('peak_odds'):g}",
        }
        for name, value in own.items():
            self.form.widgets[name].native.setSpecialValueText(f"the model's ({value})")

    def show_threshold(self, exact: float) -> None:
        """Put the slider on a threshold, as near as it can show it, without marking anew."""
        self._exact = exact
        with self.threshold.changed.blocked():
            self.threshold.value = self._shown(exact)

    def show_marked(self, settings: PredictionSettings) -> None:
        """Show the threshold and the sizes that the chosen film is marked with, without marking anew."""
        self.show_threshold(settings.threshold or self.model_threshold())
        for name in ("min_size", "min_size_unit", PEAK_ODDS):
            self._show(name, getattr(settings, name))
        self._show_unit()
        self._note_typed(settings.pixel_size_mm)
        self.show_typed()

    def show_typed(self) -> None:
        """Show the pixel size that was typed for the chosen film, and none that was for another."""
        film = self.image.value
        self._show(PIXEL_SIZE, None if film is None else self._typed_for(film))
        self.pixel_size.show()

    def refresh(self) -> None:
        """Bring films, models and Shapes layers up to date, keeping what is chosen."""
        for box in (self.image, self.model, self.region):
            box.reset_choices()
        self.pixel_size.show()

    def remember(self) -> None:
        """Keep what the form holds for the next session."""
        kept = {name: value for name, value in self.form.values().items() if name not in NOT_REMEMBERED}
        remember(FORM, kept)

    def _show(self, name: str, value: Any) -> None:
        """Put a field on a value without telling anybody."""
        widget = self.form.widgets[name]
        with widget.changed.blocked():
            widget.value = value or 0 if isinstance(value, float | None) else value

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

    def _show_unit(self, _: Any = None) -> None:
        """The unit is the user's choice only where the minimum size is."""
        size, unit = (self.form.widgets[name] for name in ("min_size", "min_size_unit"))
        unit.native.setVisible(size.value > 0)

    def _films(self, _: Any) -> list[Image]:
        return films(self._viewer)

    def _models(self, _: Any) -> list[str]:
        self.entries = {entry.name: entry for entry in listing()}
        return list(self.entries)

    def _regions(self, _: Any) -> list[tuple[str, Shapes | None]]:
        shapes = [(layer.name, layer) for layer in self._viewer.layers if isinstance(layer, Shapes)]
        return [("the whole film", None), *shapes]

    def _lay_out(self) -> None:
        size, unit, polarity = (self.form.widgets[name] for name in SHOWN)
        of_film = (self.image, self.form.widgets[PIXEL_SIZE], self.pixel_size.words)
        shown = rows(*of_film, self.model, self.threshold, (size, unit), polarity, self.region)
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
