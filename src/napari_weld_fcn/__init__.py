"""Flaws in weld radiographs: found, marked and measured by one small network.

What each command of `weld-fcn` does on files is here a function on values. Names are resolved when they
are first used (PEP 562), so that importing the package, as napari does to read its manifest, costs neither
NumPy nor PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_weld_fcn.dataset.augmentation import augment
    from napari_weld_fcn.dataset.crops import crop
    from napari_weld_fcn.dataset.settings import AugmentationSettings, CropSettings
    from napari_weld_fcn.errors import DatasetError, ModelError, RadiographError, SettingsError, WeldFcnError
    from napari_weld_fcn.evaluation.evaluate import Evaluation, evaluate
    from napari_weld_fcn.evaluation.feature_maps import feature_maps
    from napari_weld_fcn.evaluation.scores import PixelScores
    from napari_weld_fcn.evaluation.scores import pixel_scores as score
    from napari_weld_fcn.evaluation.settings import EvaluationSettings, FeatureSettings
    from napari_weld_fcn.network.model import Model
    from napari_weld_fcn.network.settings import NetworkSettings
    from napari_weld_fcn.prediction.predict import Prediction, predict
    from napari_weld_fcn.prediction.settings import PredictionSettings
    from napari_weld_fcn.radiograph.files import read
    from napari_weld_fcn.radiograph.radiograph import Radiograph
    from napari_weld_fcn.radiograph.simulation.film import SimulatedFilm, simulate
    from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
    from napari_weld_fcn.training.run import resume, train
    from napari_weld_fcn.training.run_record import TrainResult
    from napari_weld_fcn.training.settings import TrainSettings
    from napari_weld_fcn.training.simulated.clean_films import CleanFilms, MixedData

__version__ = "0.1.0"

__all__ = [
    "AugmentationSettings",
    "CleanFilms",
    "CropSettings",
    "DatasetError",
    "Evaluation",
    "EvaluationSettings",
    "FeatureSettings",
    "MixedData",
    "Model",
    "ModelError",
    "NetworkSettings",
    "PixelScores",
    "Prediction",
    "PredictionSettings",
    "Radiograph",
    "RadiographError",
    "SettingsError",
    "SimulatedFilm",
    "SimulationSettings",
    "TrainResult",
    "TrainSettings",
    "WeldFcnError",
    "__version__",
    "augment",
    "crop",
    "evaluate",
    "feature_maps",
    "predict",
    "read",
    "resume",
    "score",
    "simulate",
    "train",
]

#: Where each public name lives: room.module, or room.module:name where it is called otherwise there.
_HOMES = {
    "AugmentationSettings": "dataset.settings",
    "CleanFilms": "training.simulated.clean_films",
    "MixedData": "training.simulated.clean_films",
    "CropSettings": "dataset.settings",
    "DatasetError": "errors",
    "Evaluation": "evaluation.evaluate",
    "EvaluationSettings": "evaluation.settings",
    "FeatureSettings": "evaluation.settings",
    "Model": "network.model",
    "ModelError": "errors",
    "NetworkSettings": "network.settings",
    "PixelScores": "evaluation.scores",
    "Prediction": "prediction.predict",
    "PredictionSettings": "prediction.settings",
    "Radiograph": "radiograph.radiograph",
    "RadiographError": "errors",
    "SettingsError": "errors",
    "SimulatedFilm": "radiograph.simulation.film",
    "SimulationSettings": "radiograph.simulation.settings",
    "TrainResult": "training.run_record",
    "TrainSettings": "training.settings",
    "WeldFcnError": "errors",
    "augment": "dataset.augmentation",
    "crop": "dataset.crops",
    "evaluate": "evaluation.evaluate",
    "feature_maps": "evaluation.feature_maps",
    "predict": "prediction.predict",
    "read": "radiograph.files",
    "resume": "training.run",
    "score": "evaluation.scores:pixel_scores",
    "simulate": "radiograph.simulation.film",
    "train": "training.run",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, original = _HOMES[name].partition(":")
    value = getattr(import_module(f"{__name__}.{module}"), original or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
