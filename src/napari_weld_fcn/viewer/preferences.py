"""The plugin's page in napari's Preferences, as one validated value.

napari keeps the page in a file of its own and checks each entry alone. Where the plugin is switched off or
the file was edited by hand into nonsense, the defaults hold: a form must open in any case.
"""

from __future__ import annotations

from pydantic import ValidationError

from napari_weld_fcn.viewer.settings import ViewerSettings

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
