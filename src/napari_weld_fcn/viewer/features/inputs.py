"""The Feature maps form's inputs: which film, which model, which of its stages, and what of them.

It only gathers values. The stages' names come from the network; until it is loaded, all are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari import Viewer
from napari.layers import Image, Labels, Layer
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QListWidget, QListWidgetItem

from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.evaluation.settings import FeatureSettings
from napari_weld_fcn.viewer.belonging import MARK, film_of, is_output_layer
from napari_weld_fcn.viewer.form import FormInputs, rows
from napari_weld_fcn.viewer.preferences import ViewerSettings, remembered

#: Rows of the list of stages that are shown without scrolling.
ROWS_SHOWN = 6

NO_FILM = "There is no radiograph to look at: open an image first, or choose File > Open Sample."
NO_MODEL = "There is no model to look into: import one with `weld-fcn models import FILE`."
NO_STAGE = "No stage is ticked: tick at least one in the list of stages."
OTHER_FILM = "{} belong to {}, not to {}: choose that film, or run Predict on this one."
NO_INDICATIONS = "There are no indications: run Predict on this film, then click on one."


class FeaturesInputs(FormInputs):
    """Widgets for one look into a network.

    Parameters
    ----------
    viewer
        Whose layers are offered.
    preferences
        Where model and device start.
    """

    not_remembered = ("device",)

    def __init__(self, viewer: Viewer, preferences: ViewerSettings) -> None:
        super().__init__(viewer, "features")
        asked = str(remembered(self._name, FeatureSettings).get("stage", ""))
        self._asked = {name.strip() for name in asked.split(",") if name.strip()}
        fields = ("show", "channel", "polarity", "tile", "device")
        self.form = self.settings_form(FeatureSettings, fields, values={"device": preferences.device})
        self.image = self.offer_films("The image layer to look at")
        self.model = self.offer_models(preferences.model)
        self.region = self.offer_regions("A Shapes layer whose first rectangle limits the maps")
        self.indications = self.offer(
            "Indications",
            self._labels,
            "Whose selected label What drew this explains; click on an indication to select it",
        )
        self.stages = QListWidget()
        self.stages.setToolTip("The network's stages, in its own order; tick those to show")
        show, channel, polarity = (self.form.widgets[name] for name in fields[:3])
        self.lay_out(
            rows(self.image, self.model, (show, channel), polarity, self.region),
            self.stages,
            self.more("tile", "device"),
            rows(self.indications),
        )
        self.show_stages(())
        show.changed.connect(self._show_channel)
        self.image.changed.connect(self._choose_own)
        self._show_channel()
        self.choose(viewer.layers.selection.active)

    def settings(self) -> Any:
        """What the form asks for; SettingsError in one sentence, also if no stage is ticked."""
        return self.form.read(stage=self.stage())

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
        if is_output_layer(layer) and owner != film:
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
        """The chosen model's name; ModelError if there is none, or it cannot be used."""
        return self.usable_entry(NO_MODEL)[0]

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

    def _show_channel(self, _: Any = None) -> None:
        self.form.widgets["channel"].enabled = self.form.widgets["show"].value == "channel"

    def _labels(self, _: Any) -> list[Labels]:
        """Indications first, then other labels; the numbers of other outputs are none of an indication."""
        labels = [layer for layer in reversed(self._viewer.layers) if isinstance(layer, Labels)]
        marks = [layer for layer in labels if layer.metadata.get(MARK, {}).get("output") == "indications"]
        return marks + [layer for layer in labels if not is_output_layer(layer)]

    def _choose_own(self, film: Image | None) -> None:
        """Choose the indications of the film that was chosen, where it has some."""
        for layer in self.indications.choices:
            if film is not None and is_output_layer(layer) and film_of(self._viewer, layer) == film:
                self.indications.value = layer
                return
