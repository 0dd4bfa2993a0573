"""The Crop ROIs form's inputs: which films, where to cut, and what becomes of the crops.

It only gathers values. The preset fills the fields in, and shows whether what they hold is a preset.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from magicgui.widgets import CheckBox, ComboBox
from napari import Viewer
from napari.layers import Image, Shapes

from napari_weld_fcn.dataset.settings import PRESETS, CropSettings
from napari_weld_fcn.viewer.film_table import FilmTable
from napari_weld_fcn.viewer.films import boxes_of
from napari_weld_fcn.viewer.form import FormInputs, chosen_path, folder_edit, rows, seed_box

FIELDS = ("rois", "size", "overlap", "crops_per_film")
FOLDED = ("jitter", "labels")
OWN = "own settings"

#: Areas over which a number of crops can be spread.
AREAS = ("bead", "grid")


class CropInputs(FormInputs):
    """Widgets for one cropping.

    Parameters
    ----------
    viewer
        Whose layers are offered.
    changed
        Called when the form asks for other crops.
    """

    def __init__(self, viewer: Viewer, changed: Callable[[], object]) -> None:
        super().__init__(viewer, "crop")
        self._changed = changed
        self.films = FilmTable(viewer, changed)
        self.form = self.settings_form(CropSettings, (*FIELDS, *FOLDED))
        self.preset = ComboBox(
            label="Preset",
            choices=[OWN, *PRESETS],
            tooltip="paper: exactly 36 crops of each film, spread over its weld bead",
        )
        self.shapes = self.offer(
            "Rectangles",
            lambda _: self.shapes_layers(),
            "A Shapes layer; larger ones are covered with crops, smaller ones lie amid one",
        )
        self.seed = seed_box("The same seed gives the same jitter")
        self.windows = CheckBox(
            text="Draw the windows", value=True, tooltip="Over the film that is chosen in the table"
        )
        self.as_layers = CheckBox(
            text="Add as layers", value=True, tooltip="A stack of crops and a stack of masks in this viewer"
        )
        self.folder = folder_edit("Dataset folder", "Written as well; empty writes none")
        rois, size, overlap, count = (self.form.widgets[name] for name in FIELDS)
        self.lay_out(
            self.films,
            rows(self.preset, rois, self.shapes, size, overlap, count),
            self.more(*FOLDED, after=(self.seed,)),
            rows(self.folder),
            self.windows.native,
            self.as_layers.native,
        )
        self._show_preset()
        self._show_fields()
        self.preset.changed.connect(self._fill_in)
        for widget in self.form.widgets.values():
            widget.changed.connect(self._on_field)
        for widget in (self.shapes, self.seed, self.windows):
            widget.changed.connect(lambda _: self._changed())

    def settings(self) -> Any:
        """What the form asks for; SettingsError in one sentence with the name of the field."""
        spread = self.form.widgets["rois"].value in AREAS
        count = self.form.widgets["crops_per_film"].value if spread else None
        return self.form.read(crops_per_film=count)

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
        super().refresh()

    def _fill_in(self, name: str) -> None:
        """Put a preset's values into the fields."""
        if name not in PRESETS:
            return
        for field in self.form.widgets:
            self.put(field, getattr(PRESETS[name], field))
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
