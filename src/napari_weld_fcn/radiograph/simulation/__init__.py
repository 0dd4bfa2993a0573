"""Simulated weld radiographs with their truth."""

from napari_weld_fcn.radiograph.simulation.film import SimulatedFilm, simulate
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.radiograph.simulation.truth import Flaw

__all__ = ["Flaw", "SimulatedFilm", "SimulationSettings", "simulate"]
