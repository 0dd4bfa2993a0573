"""The card of a model: what it is, where it comes from, how to apply it.

It travels inside the model file, as JSON in the header, so that a list of models is made without reading a
weight or importing torch. `format_version` fixes what a reader must do, the normalisation of the input
included (`radiograph/normalisation.py`); a card of another version is refused rather than guessed at.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError, field_validator

from napari_weld_fcn.errors import ModelError
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.settings import Settings, setting

FORMAT_VERSION = 1

#: A film enlarged more takes memory that nobody has; one shrunk more shows no flaw. The lower end leaves a
#: card's smallest scale room to be halved for an oversampled film.
Scale = Annotated[float, Field(ge=0.0625, le=4)]
MOST_SCALES = 8
SMALLEST_IN_CARD = 0.125


class Quality(Settings):
    """One way of applying a model, with what it costs and gains."""

    model_config = ConfigDict(allow_inf_nan=False)

    scales: Annotated[tuple[Scale, ...], Field(min_length=1, max_length=MOST_SCALES)] = setting(
        (1.0,), "Enlargements of the film that are predicted"
    )
    merge: Literal["mean", "max"] = setting("mean", "How the scales become one probability")
    seconds: float | None = setting(None, "Time for 4000 x 1500 pixels, 2 processor cores", unit="s", ge=0)
    scores: dict[str, Any] = setting({}, "Scores reached this way")


class Card(Settings):
    """Everything about a model but its weights; text and finite numbers only."""

    model_config = ConfigDict(allow_inf_nan=False)

    format_version: Literal[1] = setting(FORMAT_VERSION, "Version of the file format")
    name: str = setting(..., "What the model is called")
    network: NetworkSettings = setting(NetworkSettings(), "Architecture")
    threshold: float = setting(0.5, "Probability above which a pixel is marked", gt=0, lt=1)
    threshold_purpose: str = setting("", "What the threshold was chosen for")
    thresholds: dict[str, float] = setting({}, "Thresholds for other purposes")
    min_size_px: float = setting(4.0, "Smallest maximum Feret length of an indication", unit="pixels", ge=0)
    qualities: dict[str, Quality] = setting({"fast": Quality()}, "Ways of applying the model")
    pixel_size_mm: float | None = setting(None, "Pixel size that the model was fitted for", unit="mm", gt=0)
    flaw_size_px: tuple[float, float] | None = setting(
        None, "Smallest and largest flaw seen in training", unit="pixels"
    )
    polarity: Literal["dark"] = setting("dark", "Flaws are darker than their surroundings")
    scores: dict[str, Any] = setting({}, "Scores on validation and test films")
    recipe: dict[str, Any] = setting({}, "Settings of the training")
    data: str = setting("", "What the model was trained on")
    seed: int = setting(0, "Seed of the training")
    version: str = setting("", "Version of the program that made the model")
    licence: str = setting("BSD-3-Clause", "Licence of the weights, as SPDX writes it")

    @field_validator("qualities")
    @classmethod
    def _can_be_halved(cls, qualities: dict[str, Quality]) -> dict[str, Quality]:
        for name, quality in qualities.items():
            if min(quality.scales) < SMALLEST_IN_CARD:
                raise ValueError(f"{name}: a scale is at least {SMALLEST_IN_CARD}")
        return qualities

    def to_json(self) -> str:
        """Return the card as JSON, the same for the same values.

        Raises
        ------
        ModelError
            If a value is no JSON, such as NaN among the scores.
        """
        try:
            return json.dumps(self.model_dump(), sort_keys=True, allow_nan=False, ensure_ascii=False)
        except (TypeError, ValueError) as fault:
            raise ModelError(f"The card of model {self.name} cannot be written as JSON ({fault}).") from fault


def parse(text: str, where: str) -> Card:
    """Read a card.

    Parameters
    ----------
    text
        JSON.
    where
        The file, for the message.

    Raises
    ------
    ModelError
        If it is no card of this version.
    """
    values = _json_object(text, where)
    version = values.get("format_version")
    if version != FORMAT_VERSION or isinstance(version, bool):
        raise ModelError(
            f"{where}: its card has format version {version!r}, but this program reads {FORMAT_VERSION} only."
        )
    try:
        return Card.model_validate_json(text)
    except ValidationError as fault:
        first = fault.errors()[0]
        place = ".".join(map(str, first["loc"])) or "card"
        raise ModelError(f"{where}: its card is not valid ({place}: {first['msg']}).") from fault


def _json_object(text: str, where: str) -> dict[str, Any]:
    try:
        values = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as fault:
        raise ModelError(f"{where}: its card is not JSON.") from fault
    if not isinstance(values, dict):
        raise ModelError(f"{where}: its card is not a JSON object.")
    return values


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
