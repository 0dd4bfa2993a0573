"""What a form held when it was last used, kept from session to session.

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
from typing import Any

import platformdirs
from napari.utils.notifications import show_info
from pydantic import ValidationError

from napari_weld_fcn.errors import WeldFcnError
from napari_weld_fcn.radiograph.output import write_text
from napari_weld_fcn.settings import Settings

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
