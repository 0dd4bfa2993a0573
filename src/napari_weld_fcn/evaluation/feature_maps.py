"""What each stage of a network responds to, on the radiograph's own pixels.

A stage's channels are arbitrary in scale, so the magnitude of each is divided by its root mean square over
the whole radiograph before they are averaged or compared; divided by its largest value instead, one pixel at
the padded border would make all else dark. That takes two passes over the tiles, the first to measure,
because the responses of all channels of a large film do not fit into memory. A stage on a coarser grid is
shown as it is, each of its samples over the pixels of its cell: smoothing would claim a resolution it lacks.

Tiles are exact, as in prediction: a stage sees no further than the network, whose halo is read, and tile
origins lie on the network's stride, so on every stage's grid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_weld_fcn.errors import RadiographError, SettingsError
from napari_weld_fcn.evaluation.settings import FeatureSettings
from napari_weld_fcn.events import ALONE, JobControl, TileDone
from napari_weld_fcn.network.fuse import folded
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.network.stage import Stage
from napari_weld_fcn.prediction.apply_model import network_input
from napari_weld_fcn.prediction.engine import FLOAT32, choose_device, engine_for, exact_float32
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.prediction.tiled_inference import NetworkInput, default_tile
from napari_weld_fcn.prediction.tiles import extended, split, with_halo
from napari_weld_fcn.radiograph.normalisation import Normalisation
from napari_weld_fcn.radiograph.radiograph import Box, Radiograph

#: Under this root mean square a channel counts as silent, and gives 0.
_SILENT = 1e-12


def feature_maps(
    radiograph: Radiograph | NDArray[Any],
    model: Model | str | Path = "default",
    settings: FeatureSettings = FeatureSettings(),
    *,
    normalisation: Normalisation | None = None,
    region: Box | None = None,
    job: JobControl = ALONE,
) -> dict[str, NDArray[np.float32]]:
    """Show what each stage of a network responds to.

    Parameters
    ----------
    radiograph
        One plane, ``(rows, columns)`` of any real dtype.
    model
        A model, its name, or its file.
    settings
        Which stages, and what of them.
    normalisation
        Of the film that a crop was cut from; None measures the radiograph.
    region
        Show only this rectangle, and 0 outside. What surrounds it is still seen, and the normalisation is the
        whole radiograph's.
    job
        Is told `TileDone`, where each tile counts twice, for the two passes; can be stopped before each tile
        and after each stage.

    Returns
    -------
    dict
        By the stage's name, in the order in which they are computed: ``(rows, columns)`` float32 of at
        least 0, on the radiograph's own pixels; 1 is a channel's root mean square over the radiograph, or the
        region.

    Raises
    ------
    Stopped
        If the job was stopped.
    RadiographError
        If it is a stack, or no pixel is a finite number.
    SettingsError
        If there is no such stage, channel or device, or the region lies outside of the film.
    ModelError
        If the model cannot be used.
    """
    film = radiograph if isinstance(radiograph, Radiograph) else Radiograph(radiograph)
    ready = model if isinstance(model, Model) else Model.load(model)
    view = view_of(film, ready, settings, normalisation)
    shown = view.box if region is None else region.within(film.pixels.shape)
    inside = view.inside(shown)
    if inside is None:
        raise SettingsError(f"{film.name}: there is no film in the region; draw it on the film.")
    pass_over = _Passes(ready, view, settings, _on_grid(inside, view.stride), job)
    scales = _Scales()
    pass_over(scales.add)
    maps = _Maps(view.shape, scales.weights(settings), settings.show == "strongest")
    pass_over(maps.add)
    return {name: view.placed(_only(inside, each)) for name, each in maps.found.items()}


def _on_grid(box: Box, stride: int) -> Box:
    """Widen `box` to begin where samples of every stage begin."""
    return Box(box.top // stride * stride, box.left // stride * stride, box.bottom, box.right)


def _only(box: Box, values: NDArray[np.float32]) -> NDArray[np.float32]:
    if box.shape == values.shape:
        return values
    shown = np.zeros_like(values)
    shown[box.slices] = values[box.slices]
    return shown


@dataclass(frozen=True)
class _Seat:
    """The inner part of a tile on one stage's grid: in the stage's own samples, and in pixels of the film."""

    box: Box
    outer: Box
    step: int

    def of(self, response: torch.Tensor) -> torch.Tensor:
        """Cut the inner part's samples out of the responses of the whole window."""
        top, left = (
            (self.box.top - self.outer.top) // self.step,
            (self.box.left - self.outer.left) // self.step,
        )
        rows, columns = (-(-edge // self.step) for edge in self.box.shape)
        return response[:, top : top + rows, left : left + columns]


#: Takes a stage's name, its responses to a tile's inner part, and where that lies.
_Add = Callable[[str, torch.Tensor, _Seat], None]


class _Passes:
    """Runs the network over all tiles, once for each call, and hands on what each stage gives."""

    def __init__(
        self,
        model: Model,
        view: NetworkInput,
        settings: FeatureSettings,
        region: Box,
        job: JobControl,
    ) -> None:
        self._stages = _chosen(model.network, settings)
        self._view, self._job = view, job
        self._device = choose_device(settings.device)
        tile = (settings.tile, settings.tile) if settings.tile else _default_tile(model, view, self._device)
        self._tiles = list(split(region, tile, view.stride))
        self._network = folded(model.network).float().to(self._device)
        self._done = 0

    def __call__(self, add: _Add) -> None:
        """Hand `add` each stage's responses to each tile's inner part."""
        for box in self._tiles:
            self._job.check()
            outer = with_halo(box, self._view.shape, self._view.halo, self._view.stride)
            self._run(self._view.read(outer), partial(self._hand_on, add, box, outer))
            self._done += 1
            self._job.tell(TileDone(self._done, 2 * len(self._tiles)))

    def _run(self, window: NDArray[np.float32], seen: Seen) -> None:
        pixels = torch.from_numpy(window).to(self._device)[None, None]
        heard = listening(self._network, self._stages, seen)
        with torch.inference_mode(), exact_float32(self._device), heard:
            self._network(pixels)

    def _hand_on(self, add: _Add, box: Box, outer: Box, name: str, response: torch.Tensor) -> None:
        step = extended(outer.shape[0], self._view.stride) // response.shape[-2]
        seat = _Seat(box, outer, step)
        add(name, seat.of(response[0]), seat)
        self._job.check()


class _Scales:
    """Root mean square of each channel of each stage over the whole radiograph."""

    def __init__(self) -> None:
        self._squares: dict[str, torch.Tensor] = {}
        self._samples: dict[str, int] = {}

    def add(self, name: str, response: torch.Tensor, seat: _Seat) -> None:
        """Count one tile."""
        squares = torch.linalg.vector_norm(response, dim=(1, 2), dtype=torch.float64).square()
        self._squares[name] = self._squares.get(name, 0) + squares
        self._samples[name] = self._samples.get(name, 0) + response[0].numel()

    def weights(self, settings: FeatureSettings) -> dict[str, torch.Tensor]:
        """Return what each channel's magnitude is multiplied by, stage by stage."""
        return {
            name: _weights(name, (squares / self._samples[name]).sqrt(), settings)
            for name, squares in self._squares.items()
        }


class _Maps:
    """The maps, written tile by tile."""

    def __init__(self, shape: tuple[int, int], weights: dict[str, torch.Tensor], strongest: bool) -> None:
        self.found = {name: np.zeros(shape, np.float32) for name in weights}
        self._weights, self._strongest = weights, strongest

    def add(self, name: str, response: torch.Tensor, seat: _Seat) -> None:
        """Write one tile of one stage."""
        magnitude = response.abs().mul_(self._weights[name][:, None, None])
        shown = magnitude.amax(0) if self._strongest else magnitude.sum(0)
        rows, columns = seat.box.shape
        pixels = shown.repeat_interleave(seat.step, 0)[:rows].repeat_interleave(seat.step, 1)[:, :columns]
        self.found[name][seat.box.slices] = pixels.cpu().numpy()


def _weights(name: str, rms: torch.Tensor, settings: FeatureSettings) -> torch.Tensor:
    each = torch.where(rms > _SILENT, 1 / rms.clamp_min(_SILENT), 0.0).float()
    if settings.show == "mean":
        return each / len(each)
    if settings.show == "channel":
        chosen = torch.zeros_like(each)
        chosen[settings.channel] = each[settings.channel]
        return chosen
    return each


def _chosen(network: nn.Module, settings: FeatureSettings) -> tuple[str, ...]:
    chosen = chosen_stages(network, settings.stage)
    for name in chosen if settings.show == "channel" else ():
        channels = stage_of(network, name).convolution.out_channels
        if settings.channel >= channels:
            raise SettingsError(
                f"Channel {settings.channel}: stage {name} has {channels} channels, 0 to {channels - 1}."
            )
    return chosen


def _default_tile(model: Model, view: NetworkInput, device: torch.device) -> tuple[int, int]:
    return default_tile(view, engine_for(model, device, FLOAT32))


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
