"""The base of every settings class, and how a single setting is written down.

A settings class is frozen, validated, and the only place where a default, a range, a unit and a line of
help stand: the form in napari, the options of the command and the JSON in a run folder are all read off
`model_fields`. It imports neither torch nor numpy, so that `--help` answers at once. What a class refuses is
told in one sentence, here, so that the command and the form say it alike.

A setting that is no more leaves its name behind (`Settings.retired`): records, scripts and forms of earlier
versions go on naming it, and refusing them for that would lose them. It is read, has no effect, and that is
told.

What is left open is None, and that is settled here alone: 0 in a form, an option or a file of an earlier
version is read as None where the setting may be None, and stays 0 where 0 is a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic.fields import FieldInfo


class Settings(BaseModel):
    """Frozen, validated values; unknown names are refused, but for those of `retired`.

    Attributes
    ----------
    retired
        Names that earlier versions had, each with what holds instead, as a clause.
    former_defaults
        Defaults that were others in the versions that had the names of `retired`.
    former_names
        What settings were called in earlier versions, which are read, and their names now.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)
    retired: ClassVar[Mapping[str, str]] = {}
    former_defaults: ClassVar[Mapping[str, Any]] = {}
    former_names: ClassVar[Mapping[str, str]] = {}

    @cached_property
    def ignored(self) -> tuple[str, ...]:
        """A sentence on the settings of earlier versions that were given and have no effect; none, mostly."""
        return ()

    @classmethod
    def renamed(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return values by the names that settings have now."""
        return {cls.former_names.get(name, name): value for name, value in given.items()}

    @model_validator(mode="before")
    @classmethod
    def _by_their_names(cls, given: Any) -> Any:
        return cls.renamed(given) if cls.former_names and isinstance(given, Mapping) else given

    @model_validator(mode="wrap")
    @classmethod
    def _of_any_version(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(given, Mapping):
            given = {name: None if cls._left_open(name, value) else value for name, value in given.items()}
        old = [name for name in cls.retired if name in given] if isinstance(given, Mapping) else []
        if not old:
            return handler(given)
        made = handler({name: value for name, value in given.items() if name not in old})
        made.__dict__["ignored"] = (cls.without(old),)
        return made

    @classmethod
    def _left_open(cls, name: str, value: Any) -> bool:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and value == 0 and name in cls.model_fields and may_be_open(cls.model_fields[name])

    @classmethod
    def without(cls, old: Sequence[str]) -> str:
        """Say in one sentence that some of `retired` have no effect."""
        are = "are no settings any more and are" if len(old) > 1 else "is no setting any more and is"
        instead = " and ".join(dict.fromkeys(cls.retired[name] for name in old))
        return f"{' and '.join(old)} {are} ignored: {instead}."


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
    label: str = "",
    zero: str = "",
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
    label
        What a form calls it; empty for its name.
    zero
        What a form shows in place of 0; where the setting may be None, who or what chooses then.
    """
    extra: dict[str, Any] = {"unit": unit, "step": step, "advanced": advanced, "label": label, "zero": zero}
    told = f"{help}; if not given, {zero}" if zero and default is None else help
    return Field(default, description=told, ge=ge, le=le, gt=gt, lt=lt, json_schema_extra=extra)


def may_be_open(field: FieldInfo) -> bool:
    """Whether a setting may be left open, as None."""
    return type(None) in get_args(field.annotation)


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
