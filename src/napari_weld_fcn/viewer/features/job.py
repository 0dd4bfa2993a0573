"""What the Feature maps widget does, as jobs: maps of the plane that is shown, and what drew an indication.

What belongs to Qt's thread (layers, transforms, sliders) is read when a `Plane` is made; the pixels wait in a
function that the job calls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from napari import Viewer
from napari.layers import Image, Labels
from numpy.typing import NDArray

from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.evaluation.settings import FeatureSettings
from napari_weld_fcn.events import JobControl
from napari_weld_fcn.radiograph.radiograph import Box, Radiograph
from napari_weld_fcn.viewer.films import plane_shape, source_of

#: Share of the pixels that lie below the upper end of a map's colours, and how many are looked at.
BRIGHT, LOOKED_AT = 0.998, 500_000


@dataclass(frozen=True)
class Plane:
    """The one plane of a film that is looked at.

    Attributes
    ----------
    film
        The layer.
    place
        Of the plane in a stack; None where the film is no stack.
    read
        Gives its pixels; may be called in any thread.
    """

    film: Image
    place: int | None
    read: Callable[[], Radiograph]

    @property
    def title(self) -> str:
        """What layers of it begin with."""
        return self.film.name if self.place is None else f"{self.film.name} {self.place}"


@dataclass(frozen=True)
class Maps:
    """What a job returns: maps by stage, and where each one's colours end."""

    values: dict[str, NDArray[np.float32]]
    limits: dict[str, float]


def plane_shown(viewer: Viewer, film: Image) -> Plane:
    """Take the plane of `film` that the sliders of `viewer` show."""
    source, shape = source_of(film, None, None), plane_shape(film)
    if len(shape) == 2:
        return Plane(film, None, lambda: source.reads[0]().radiograph)
    if len(shape) > 3:
        raise SettingsError(f"{film.name}: has {len(shape)} dimensions; give a radiograph or a stack.")
    place = _place_shown(viewer, film, shape[0])
    if len(source.reads) > 1:
        return Plane(film, place, lambda: source.reads[place]().radiograph)

    def read() -> Radiograph:
        whole = source.reads[0]().radiograph
        return replace(whole, pixels=whole.plane(place))

    return Plane(film, place, read)


def indication_shown(plane: Plane, layer: Labels) -> NDArray[np.bool_]:
    """Where the selected label of `layer` lies on the plane.

    Raises
    ------
    SettingsError
        If the layer has another shape than the film, or no pixel of the plane has the label.
    """
    if tuple(layer.data.shape) != plane_shape(plane.film):
        raise SettingsError(
            f"{layer.name} has {_size(layer.data.shape)} pixels, but {plane.film.name} has "
            f"{_size(plane_shape(plane.film))}; choose the indications of this film."
        )
    data = layer.data if plane.place is None else layer.data[plane.place]
    marked: NDArray[np.bool_] = np.asarray(data) == layer.selected_label
    if not layer.selected_label or not marked.any():
        raise SettingsError(f"{layer.name}: no indication is selected; click on one, or select its label.")
    return marked


def feature_maps_of(
    plane: Plane, model: str, settings: FeatureSettings, region: Box | None, job: JobControl
) -> Maps:
    """Compute the maps; errors are those of `feature_maps`."""
    from napari_weld_fcn.evaluation.feature_maps import feature_maps  # brings PyTorch

    found = feature_maps(plane.read(), model, settings, region=region, job=job)
    cut = ... if region is None else region.slices
    return Maps(found, {name: _bright(values[cut]) for name, values in found.items()})


def drawn_by(
    plane: Plane, indication: NDArray[np.bool_], model: str, settings: FeatureSettings, job: JobControl
) -> Maps:
    """Compute what drew an indication; errors are those of `grad_cam`."""
    from napari_weld_fcn.evaluation.grad_cam import grad_cam  # brings PyTorch

    radiograph = plane.read()
    rows, columns = radiograph.pixels.shape
    found = grad_cam(radiograph, indication[:rows, :columns], model, settings, job=job)
    return Maps(found, dict.fromkeys(found, 1.0))


def stage_names(model: str) -> tuple[str, ...]:
    """Names of a model's stages, from its network."""
    from napari_weld_fcn.evaluation.feature_maps import stages_of  # both bring PyTorch
    from napari_weld_fcn.network.model import Model

    return stages_of(Model.load(model).network)


def _place_shown(viewer: Viewer, film: Image, planes: int) -> int:
    point = np.zeros(film.ndim)
    shared = min(film.ndim, len(viewer.dims.point))
    point[-shared:] = viewer.dims.point[-shared:]
    return int(np.clip(np.rint(film.world_to_data(point)[0]), 0, planes - 1))


def _bright(values: NDArray[np.float32]) -> float:
    """The upper end of the colours; few pixels at the padded border would make all else dark."""
    every = max(values.size // LOOKED_AT, 1)
    bright = float(np.quantile(values.reshape(-1)[::every], BRIGHT))
    return bright if bright > 0 else float(values.max()) or 1.0


def _size(shape: Any) -> str:
    return " x ".join(map(str, shape))
