"""The Augment form's inputs: which crops, how far and how often they are changed, how many, and where to.

It only gathers values.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from magicgui.widgets import CheckBox, ComboBox, SpinBox
from napari import Viewer
from napari.layers import Image, Labels
from qtpy.QtWidgets import QDoubleSpinBox

from napari_weld_fcn.dataset.settings import VARIANTS, AugmentationSettings
from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.viewer.augment.job import Open, from_folder, from_layers
from napari_weld_fcn.viewer.belonging import is_output_layer
from napari_weld_fcn.viewer.crop.stacks import is_crops
from napari_weld_fcn.viewer.form import FormInputs, chosen_path, folder_edit, rows, seed_box

FIELDS = tuple(AugmentationSettings.model_fields)
EACH, IN_ALL = "of each crop", "in all"
FOLDER = "a dataset folder"
MOST = 10_000_000
#: Width of the number beside a slider, in pixels of the screen.
READOUT = 52

NO_CROPS = "There are no crops: cut some with Crop ROIs, or choose a dataset folder."


class AugmentInputs(FormInputs):
    """Widgets for one augmentation.

    Parameters
    ----------
    viewer
        Whose layers are offered.
    changed
        Called when the variants would be others.
    counted
        Called when there would be more or fewer.
    """

    def __init__(self, viewer: Viewer, changed: Callable[[], object], counted: Callable[[], object]) -> None:
        super().__init__(viewer, "augment")
        self.form = self.settings_form(AugmentationSettings, FIELDS, sliders=FIELDS)
        self.images = self.offer("Crops", self._stacks, "A stack of crops in this viewer, or a dataset")
        self.masks = self.offer("Masks", self._masks, "A Labels layer of the same shape")
        self.source = folder_edit("From folder", "A folder that Crop ROIs or `weld-fcn crop` wrote")
        self.how = ComboBox(label="Pairs", choices=[EACH, IN_ALL], value=EACH)
        self.number = SpinBox(value=VARIANTS, min=1, max=MOST, tooltip="The crops themselves are among them")
        self.seed = seed_box("The same seed gives the same variants")
        self.shown = SpinBox(
            label="Crop shown", value=0, min=0, max=MOST, tooltip="Whose variants the gallery shows"
        )
        self.as_layers = CheckBox(
            text="Add as layers", value=False, tooltip="A stack of pairs and a stack of masks in this viewer"
        )
        self.folder = folder_edit("To folder", "Where the pairs are written; empty writes none")
        for slider in self.form.widgets.values():
            slider.native.findChild(QDoubleSpinBox).setFixedWidth(READOUT)
        self.lay_out(
            rows(self.images, self.masks, self.source),
            rows(*self.form.widgets.values()),
            rows((self.how, self.number), self.seed, self.shown),
            rows(self.folder),
            self.as_layers.native,
        )
        for widget in (*self.form.widgets.values(), self.masks, self.source, self.seed, self.shown):
            widget.changed.connect(lambda _: changed())
        self.images.changed.connect(lambda _: self._show_source())
        self.images.changed.connect(lambda _: changed())
        for widget in (self.how, self.number):
            widget.changed.connect(lambda _: counted())
        self._show_source()

    def numbers(self) -> dict[str, int | None]:
        """How many pairs: `variants` and `total` as `augment` takes them."""
        number = int(self.number.value)
        each = self.how.value == EACH
        return {"variants": number if each else None, "total": None if each else number}

    def crops(self) -> Open:
        """Return what opens the chosen crops; the layers are looked at now.

        Raises
        ------
        SettingsError
            If none are chosen.
        """
        if isinstance(self.images.value, Image):
            return from_layers(self.images.value, self.masks.value)
        folder = chosen_path(self.source)
        if folder is None:
            raise SettingsError(NO_CROPS)
        return from_folder(folder)

    @property
    def dataset(self) -> Path | None:
        """The folder to write; None for none."""
        return chosen_path(self.folder)

    def refresh(self) -> None:
        """Bring stacks and masks up to date, keeping what is chosen."""
        super().refresh()
        self._show_source()

    def _show_source(self) -> None:
        layers = isinstance(self.images.value, Image)
        self.masks.enabled, self.source.enabled = layers, not layers
        if layers and not is_crops(self.images.value):
            return
        fitting = f"{self.images.value.name} masks" if layers else ""
        for masks in self.masks.choices:
            if masks is not None and masks.name == fitting:
                self.masks.value = masks

    def _stacks(self, _: Any) -> list[tuple[str, Image | None]]:
        images = [layer for layer in reversed(self._viewer.layers) if isinstance(layer, Image)]
        stacks = [
            layer for layer in images if is_crops(layer) or (_is_stack(layer) and not is_output_layer(layer))
        ]
        return [*((layer.name, layer) for layer in stacks), (FOLDER, None)]

    def _masks(self, _: Any) -> list[tuple[str, Labels | None]]:
        labels = [layer for layer in reversed(self._viewer.layers) if isinstance(layer, Labels)]
        return [*((layer.name, layer) for layer in labels if _is_stack(layer)), ("none: all ignored", None)]


def _is_stack(layer: Image | Labels) -> bool:
    return layer.ndim == 3 and not layer.multiscale and not getattr(layer, "rgb", False)
