"""What drew an indication: Grad-CAM sample by sample (HiResCAM), for each stage of a network.

The logits of the indication's pixels are added up. What a sample of a stage adds to that sum is, to first
order, its responses times the sum's gradients there, over all channels; where that is positive, it is the
map. Grad-CAM takes the mean of the gradients over the stage instead: that tells which channels speak for a
flaw, but not where, and in the coarse stages of a network that sees far its map is as high far from the
indication as on it.

Nothing beyond the network's reach has a gradient, so only the window around the indication is computed, of
however large a film, and any larger window gives the same.

References
----------
R. L. Draelos, L. Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural
networks", arXiv:2011.08891 (2020). R. R. Selvaraju et al., "Grad-CAM", ICCV 2017. K. Vinogradova, A. Dibrov,
G. Myers, "Towards Interpretable Semantic Segmentation via Gradient-weighted Class Activation Mapping", AAAI
34 (2020): the sum over an indication's pixels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_weld_fcn.errors import RadiographError, SettingsError
from napari_weld_fcn.evaluation.feature_maps import chosen_stages, listening, view_of
from napari_weld_fcn.evaluation.settings import FeatureSettings
from napari_weld_fcn.events import ALONE, JobControl
from napari_weld_fcn.network.fuse import folded
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.engine import choose_device, exact_float32
from napari_weld_fcn.prediction.tiled_inference import NetworkInput
from napari_weld_fcn.prediction.tiles import extended, with_halo
from napari_weld_fcn.radiograph.radiograph import Box, Radiograph

#: Pixels of the largest window; all responses in it are kept for the way back, about 1 kB for each pixel.
MOST_PIXELS = 2_000_000


def grad_cam(
    radiograph: Radiograph | NDArray[Any],
    indication: NDArray[np.bool_],
    model: Model | str | Path = "default",
    settings: FeatureSettings = FeatureSettings(),
    *,
    job: JobControl = ALONE,
) -> dict[str, NDArray[np.float32]]:
    """Show what in each stage drew an indication.

    Parameters
    ----------
    radiograph
        One plane, ``(rows, columns)`` of any real dtype.
    indication
        The same shape, where it was marked.
    model
        A model, its name, or its file.
    settings
        Stages, polarity and device; what is shown of a stage does not matter here.
    job
        Can be stopped before the network runs, after each stage, and before the way back.

    Returns
    -------
    dict
        By the stage's name: ``(rows, columns)`` float32 in [0, 1] on the radiograph's own pixels, 1 where the
        stage drew it most; all 0 where nothing in it did.

    Raises
    ------
    Stopped
        If the job was stopped.
    RadiographError
        If it is a stack, a pixel is not a finite number, or the indication has another shape.
    SettingsError
        If there is no such stage or device, no pixel is marked, or the indication is too large.
    ModelError
        If the model cannot be used.
    """
    film = radiograph if isinstance(radiograph, Radiograph) else Radiograph(radiograph)
    ready = model if isinstance(model, Model) else Model.load(model)
    view = view_of(film, ready, settings)
    if indication.shape != film.pixels.shape:
        raise RadiographError(
            f"{film.name}: the indication is marked on {indication.shape}, but the film has "
            f"{film.pixels.shape}."
        )
    indication = indication[view.box.slices]
    window = with_halo(_around(indication), view.shape, view.halo, view.stride)
    if window.area > MOST_PIXELS:
        raise SettingsError(
            f"The indication reaches over {window.shape[0]} x {window.shape[1]} pixels with what its network "
            f"sees around it, more than {MOST_PIXELS / 1e6:g} million; choose a smaller one."
        )
    found = _maps(view, indication, ready, settings, window, job)
    return {name: view.placed(values) for name, values in found.items()}


def _around(indication: NDArray[np.bool_]) -> Box:
    rows, columns = (np.flatnonzero(indication.any(axis)) for axis in (1, 0))
    if not rows.size:
        raise SettingsError("No pixel of the film is marked; choose an indication.")
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def _maps(
    view: NetworkInput,
    indication: NDArray[np.bool_],
    model: Model,
    settings: FeatureSettings,
    window: Box,
    job: JobControl,
) -> dict[str, NDArray[np.float32]]:
    """Compute the maps on `window`, which holds the indication and its halo."""
    device = choose_device(settings.device)
    network = folded(model.network).float().to(device)
    responses: dict[str, torch.Tensor] = {}

    def keep(name: str, response: torch.Tensor) -> None:
        responses[name] = response
        job.check()

    job.check()
    pixels = torch.from_numpy(view.read(window)).to(device)[None, None].requires_grad_()
    marked = torch.from_numpy(indication[window.slices]).to(device)
    stages = chosen_stages(model.network, settings.stage)
    with torch.enable_grad(), exact_float32(device), listening(network, stages, keep):
        logits = network(pixels)[0, 0]
        gradients = torch.autograd.grad(logits[marked].sum(), list(responses.values()))
    found = {}
    for (name, response), gradient in zip(responses.items(), gradients, strict=True):
        step = extended(window.shape[0], view.stride) // response.shape[-2]
        found[name] = _placed(_weighed(response[0].detach(), gradient[0]), step, window, view.shape)
    return found


def _weighed(response: torch.Tensor, gradient: torch.Tensor) -> NDArray[np.float32]:
    """Weigh responses ``(channels, rows, columns)`` by their gradients; 1 is the largest sum of a sample."""
    drew = (gradient * response).sum(0).clamp_min(0)
    most = float(drew.max())
    return np.asarray((drew / most if most > 0 else drew).cpu().numpy())


def _placed(
    samples: NDArray[np.float32], step: int, window: Box, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Give each sample the pixels of its cell, and all that lies outside of the window 0."""
    rows, columns = window.shape
    placed = np.zeros(shape, np.float32)
    placed[window.slices] = samples.repeat(step, 0)[:rows].repeat(step, 1)[:, :columns]
    return placed
