"""The card of a model: what it is, where it comes from, how to apply it.

It travels inside the model file, as JSON in the header, so that a list of models is made without reading a
weight or importing torch. `format_version` fixes what a reader must do, the normalisation of the input
included (`radiograph/normalisation.py`); a card of another version is refused rather than guessed at.

Cards of version 0.1 know two ways of applying the model, `fast` and `careful`. They are kept, and only the
scores of the first, which is how every film is predicted now, are shown.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import SerializeAsAny, ValidationError

from napari_weld_fcn.errors import ModelError
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.settings import Settings, setting

FORMAT_VERSION = 1
#: What a card of version 0.1 calls the one way of applying a model that is left.
_ONE_PASS = "fast"


class Card(Settings):
    """Everything about a model but its weights; text and finite numbers only."""

    format_version: Literal[1] = setting(FORMAT_VERSION, "Version of the file format")
    name: str = setting(..., "What the model is called")
    network: SerializeAsAny[NetworkSettings] = setting(NetworkSettings(), "Architecture")
    threshold: float = setting(0.5, "Probability above which a pixel is marked", gt=0, lt=1)
    threshold_purpose: str = setting("", "What the threshold was chosen for")
    thresholds: dict[str, float] = setting({}, "Thresholds for other purposes")
    min_size_px: float = setting(4.0, "Smallest maximum Feret length of an indication", unit="pixels", ge=0)
    peak_odds: float = setting(
        1.0, "How many times the odds of the threshold an indication has at its peak", ge=1
    )
    pixel_size_mm: float | None = setting(None, "Pixel size that the model was fitted for", unit="mm", gt=0)
    flaw_size_px: tuple[float, float] | None = setting(
        None, "Smallest and largest flaw seen in training", unit="pixels"
    )
    polarity: Literal["dark"] = setting("dark", "Flaws are darker than their surroundings")
    scores: dict[str, Any] = setting({}, "Scores on validation films and on films that nothing was chosen on")
    recipe: dict[str, Any] = setting({}, "Settings of the training")
    data: str = setting("", "What the model was trained on")
    seed: int = setting(0, "Seed of the training")
    version: str = setting("", "Version of the program that made the model")
    licence: str = setting("BSD-3-Clause", "Licence of the weights, as SPDX writes it")
    qualities: dict[str, dict[str, Any]] | None = setting(
        None, "Ways of applying the model that version 0.1 told apart; kept, without effect"
    )

    @property
    def reached(self) -> dict[str, Any]:
        """The scores, wherever the card's version keeps them: ``validation``, and ``test`` where it is known.

        Under ``test`` stand the figures of `evaluation.benchmark.films` and ``seconds``, the time for 4000 x
        1500 pixels on two processor cores.
        """
        before = (self.qualities or {}).get(_ONE_PASS) or {}
        if not before.get("scores"):
            return self.scores
        return self.scores | {"test": {"seconds": before.get("seconds")} | before["scores"]}

    def as_shown(self) -> dict[str, Any]:
        """Return the card as plain values for a person: its scores in one place, nothing without effect."""
        return self.model_dump(mode="json", exclude={"qualities"}) | {"scores": self.reached}

    def as_written(self) -> dict[str, Any]:
        """Return the card as plain values for a file or a program; what only 0.1 has, if it is set."""
        return self.model_dump(exclude={"qualities"} if self.qualities is None else None)

    def to_json(self) -> str:
        """Return the card as JSON, the same for the same values.

        Raises
        ------
        ModelError
            If a value is no JSON, such as NaN among the scores.
        """
        try:
            return json.dumps(self.as_written(), sort_keys=True, allow_nan=False, ensure_ascii=False)
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
