"""What every test stands on: no user's own models or napari settings, the same examples on every run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A widget that outlives its test is a fault; layers are touched on the main thread alone.
os.environ.setdefault("NAPARI_STRICT_QT", "raise")
os.environ.setdefault("NAPARI_ENSURE_PLUGIN_MAIN_THREAD", "1")

settings.register_profile("steady", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("steady")


@pytest.fixture(autouse=True)
def own_models(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test an empty folder in place of the user's own models."""
    folder = tmp_path_factory.mktemp("models")
    monkeypatch.setenv("WELD_FCN_MODELS", str(folder))
    return folder
