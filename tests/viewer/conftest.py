"""A small film, a small model that marks something on it, and a viewer with the Predict form."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_weld_fcn.network import library
from napari_weld_fcn.network.card import Card
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.prediction.predict import probability
from napari_weld_fcn.radiograph.simulation.film import simulate
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings

MODEL = "tiny"


@pytest.fixture(scope="session")
def film() -> np.ndarray:
    """``(96, 160)`` uint8."""
    return simulate(SimulationSettings(rows=96, columns=160), 9).radiograph.pixels


@pytest.fixture(scope="session")
def tiny(film: np.ndarray) -> Model:
    """An untrained network whose threshold lies where it marks two hundredths of the film."""
    card = Card(name=MODEL, network=NetworkSettings(width=4))
    threshold = float(np.quantile(probability(film, Model.create(card)), 0.98))
    return Model.create(card.model_copy(update={"threshold": threshold, "min_size_px": 2.0}))


@pytest.fixture(autouse=True)
def one_model(
    own_models: Path, tiny: Model, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The only model there is, whatever is shipped."""
    monkeypatch.setattr(library, "_SHIPPED_FOLDER", tmp_path_factory.mktemp("nothing shipped"))
    tiny.save(own_models / f"{MODEL}.safetensors")
    return own_models


@pytest.fixture(autouse=True)
def config_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where forms remember their values in this test."""
    folder = tmp_path / "config"
    monkeypatch.setenv("WELD_FCN_CONFIG", str(folder))
    return folder


@pytest.fixture
def qtbot(qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Waits for a minute where nothing else is said, not for 5 s: others may hold the processor."""
    monkeypatch.setattr(qtbot, "waitUntil", partial(qtbot.waitUntil, timeout=60_000))
    return qtbot


@pytest.fixture
def viewer(make_napari_viewer: Callable[[], Any]) -> Any:
    return make_napari_viewer()


@pytest.fixture
def form(viewer: Any, qtbot: Any) -> Any:
    """The Predict form as the menu opens it, with the small model and 2 px of minimum size."""
    _, widget = viewer.window.add_plugin_dock_widget("napari-weld-fcn", "Predict")
    widget.inputs.model.value = MODEL
    widget.inputs.form.widgets["min_size"].value = 2.0
    return widget


@pytest.fixture
def finish(qtbot: Any) -> Callable[[Any], None]:
    """Wait until a form's jobs have ended."""

    def wait(form: Any) -> None:
        qtbot.waitUntil(lambda: form.job is None, timeout=600_000)  # others may hold the processor

    return wait


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sentences that napari is asked to show."""
    from napari.utils.notifications import notification_manager

    shown: list[str] = []

    def keep(notification: Any) -> None:
        shown.append(str(notification.message))

    notification_manager.notification_ready.connect(keep)
    yield shown  # type: ignore[misc]
    notification_manager.notification_ready.disconnect(keep)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the runs of the Train form go in this test."""
    monkeypatch.setenv("WELD_FCN_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.fixture
def small() -> Callable[[Any], None]:
    """Set a Train form to a small run of two epochs from the small model."""

    def settle(widget: Any) -> None:
        widget.inputs.start_from.value = MODEL
        for name, value in {"epochs": 2, "batch": 2, "window": 32, "device": "cpu"}.items():
            widget.inputs.form.widgets[name].value = value

    return settle


@pytest.fixture
def train(viewer: Any, qtbot: Any, runs: Path, small: Callable[[Any], None]) -> Any:
    """The Train form as the menu opens it, set to a small run."""
    _, widget = viewer.window.add_plugin_dock_widget("napari-weld-fcn", "Train")
    small(widget)
    return widget
