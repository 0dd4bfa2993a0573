"""The Crop ROIs form's inputs: which films, where to cut, and what becomes of the crops.

It only gathers values. The preset fills the fields in, and shows whether what they hold is a preset.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from magicgui.widgets import CheckBox, ComboBox, SpinBox
from napari import Viewer
from napari.layers import Image, Shapes
from qtpy.QtWidgets import QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_weld_fcn.dataset.settings import PRESETS, CropSettings
from napari_weld_fcn.viewer.belonging import is_output
from napari_weld_fcn.viewer.film_table import FilmTable
from napari_weld_fcn.viewer.films import boxes_of
from napari_weld_fcn.viewer.form import SettingsForm, chosen_path, folder_edit, rows
from napari_weld_fcn.viewer.preferences import remember, remembered

FORM = "crop"
SHOWN = ("rois", "size", "overlap", "crops_per_film")
FOLDED = ("jitter", "labels")
OWN = "own settings"

#: Areas over which a number of crops can be spread.
AREAS = ("bead", "grid")


class CropInputs(QWidget):
    """Widgets for one cropping.

    Parameters
    ----------
    viewer
        Whose layers are offered.
    changed
        Called when the form asks for other crops.
    """

    def __init__(self, viewer: Viewer, changed: Callable[[], object]) -> None:
        super().__init__()
        self._viewer = viewer
        self._changed = changed
        self.films = FilmTable(viewer, changed)
        self.form = SettingsForm(CropSettings, (*SHOWN, *FOLDED), remembered(FORM, CropSettings))
        self.preset = ComboBox(
            label="Preset",
            choices=[OWN, *PRESETS],
            tooltip="paper: exactly 36 crops of each film, spread over its weld bead",
        )
        self.shapes = ComboBox(
            label="Rectangles",
            choices=self._shapes,
            tooltip="A Shapes layer; larger ones are covered with crops, smaller ones lie amid one",
        )
        self.seed = SpinBox(
            label="Seed", value=0, min=0, max=2**31 - 1, tooltip="The same seed gives the same jitter"
        )
        self.windows = CheckBox(
            text="Draw the windows", value=True, tooltip="Over the film that is chosen in the table"
        )
        self.as_layers = CheckBox(
            text="Add as layers", value=True, tooltip="A stack of crops and a stack of masks in this viewer"
        )
        self.folder = folder_edit("Dataset folder", "Written as well; empty writes none")
        self._lay_out()
        self._show_preset()
        self._show_fields()
        self.preset.changed.connect(self._fill_in)
        for widget in self.form.widgets.values():
            widget.changed.connect(self._on_field)
        for widget in (self.shapes, self.seed, self.windows):
            widget.changed.connect(lambda _: self._changed())

    def settings(self) -> CropSettings:
        """What the form asks for.

        Raises
        ------
        SettingsError
            In one sentence with the name of the field.
        """
        spread = self.form.widgets["rois"].value in AREAS
        count = self.form.widgets["crops_per_film"].value if spread else 0
        settings = self.form.read(crops_per_film=count)
        assert isinstance(settings, CropSettings)
        return settings

    @property
    def rectangles(self) -> Shapes | None:
        """The layer whose shapes are cropped; None where they are not what is asked for."""
        return self.shapes.value if self.form.widgets["rois"].value == "rectangles" else None

    def shapes_of(self, film: Image) -> Shapes | None:
        """The layer that says where to crop `film`: rectangles, or GDXray's boxes in place of its flaws."""
        if self.form.widgets["rois"].value == "flaws":
            return boxes_of(film, self._viewer.layers)
        return self.rectangles

    @property
    def dataset(self) -> Path | None:
        """The folder to write; None for none."""
        return chosen_path(self.folder)

    def refresh(self) -> None:
        """Bring films, truths and Shapes layers up to date, keeping what is chosen."""
        self.films.refresh()
        self.shapes.reset_choices()

    def remember(self) -> None:
        """Keep what the form holds for the next session."""
        remember(FORM, self.form.values())

    def _fill_in(self, name: str) -> None:
        """Put a preset's values into the fields."""
        if name not in PRESETS:
            return
        for field, widget in self.form.widgets.items():
            with widget.changed.blocked():
                widget.value = getattr(PRESETS[name], field)
        self._show_fields()
        self._changed()

    def _on_field(self, _: Any = None) -> None:
        self._show_preset()
        self._show_fields()
        self._changed()

    def _show_preset(self) -> None:
        held = self.form.values()
        names = [name for name, preset in PRESETS.items() if preset.model_dump() == held]
        with self.preset.changed.blocked():
            self.preset.value = names[0] if names else OWN

    def _show_fields(self) -> None:
        """Only what the place to cut leaves to be chosen can be chosen."""
        rois, count = (self.form.widgets[name].value for name in ("rois", "crops_per_film"))
        self.form.widgets["crops_per_film"].enabled = rois in AREAS
        self.form.widgets["overlap"].enabled = rois not in AREAS or count == 0
        self.shapes.enabled = rois == "rectangles"

    def _shapes(self, _: Any) -> list[Shapes]:
        return [layer for layer in self._viewer.layers if isinstance(layer, Shapes) and not is_output(layer)]

    def _lay_out(self) -> None:
        shown = (self.form.widgets[name] for name in SHOWN)
        rois, size, overlap, count = shown
        main = rows(self.preset, rois, self.shapes, size, overlap, count)
        folded = QCollapsible("More settings")
        folded.setContent(rows(*(self.form.widgets[name] for name in FOLDED), self.seed))
        folded.content().layout().setContentsMargins(0, 0, 0, 0)
        folded.layout().setContentsMargins(0, 0, 0, 0)
        folded.collapse(animate=False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (self.films, main, folded, rows(self.folder)):
            layout.addWidget(part)
        for box in (self.windows, self.as_layers):
            layout.addWidget(box.native)
