"""A settings class as options of a command, so that no default, unit or help line is written twice.

`options_of` makes one option of each field, by its name without the unit: the field `pixel_size_mm` becomes
`--pixel-size MM`. Ranges are checked by the class alone, once all is given; its
refusal becomes one sentence, by the option's name (`sentence`). Options of earlier versions are still taken,
out of sight of the help, for the class to say that they have no effect.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.settings import Settings, sentence_of

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Write a log to standard error")]
Out = Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write to; may exist")]
Output = Annotated[Path, typer.Option("--output", metavar="OUT", help="Folder to write to; may exist")]
Inputs = Annotated[list[Path], typer.Argument(metavar="INPUT", help="Images, folders or GDXray series")]
Size = Annotated[str, typer.Option(metavar="COLUMNSxROWS", help="Size of a film in pixels")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same films")]
ModelName = Annotated[str, typer.Option(metavar="NAME|FILE", help="A model's name or its file")]

#: Fields that one option gives together.
_TAKEN_TOGETHER = {"rows": "--size", "columns": "--size", "min_size_unit": "--min-size"}


def options_of(settings: type[Settings], leave_out: tuple[str, ...] = ()) -> list[inspect.Parameter]:
    """Return the fields of `settings` as options, without those of `leave_out`; former ones are hidden."""
    fields = {name: field for name, field in settings.model_fields.items() if name not in leave_out}
    former = {now: before for before, now in settings.former_names.items()}
    options = [_option(name, field, former.get(name)) for name, field in fields.items()]
    return options + [_retired(name) for name in settings.retired]


def fields_given(
    settings: type[Settings], options: list[inspect.Parameter], values: dict[str, Any]
) -> dict[str, Any]:
    """Take the values of some options out of `values`, former ones only where they were given."""
    given = {option.name: values.pop(option.name) for option in options}
    return {name: value for name, value in given.items() if not (name in settings.retired and value is None)}


def option_name(name: str, unit: str) -> str:
    """Return the option of field `name`: its unit is the value's name and not part of it."""
    return f"--{name.removesuffix(f'_{unit}').replace('_', '-')}"


def sentence(fault: ValidationError) -> str:
    """Say what a settings class refused, by the option's name and with what was given."""
    return sentence_of(fault, lambda name: _TAKEN_TOGETHER.get(name) or option_name(name, "mm"))


def size_default(settings: type[Settings]) -> str:
    """Return the size of a film as `film_size` reads it, from the defaults of `columns` and `rows`."""
    return "x".join(str(settings.model_fields[name].default) for name in ("columns", "rows"))


def length_default(settings: type[Settings]) -> str:
    """Return the minimum size as `length` reads it, from the defaults of `min_size` and its unit."""
    size, unit = (settings.model_fields[name].default for name in ("min_size", "min_size_unit"))
    return f"{size:g}{unit}" if size else "0"


def film_size(text: str) -> dict[str, Any]:
    """Read ``4000x1500`` as columns and rows.

    Raises
    ------
    SettingsError
        If it is no size.
    """
    match = re.fullmatch(r"(\d{1,9})[x×](\d{1,9})", text.strip().lower())
    if not match:
        raise SettingsError(f"--size {text}: give columns and rows as in 4000x1500.")
    return {"columns": int(match[1]), "rows": int(match[2])}


def pixel(text: str) -> tuple[int, int] | None:
    """Read ``120,345`` as row and column of a pixel, from 0; nothing as none.

    Raises
    ------
    SettingsError
        If it is no place.
    """
    if not text:
        return None
    match = re.fullmatch(r"(\d{1,9})\s*,\s*(\d{1,9})", text.strip())
    if not match:
        raise SettingsError(f"--indication {text}: give row and column of one of its pixels as in 120,345.")
    return int(match[1]), int(match[2])


def length(text: str) -> dict[str, Any]:
    """Read ``0.3mm``, ``4px`` or ``4`` (pixels) as the minimum size and its unit.

    Raises
    ------
    SettingsError
        If it is no length.
    """
    match = re.fullmatch(r"(\d+\.?\d*|\.\d+)\s*(mm|px|pixels)?", text.strip().lower())
    if not match:
        raise SettingsError(f"--min-size {text}: give a length as in 0.3mm or 4px.")
    return {"min_size": float(match[1]), "min_size_unit": "mm" if match[2] == "mm" else "px"}


def _option(name: str, field: FieldInfo, former: str | None = None) -> inspect.Parameter:
    extra = field.json_schema_extra
    unit = str(extra.get("unit", "")) if isinstance(extra, dict) else ""
    kind: Any = field.annotation
    default = field.default
    names = [option_name(each, unit) for each in (name, former) if each]
    if kind is bool:
        names = [f"{each}/--no-{each.removeprefix('--')}" for each in names]
    option = typer.Option(*names, help=field.description, metavar=unit.upper().replace(" ", "-") or None)
    if get_origin(kind) is tuple:
        kind, default = list[get_args(kind)[0]], list(default)  # type: ignore[misc]
    elif get_origin(kind) is Literal and not isinstance(default, str):
        kind = type(default)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
    )


def _retired(name: str) -> inspect.Parameter:
    option = typer.Option(option_name(name, ""), hidden=True)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, option]
    )
