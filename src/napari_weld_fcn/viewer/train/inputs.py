"""The Train form's inputs: what to learn from, what to start from, for how long, and where the run goes.

It only gathers values. What the fields mean for this run is said beside them in words: what the numbers in
the labels are, and what `keep` trades.

What the choices of the Train form are called, and what they mean, in words.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from magicgui.widgets import CheckBox, FileEdit, LineEdit
from napari import Viewer
from napari.layers import Image
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QDoubleSpinBox, QFormLayout

from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.network.library import listing
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.training.settings import PRESETS, TrainSettings
from napari_weld_fcn.viewer.form import (
    Fold,
    FormInputs,
    align,
    choice,
    chosen_path,
    folder_edit,
    rows,
    stacked,
    wrapped,
)
from napari_weld_fcn.viewer.preferences import TrainFormSettings, remember, remembered
from napari_weld_fcn.viewer.train.film_rows import FilmRows
from napari_weld_fcn.viewer.train.known_films import KnownFilms
from napari_weld_fcn.viewer.train.run import free_name, runs_folder

OWN = "train form"
#: Width of the number beside a slider, in pixels of the screen.
READOUT = 52
#: What `start_from` is where no model is trained further, and where a file is chosen.
NOTHING, FILE = "nothing", "a file..."
FOLDED = (
    "loss",
    "batch",
    "learning_rate",
    "device",
    "precision",
    "window",
    "patience",
    "refit_on_all",
    "seed",
)

SOURCES = {"layers": "layers of this viewer", "folder": "a folder", "known": "films without labels"}
CONVENTIONS = {"dense": "dense: all was looked at", "sparse": "sparse: scribbles"}
MEANINGS = {
    "dense": "0 is background, every other number a flaw. What was not looked at is left out by rectangles.",
    "sparse": "0 is not labelled, 1 is background, every other number a flaw.",
}
OF_PRESET = "the preset's"
NETWORKS = {"preset": OF_PRESET, "fcn": "fcn, the paper's", "autoencoder": "autoencoder"}
ACTIVATIONS = {"preset": OF_PRESET, "selu": "SELU", "elu": "ELU", "relu": "ReLU"}
#: Up to which share of `keep` each sentence holds.
_TRADES = (
    (0.05, "Learns these {} alone; what the model knew of other films is soon forgotten."),
    (0.5, "Leans to these {}; other films may lose a little."),
    (0.95, "Leans to what the model knew; these {} count less."),
    (1.0, "Stays as it was; these {} hardly count."),
)


class TrainInputs(FormInputs):
    """Widgets for one training.

    Parameters
    ----------
    viewer
        Whose layers are offered.
    changed
        Called when the films, or what their labels mean, would be others.
    """

    def __init__(self, viewer: Viewer, changed: Callable[[], object]) -> None:
        super().__init__(viewer, "train")
        self._suggested = ""
        own = TrainFormSettings(**remembered(OWN, TrainFormSettings))
        fields = ("preset", "epochs", "minutes", "keep", *FOLDED)
        self.form = self.settings_form(TrainSettings, fields, sliders=("keep",))
        self.source = choice("Learn from", SOURCES, own.source, "Layers that are open, or files")
        self.films = FilmRows(viewer, changed)
        self.known = KnownFilms(viewer, changed, own.known, self._elsewhere)
        self.folder = folder_edit("Folder", "A dataset that Crop ROIs wrote, or a GDXray series with masks")
        self.convention = choice("Labels are", CONVENTIONS, own.labels, "What the numbers in them mean")
        self.start_from = self.offer("Start from", _models, "A model that is trained further, or nothing")
        self.file = FileEdit(label="Model file", filter="*.safetensors", nullable=True)
        self.network = choice(
            "Network", NETWORKS, own.network, "What is built where nothing is trained further"
        )
        self.activation = choice("Activation", ACTIVATIONS, own.activation, "After each convolution")
        self.name = LineEdit(label="Model name", tooltip="What the model is called in Predict")
        self.run = folder_edit("Run folder", "Settings, history, models and state; a run is resumed from it")
        self.watch = CheckBox(
            text="Show what it predicts meanwhile",
            value=own.watch,
            tooltip="A layer over a film that validates, brought up to date after each epoch",
        )
        self.meaning, self.trade = wrapped(), wrapped()
        self.form.widgets["keep"].native.findChild(QDoubleSpinBox).setFixedWidth(READOUT)
        self._arrange()
        if own.start_from in self.start_from.choices:
            self.start_from.value = own.start_from
        self._show_fields()
        self._show_known()
        self.source.changed.connect(lambda _: self._show_known())
        self.name.changed.connect(self._on_name)
        self.suggest()
        lengths = (self.form.widgets[name] for name in ("minutes", "refit_on_all"))
        for box in (self.source, self.convention, self.folder, self.start_from, *lengths):
            box.changed.connect(lambda _: changed())
        for box in (self.source, self.convention, self.start_from, self.form.widgets["keep"]):
            box.changed.connect(lambda _: self._show_fields())

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  (Qt's name)
        """Align the labels in the font that they have by now."""
        super().showEvent(event)
        align(self.findChildren(QFormLayout))

    def network_settings(self) -> NetworkSettings | None:
        """The network to build; None where a model is trained further as it is."""
        if self.start_from.value != NOTHING:
            return None
        given = PRESETS[self.form.widgets["preset"].value].network.model_dump()
        chosen = {"kind": self.network.value, "activation": self.activation.value}
        return NetworkSettings(**{**given, **{name: v for name, v in chosen.items() if v != "preset"}})

    def start(self) -> str:
        """The model to train further, its name or its file, or ``"nothing"``.

        Raises
        ------
        SettingsError
            If a file is to be chosen and none is.
        """
        if self.start_from.value != FILE:
            return str(self.start_from.value)
        path = chosen_path(self.file)
        if path is None:
            raise SettingsError("Choose the model file to start from, or start from another model.")
        return str(path)

    def dataset(self) -> Path:
        """The folder to learn from.

        Raises
        ------
        SettingsError
            If none is chosen.
        """
        path = chosen_path(self.folder)
        if path is None:
            raise SettingsError("Choose the folder to learn from: a dataset, or a GDXray series with masks.")
        return path

    def run_folder(self) -> Path:
        """Where the run goes."""
        return chosen_path(self.run) or runs_folder() / str(self.name.value)

    def suggest(self) -> None:
        """Name model and run by film and date, unless the user has named them."""
        if self.name.value not in ("", self._suggested):
            return
        alone, folder = self.source.value == "known", chosen_path(self.folder)
        names = [row.film.name for row in (self.known if alone else self.films).values()]
        if self.source.value == "folder":
            names = [folder.name] if folder else []
        elif alone:
            names += [path.stem for path in self.known.files]
        subject = names[0] if names else ""
        self.name.value = free_name(subject, f"{datetime.now():%Y-%m-%d}")
        self._suggested = self.name.value

    def refresh(self) -> None:
        """Bring layers and models up to date, keeping what is chosen."""
        self.films.refresh()
        self.known.films.refresh()
        super().refresh()

    def remember(self, **more: Any) -> None:
        """Keep what the form holds for the next session."""
        super().remember(**more)
        start = self.start_from.value if self.start_from.value != FILE else NOTHING
        own = TrainFormSettings(
            labels=self.convention.value,
            source=self.source.value,
            known=self.known.kind.value,
            start_from=start,
            network=self.network.value,
            activation=self.activation.value,
            watch=self.watch.value,
        )
        remember(OWN, own.model_dump())

    def _on_name(self, name: str) -> None:
        """The run's folder is called as the model, as long as it lies among the runs."""
        run = chosen_path(self.run)
        if run is None or runs_folder() in (run, run.parent):  # itself, where a name was wiped out
            self.run.value = runs_folder() / name
            self.run.line_edit.native.setToolTip(str(self.run.value))

    def _show_fields(self) -> None:
        """Only what the other fields leave to be chosen can be chosen, and what it means is said."""
        source, start = self.source.value, self.start_from.value
        self._of_layers.setVisible(source == "layers")
        self._of_folder.setVisible(source == "folder")
        self.watch.native.setVisible(source == "layers")
        self._of_file.setVisible(start == FILE)
        self._of_model.setVisible(start != NOTHING)
        for box in (self.network, self.activation):
            box.enabled = start == NOTHING
        self.meaning.setText(MEANINGS[self.convention.value])
        learned = "films" if source == "known" else "labels"
        self.trade.setText(trade(self.form.widgets["keep"].value, learned))

    def _show_known(self) -> None:
        """Films without labels stand behind a fold, but where they are all that there is."""
        alone, films = self.source.value == "known", self.known.films
        films.let_validate(alone)
        if alone and not films.rows and not self.known.files:
            films.add()
        for row in [row for row in films.rows if row.film.value in self._elsewhere()]:
            films.remove(row)
        self.fold.title.setVisible(not alone)
        self.fold.open(alone or bool(films.values() or self.known.files))

    def _elsewhere(self) -> list[Image]:
        """Films that have labels."""
        return [row.film for row in self.films.values()] if self.source.value == "layers" else []

    def _arrange(self) -> None:
        field = self.form.widgets
        self._of_layers = stacked(self.films, rows(self.convention), self.meaning)
        self._of_folder = rows(self.folder)
        self.fold = Fold("Films without labels beside them", self.known)
        self._of_file = rows(self.file)
        self._of_model = stacked(rows(field["keep"]), self.trade)
        self.lay_out(
            rows(self.source),
            self._of_layers,
            self._of_folder,
            self.fold,
            rows(self.start_from),
            self._of_file,
            self._of_model,
            rows(field["preset"], field["epochs"], field["minutes"]),
            self.more(*FOLDED, before=(self.network, self.activation)),
            rows(self.name, self.run),
            self.watch.native,
        )


def _models(_: Any) -> list[str]:
    return [NOTHING, *(entry.name for entry in listing() if entry.card is not None), FILE]


def trade(keep: float, learned: str = "labels") -> str:
    """Say what is traded by a share of the model that is kept, 0..1, for what is learned."""
    return next(text for limit, text in _TRADES if keep <= limit).format(learned)
