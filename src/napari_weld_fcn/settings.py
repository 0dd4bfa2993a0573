"""The base of every settings class, and how a single setting is written down.

A settings class is frozen, validated, and the only place where a default, a range, a unit and a line of
help stand: the form in napari, the options of the command and the JSON in a run folder are all read off
`model_fields`. It imports neither torch nor numpy, so that `--help` answers at once.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


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
