"""Simulated weld radiographs with their truth; names are loaded when they are used (PEP 562)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_weld_fcn.radiograph.simulation.film import SimulatedFilm, simulate
    from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
    from napari_weld_fcn.radiograph.simulation.truth import Flaw

__all__ = ["Flaw", "SimulatedFilm", "SimulationSettings", "simulate"]

_HOMES = {"Flaw": "truth", "SimulatedFilm": "film", "SimulationSettings": "settings", "simulate": "film"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
