"""The plugin's page in napari's Preferences, as one validated value.

napari keeps the page in a file of its own and checks each entry alone. Where the plugin is switched off or
the file was edited by hand into nonsense, the defaults hold: a form must open in any case.

What a user sets once for all sessions, in napari's Preferences.

The manifest has to repeat names, defaults and choices, because napari reads it without running any code; a
test holds both equal. The pixel size is in micrometres here alone: napari's Preferences show two decimals.

What a form held when it was last used, kept from session to session.

One small JSON file for all forms of the plugin, in the user's configuration folder. It is a convenience and
never a reason to fail: a missing, unreadable or outdated file means that the defaults hold, and a value that
its settings class refuses today is dropped alone. What an earlier version wrote is told once: its settings
that are no more have no effect, and what was only its default is not taken for a choice.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any, Literal

import platformdirs
from napari.utils.notifications import show_info
from pydantic import ValidationError

from napari_weld_fcn.errors import WeldFcnError
from napari_weld_fcn.radiograph.output import write_text
from napari_weld_fcn.settings import Settings, setting

PLUGIN = "napari-weld-fcn"

#: The key of the page in the manifest's `configurations`.
PAGE = "predict"


def preferences() -> ViewerSettings:
    """Read the user's preferences; the defaults where there are none.

    Returns
    -------
    ViewerSettings
        Always valid.
    """
    from napari.settings import get_plugin_settings

    try:
        page = getattr(get_plugin_settings(PLUGIN), PAGE)
    except (KeyError, AttributeError):
        return ViewerSettings()
    try:
        return ViewerSettings(**{name: getattr(page, name) for name in ViewerSettings.model_fields})
    except (ValidationError, AttributeError):
        return ViewerSettings()


Colormap = Literal["turbo", "viridis", "inferno", "gray"]


class ViewerSettings(Settings):
    """Where the forms start, and how a heatmap is coloured."""

    model: str = setting("default", "Model that the Predict form starts with")
    device: Literal["auto", "cpu", "cuda", "mps"] = setting("auto", "Where the network runs")
    pixel_size_um: float | None = setting(
        None,
        "Edge of a pixel of films whose layer and file do not say it; 0 leaves it unknown",
        unit="um",
        ge=0,
        le=10_000,
    )
    colormap: Colormap = setting("turbo", "Colours of the heatmap; turbo runs from blue to red")

    @property
    def pixel_size_mm(self) -> float | None:
        """The pixel size in mm; None where none is set."""
        return None if self.pixel_size_um is None else round(self.pixel_size_um / 1000, 5)


class ViewSettings(Settings):
    """How a film's marks are shown; what is changed in the layers' controls is remembered."""

    outline: int = setting(1, "Thickness of an indication's outline; 0 fills it", ge=0, le=100)
    opacity: float = setting(0.9, "Of the indications", ge=0, le=1)
    heatmap: bool = setting(False, "Whether the heatmap is shown")


DEFAULT_VIEW = ViewSettings()

#: What the view is remembered as.
VIEW = "view"


class TrainFormSettings(Settings):
    """What the Train form remembers besides the settings of a run."""

    labels: Literal["dense", "sparse"] = setting(
        "dense", "What the numbers in your labels mean: all of the film was looked at, or scribbles"
    )
    source: Literal["layers", "folder", "known"] = setting(
        "layers", "Layers of this viewer, a folder, or films without labels alone"
    )
    known: Literal["clean", "unlabelled"] = setting(
        "clean", "Whether films without labels are free of flaws, or what the model marks there is ignored"
    )
    start_from: str = setting("default", "The model that is trained further, or nothing")
    network: Literal["preset", "fcn", "autoencoder"] = setting(
        "preset", "The preset's, the paper's fully convolutional network, or an encoder-decoder with skips"
    )
    activation: Literal["preset", "selu", "elu", "relu"] = setting(
        "preset", "Activation after each convolution"
    )
    watch: bool = setting(True, "Show what the network says of a film that validates, after each epoch")


logger = logging.getLogger(__name__)

#: A folder that takes the place of the user's configuration folder.
FOLDER_VARIABLE = "WELD_FCN_CONFIG"


def remembered(form: str, settings: type[Settings]) -> dict[str, Any]:
    """Values of the fields of `settings` that `form` held last.

    Parameters
    ----------
    form
        The form's name, such as ``"predict"``.
    settings
        The class that says which names exist and which values are allowed.

    Returns
    -------
    dict
        Only names that exist and values that are allowed; empty where nothing is remembered.
    """
    values = _read().get(form, {})
    if not isinstance(values, dict):
        return {}
    if old := [name for name in settings.retired if name in values]:
        show_info(settings.without(old))
        values = {name: value for name, value in values.items() if not _of_before(settings, name, value)}
        remember(form, values)
    known = {name: value for name, value in values.items() if name in settings.model_fields}
    return {name: value for name, value in known.items() if _allowed(settings, name, value)}


def remember(form: str, values: dict[str, Any]) -> None:
    """Keep `values` as what `form` held last; a folder that cannot be written is only logged."""
    everything = {**_read(), form: values}
    path = _path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(everything, indent=2, sort_keys=True) + "\n")
    except (OSError, WeldFcnError) as error:
        logger.warning("The form's values were not kept: %s", error)


def _path() -> Path:
    folder = os.environ.get(FOLDER_VARIABLE) or platformdirs.user_config_dir(
        "napari-weld-fcn", appauthor=False
    )
    return Path(folder) / "forms.json"


def _read() -> dict[str, Any]:
    try:
        everything = json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return everything if isinstance(everything, dict) else {}


def _of_before(settings: type[Settings], name: str, value: Any) -> bool:
    return name in settings.retired or (name, value) in settings.former_defaults.items()


def _allowed(settings: type[Settings], name: str, value: Any) -> bool:
    try:
        settings(**{name: value})
    except ValidationError:
        return False
    return True
