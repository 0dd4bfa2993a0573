"""The stages of a network by name, and their responses while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import nn

from napari_weld_fcn.errors import RadiographError, SettingsError
from napari_weld_fcn.evaluation.settings import FeatureSettings
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.network.stage import Stage
from napari_weld_fcn.prediction.apply_model import network_input
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.prediction.tiled_inference import NetworkInput
from napari_weld_fcn.radiograph.normalisation import Normalisation
from napari_weld_fcn.radiograph.radiograph import Radiograph

#: Is handed a stage's name and its responses ``(1, channels, rows, columns)``.
Seen = Callable[[str, torch.Tensor], None]


def stages_of(network: nn.Module) -> tuple[str, ...]:
    """Names of a network's stages, as its modules are called and in their order."""
    return tuple(name for name, module in network.named_modules() if isinstance(module, Stage))


def stage_of(network: nn.Module, name: str) -> Stage:
    """Return the stage called `name`, one of `stages_of`."""
    stage = network.get_submodule(name)
    assert isinstance(stage, Stage)
    return stage


def chosen_stages(network: nn.Module, asked: str) -> tuple[str, ...]:
    """Return the stages that `asked` names, with commas between them, in the network's order; else all.

    Raises
    ------
    SettingsError
        If the network has no such stage.
    """
    stages = stages_of(network)
    names = [name.strip() for name in asked.split(",") if name.strip()]
    for name in names:
        if name not in stages:
            raise SettingsError(f"Stage {name}: the network has none; it has {', '.join(stages)}.")
    return tuple(stage for stage in stages if stage in names) if names else stages


def view_of(
    film: Radiograph, model: Model, settings: FeatureSettings, known: Normalisation | None = None
) -> NetworkInput:
    """Return how `model` sees the one plane of `film`, by a normalisation that is known or its own.

    Raises
    ------
    RadiographError
        If it is a stack, or no pixel is a finite number.
    """
    if len(film.pixels.shape) != 2:
        raise RadiographError(f"{film.name}: is a stack of {film.planes} planes; give one plane.")
    recipe = PredictionSettings(polarity=settings.polarity)
    return network_input(film, model, recipe, normalisation=known)[0]


@contextmanager
def listening(network: nn.Module, stages: Sequence[str], seen: Seen) -> Iterator[None]:
    """Hand the responses of `stages` to `seen` while the block runs."""
    with ExitStack() as hooks:
        for name in stages:

            def hear(layer: nn.Module, inputs: object, result: torch.Tensor, name: str = name) -> None:
                seen(name, result)

            hooks.callback(stage_of(network, name).register_forward_hook(hear).remove)
        yield
