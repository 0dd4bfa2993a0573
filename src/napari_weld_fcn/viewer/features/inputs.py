"""The Feature maps form's inputs: which film, which model, which of its stages, and what of them.

It only gathers values. The stages' names come from the network; until it is loaded, all are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from magicgui.widgets import ComboBox
from napari import Viewer
from napari.layers import Image, Labels, Layer, Shapes
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_weld_fcn.errors import ModelError, SettingsError
from napari_weld_fcn.evaluation.settings import FeatureSettings
from napari_weld_fcn.network.library import ModelEntry, listing
from napari_weld_fcn.viewer.belonging import MARK, film_of, films, is_output
from napari_weld_fcn.viewer.form import SettingsForm, rows
from napari_weld_fcn.viewer.preferences import ViewerSettings, remember, remembered

FORM = "features"
SHOWN = ("show", "channel", "polarity")
FOLDED = ("tile", "device")
#: What Preferences hold, and the form therefore does not remember.
PREFERRED = ("device",)

#: Rows of the list of stages that are shown without scrolling.
ROWS_SHOWN = 6

NO_FILM = "There is no radiograph to look at: open an image first, or choose File > Open Sample."
NO_MODEL = "There is no model to look into: import one with `weld-fcn models import FILE`."
NO_STAGE = "No stage is ticked: tick at least one in the list of stages."
OTHER_FILM = "{} belong to {}, not to {}: choose that film, or run Predict on this one."
NO_INDICATIONS = "There are no indications: run Predict on this film, then click on one."


class FeaturesInputs(QWidget):
    """Widgets for one look into a network.

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
        values = remembered(FORM, FeatureSettings) | {"device": preferences.device}
        self._asked = {name.strip() for name in str(values.get("stage", "")).split(",") if name.strip()}
        self.form = SettingsForm(FeatureSettings, (*SHOWN, *FOLDED), values)
        self.image = ComboBox(label="Radiograph", choices=self._films, tooltip="The image layer to look at")
        self.model = ComboBox(label="Model", choices=self._models, tooltip="Shipped and own models")
        self.region = ComboBox(
            label="Stay inside",
            choices=self._regions,
            tooltip="A Shapes layer whose first rectangle limits the maps",
        )
        self.indications = ComboBox(
            label="Indications",
            choices=self._labels,
            tooltip="Whose selected label What drew this explains; click on an indication to select it",
        )
        self.stages = QListWidget()
        self.stages.setToolTip("The network's stages, in its own order; tick those to show")
        self._lay_out()
        if preferences.model in self.entries:
            self.model.value = preferences.model
        self.form.widgets["show"].changed.connect(self._show_channel)
        self.image.changed.connect(self._choose_own)
        self._show_channel()
        self.choose(viewer.layers.selection.active)

    def settings(self) -> FeatureSettings:
        """What the form asks for.

        Raises
        ------
        SettingsError
            In one sentence with the name of the field, or if no stage is ticked.
        """
        settings = self.form.read(stage=self.stage())
        assert isinstance(settings, FeatureSettings)
        return settings

    def stage(self) -> str:
        """The stages that are ticked, with commas between them; nothing for all.

        Raises
        ------
        SettingsError
            If none is.
        """
        items = [self.stages.item(row) for row in range(self.stages.count())]
        ticked = [item.text() for item in items if item.checkState() == Qt.CheckState.Checked]
        if items and not ticked:
            raise SettingsError(NO_STAGE)
        return "" if len(ticked) == len(items) else ", ".join(ticked)

    def film(self) -> Image:
        """The chosen film; SettingsError where there is none."""
        film = self.image.value
        if film is None:
            raise SettingsError(NO_FILM)
        assert isinstance(film, Image)
        return film

    def labels(self) -> Labels:
        """The chosen layer of indications; SettingsError where there is none, or it is another film's."""
        layer = self.indications.value
        if layer is None:
            raise SettingsError(NO_INDICATIONS)
        assert isinstance(layer, Labels)
        owner, film = film_of(self._viewer, layer), self.film()
        if is_output(layer) and owner != film:
            other = "a film that is not open" if owner is None else owner.name
            raise SettingsError(OTHER_FILM.format(layer.name, other, film.name))
        return layer

    def choose(self, layer: Layer | None) -> None:
        """Choose the indications that a person selected in the list of layers, and their film."""
        if layer in self.indications.choices:
            self.indications.value = layer
            film = film_of(self._viewer, layer)
            if film is not None:
                self.image.value = film

    def chosen_model(self) -> str:
        """The chosen model's name.

        Raises
        ------
        ModelError
            If there is none, or it cannot be used.
        """
        entry = self.entries.get(self.model.value) if self.model.value else None
        if entry is None or entry.card is None:
            raise ModelError(entry.error if entry and entry.error else NO_MODEL)
        return entry.name

    def show_stages(self, names: Sequence[str]) -> None:
        """Offer the stages `names`, ticked as they were ticked last; all where none of them was."""
        asked = self._asked & set(names) or set(names)
        self.stages.clear()
        for name in names:
            item = QListWidgetItem(name)
            item.setCheckState(Qt.CheckState.Checked if name in asked else Qt.CheckState.Unchecked)
            self.stages.addItem(item)
        height = self.stages.fontMetrics().height() + 4
        for row in range(len(names)):
            self.stages.item(row).setSizeHint(QSize(0, height))
        self.stages.setFixedHeight(height * min(len(names), ROWS_SHOWN) + 6)
        self.stages.setVisible(bool(names))

    def tick(self, names: Sequence[str]) -> None:
        """Tick the stages `names` and no others."""
        for row in range(self.stages.count()):
            item = self.stages.item(row)
            item.setCheckState(Qt.CheckState.Checked if item.text() in names else Qt.CheckState.Unchecked)

    def refresh(self) -> None:
        """Bring films, models, Shapes and Labels up to date, keeping what is chosen."""
        for box in (self.image, self.model, self.region, self.indications):
            box.reset_choices()

    def remember(self) -> None:
        """Keep what the form holds for the next session."""
        kept = {name: value for name, value in self.form.values().items() if name not in PREFERRED}
        remember(FORM, kept | {"stage": self.stage()})

    def _show_channel(self, _: Any = None) -> None:
        self.form.widgets["channel"].enabled = self.form.widgets["show"].value == "channel"

    def _films(self, _: Any) -> list[Image]:
        return films(self._viewer)

    def _models(self, _: Any) -> list[str]:
        self.entries = {entry.name: entry for entry in listing()}
        return list(self.entries)

    def _regions(self, _: Any) -> list[tuple[str, Shapes | None]]:
        shapes = [
            layer for layer in self._viewer.layers if isinstance(layer, Shapes) and not is_output(layer)
        ]
        return [("the whole film", None), *((layer.name, layer) for layer in shapes)]

    def _labels(self, _: Any) -> list[Labels]:
        """Indications first, then other labels; the numbers of other outputs are none of an indication."""
        labels = [layer for layer in reversed(self._viewer.layers) if isinstance(layer, Labels)]
        marks = [layer for layer in labels if layer.metadata.get(MARK, {}).get("output") == "indications"]
        return marks + [layer for layer in labels if not is_output(layer)]

    def _choose_own(self, film: Image | None) -> None:
        """Choose the indications of the film that was chosen, where it has some."""
        for layer in self.indications.choices:
            if film is not None and is_output(layer) and film_of(self._viewer, layer) == film:
                self.indications.value = layer
                return

    def _lay_out(self) -> None:
        show, channel, polarity = (self.form.widgets[name] for name in SHOWN)
        folded = QCollapsible("More settings")
        folded.setContent(rows(*(self.form.widgets[name] for name in FOLDED)))
        folded.content().layout().setContentsMargins(0, 0, 0, 0)
        folded.layout().setContentsMargins(0, 0, 0, 0)
        folded.collapse(animate=False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(rows(self.image, self.model, (show, channel), polarity, self.region))
        layout.addWidget(self.stages)
        layout.addWidget(folded)
        layout.addWidget(rows(self.indications))
        self.show_stages(())
