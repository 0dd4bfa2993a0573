"""A session out of the layers alone: of results that were opened, or after the form was closed.

All that it takes stands in the layers: probabilities, labels, and the record of how they were marked. The
network does not run, PyTorch is not loaded, and what is shown stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari import Viewer
from napari.layers import Image, Labels
from numpy.typing import NDArray
from pydantic import ValidationError

from napari_weld_fcn.errors import WeldFcnError
from napari_weld_fcn.network.card import Card
from napari_weld_fcn.network.library import ModelEntry
from napari_weld_fcn.prediction.indications import measure_indications
from napari_weld_fcn.prediction.saved import without_result
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.viewer.belonging import MARKED, earlier_output
from napari_weld_fcn.viewer.films import plane_shape, radiograph_of
from napari_weld_fcn.viewer.marks import noted_marking
from napari_weld_fcn.viewer.predict.session import Predicted, Session

#: Fields of a card that a record repeats.
OF_CARD = ("min_size_px", "peak_odds")


@dataclass(frozen=True)
class KeptPrediction:
    """A `Prediction` that was made before, with the same attributes; its own class comes with PyTorch."""

    probability: NDArray[np.float32]
    labels: NDArray[np.int32]
    table: dict[str, NDArray[Any]]
    record: dict[str, Any]
    warnings: list[str]
    seconds: float


def taken_up(
    viewer: Viewer, film: Image, models: Mapping[str, ModelEntry], preferred_mm: float | None
) -> Session | None:
    """Make the session of a film that is marked.

    Parameters
    ----------
    viewer, film
        Whose layers, and which film's.
    models
        Those there are, by name.
    preferred_mm
        As in `radiograph_of`.

    Returns
    -------
    Session or None
        None where there are not both heatmap and indications of the film with the record of their making, or
        the film cannot be read.
    """
    shape = plane_shape(film)
    indications = earlier_output(viewer, film, "indications", shape)
    heatmap = earlier_output(viewer, film, "heatmap", shape)
    if not isinstance(indications, Labels) or not isinstance(heatmap, Image):
        return None
    entry = indications.metadata.get(MARKED, {})
    try:
        settings = PredictionSettings.model_validate(entry["settings"])
        radiograph = radiograph_of(film, preferred_mm)()
    except (KeyError, ValidationError, WeldFcnError):
        return None
    record = without_result(entry)
    settings = settings.model_copy(update={"threshold": record["threshold"]})
    marking, probability = noted_marking(indications, heatmap), np.asarray(heatmap.data, np.float32)
    table = measure_indications(marking.labels, probability, record["pixel_size_mm"])
    told, seconds = list(entry.get("warnings", [])), float(entry.get("seconds", 0))
    prediction = KeptPrediction(probability, marking.labels, table, record, told, seconds)
    session = Session(film, Predicted(radiograph, prediction, settings, _card(record, models)), marking)
    session.take_up(heatmap, indications)
    return session


def _card(record: Mapping[str, Any], models: Mapping[str, ModelEntry]) -> Card:
    """The card of the model; where that is not there, what the record says of it."""
    model = record["model"]
    entry = models.get(model["loaded"])
    if entry is not None and entry.card is not None:
        return entry.card
    return Card(name=model["name"], **{name: record[name] for name in OF_CARD if name in record})
