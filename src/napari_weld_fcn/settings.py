"""The base of every settings class, and how a single setting is written down.

A settings class is frozen, validated, and the only place where a default, a range, a unit and a line of
help stand: the form in napari, the options of the command and the JSON in a run folder are all read off
`model_fields`. It imports neither torch nor numpy, so that `--help` answers at once. What a class refuses is
told in one sentence, here, so that the command and the form say it alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Settings(BaseModel):
    """Frozen, validated values; unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


def setting(
    default: Any,
    help: str,
    *,
    unit: str = "",
    step: float | None = None,
    ge: float | None = None,
    le: float | None = None,
    gt: float | None = None,
    lt: float | None = None,
    advanced: bool = False,
) -> Any:
    """Describe one setting: its default, range, unit, one line of help and the form's step.

    Parameters
    ----------
    default
        The value where the user says nothing; ``...`` makes the setting mandatory.
    help
        One line, without a full stop at its end.
    unit
        For example ``"mm"`` or ``"pixels"``; empty where the setting has none.
    step
        Increment of the form's spin box.
    ge, le, gt, lt
        The range, as in pydantic.
    advanced
        Whether a form may fold it away.
    """
    extra: dict[str, Any] = {"unit": unit, "step": step, "advanced": advanced}
    return Field(default, description=help, ge=ge, le=le, gt=gt, lt=lt, json_schema_extra=extra)


def sentence_of(
    fault: ValidationError, name_of: Callable[[str], str] = lambda field: field.replace("_", " ")
) -> str:
    """Say in one sentence what a settings class refused: which setting, what was given, what it should be.

    Parameters
    ----------
    fault
        Its first refusal is told.
    name_of
        What the setting of a field is called where it was given: an option, or a label of a form.

    Returns
    -------
    str
        For example ``--threshold 1.5: input should be less than 1.``; a contradiction between several
        settings is told in the class's own words.
    """
    first = fault.errors()[0]
    message = str(first["msg"]).removeprefix("Value error, ").rstrip(".")
    if not first["loc"]:
        return f"{message}."
    return f"{name_of(str(first['loc'][0]))} {first['input']}: {message[:1].lower()}{message[1:]}."
