"""Which models there are: those shipped with the program and the user's own.

A list is made from the cards alone, so it costs no import of torch and a damaged file shows as an entry
with its reason instead of spoiling the list. Own models lie in one folder, each file under the name it is
called by; a name can therefore never lead out of that folder nor stand for a shipped model.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import platformdirs

from napari_weld_fcn.errors import ModelError, WeldFcnError
from napari_weld_fcn.network.card import Card
from napari_weld_fcn.network.container import SUFFIX, read_header

#: Names that no own model may take, whether or not the file is there.
SHIPPED_NAMES = ("default", "fcn")
#: Environment variable with the folder of the user's own models.
FOLDER_VARIABLE = "WELD_FCN_MODELS"

_SHIPPED_FOLDER = Path(__file__).parent / "shipped"
_LONGEST_NAME = 64
_WINDOWS_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}


@dataclass(frozen=True)
class ModelEntry:
    """One model of the list; `card` is None exactly where `error` says why."""

    name: str
    path: Path
    origin: Literal["shipped", "own"]
    card: Card | None = None
    error: str | None = None


def own_folder() -> Path:
    """Return the folder of the user's own models, which need not exist yet."""
    if override := os.environ.get(FOLDER_VARIABLE):
        return Path(override)
    return Path(platformdirs.user_data_dir("napari-weld-fcn", appauthor=False)) / "models"


def shipped() -> dict[str, Path]:
    """Return the shipped models, the default first."""
    paths = {name: _SHIPPED_FOLDER / f"{name}{SUFFIX}" for name in SHIPPED_NAMES}
    return {name: path for name, path in paths.items() if path.is_file()}


def own() -> dict[str, Path]:
    """Return the user's own models, by name."""
    paths = sorted(own_folder().glob(f"*{SUFFIX}"))
    return {path.stem: path for path in paths if path.is_file() and name_fault(path.stem) is None}


def listing() -> list[ModelEntry]:
    """Return every model with its card, or with the reason why it cannot be used.

    The card and the header are checked here; the weights are checked when the model is loaded.
    """
    entries = [_entry(name, path, "shipped") for name, path in shipped().items()]
    return entries + [_entry(name, path, "own") for name, path in own().items()]


def find(name_or_path: str | Path) -> Path:
    """Return the file of a model.

    Parameters
    ----------
    name_or_path
        A model's name, which comes first, or a file.

    Raises
    ------
    ModelError
        If it is neither.
    """
    known = own() | shipped()
    if isinstance(name_or_path, str) and name_or_path in known:
        return known[name_or_path]
    if name_or_path and is_file(Path(name_or_path)):
        return Path(name_or_path)
    if name_or_path and (fault := _run_fault(Path(name_or_path))):
        raise ModelError(f"{name_or_path}: {fault}")
    raise ModelError(
        f"{name_or_path}: neither a model's name nor a file; the models are {', '.join(known) or 'none'}."
    )


def own_of_run(path: str | Path) -> str | None:
    """Return the name of the own model that comes from the same run as the file `path`; None if none does."""
    return next((name for name, present in own().items() if of_one_run(Path(path), present)), None)


def delete(name: str) -> None:
    """Delete one of the user's own models.

    Raises
    ------
    ModelError
        If it is shipped with the program, or there is none of that name.
    WeldFcnError
        If its file may not be deleted.
    """
    if name in SHIPPED_NAMES:
        raise ModelError(f"{name}: is shipped with the program and cannot be deleted.")
    path = own().get(name)
    if path is None:
        raise ModelError(f"{name}: no own model has this name; there are {', '.join(own()) or 'none'}.")
    try:
        path.unlink()
    except OSError as fault:
        raise WeldFcnError(f"{path}: cannot be deleted ({fault.strerror}).") from fault


def name_fault(name: str) -> str | None:
    """Return why a name cannot be an own model's, or None; letters, digits, blanks and ``. _ -`` can be."""
    if not name or len(name) > _LONGEST_NAME:
        return f"it must have 1 to {_LONGEST_NAME} characters"
    if not name[0].isalnum() or not (name[-1].isalnum() or name[-1] in "_-"):
        return "it must begin with a letter or digit, and not end with a blank or a full stop"
    if strange := [character for character in name if not (character.isalnum() or character in " ._-")]:
        return f"it contains {strange[0]!r}"
    if name.casefold() in SHIPPED_NAMES:
        return "a shipped model is called so"
    if name.casefold().split(".")[0] in _WINDOWS_DEVICES:
        return "Windows keeps it for a device"
    return None


def of_one_run(one: Path, other: Path) -> bool:
    """Whether two model files were made by one run: its name and settings stand in the cards."""
    try:
        recipes = [read_header(path).card.recipe for path in (one, other)]
    except (ModelError, OSError):
        return False
    return bool(recipes[0].get("run")) and recipes[0] == recipes[1]


def is_file(path: Path) -> bool:
    """Whether it is there; a name too long for any file, or a folder that may not be entered, has none."""
    try:
        return path.is_file()
    except OSError:
        return False


def _run_fault(path: Path) -> str:
    """Say why a run's folder, or a file that it lacks, is no model; empty where it is no run."""
    folder = path.parent if path.suffix == SUFFIX else path
    best, last = (f"{name}{SUFFIX}" for name in ("best", "last"))
    if not is_file(folder / "settings.json"):
        return ""
    if is_file(folder / best):
        return f"the model of this run is {folder / best}; give that file."
    left = f"take {folder / last}, the model of its last validation, or " if is_file(folder / last) else ""
    return f"this run has no {best}, which would be its model; {left}go on with the run by weld-fcn resume."


def _entry(name: str, path: Path, origin: Literal["shipped", "own"]) -> ModelEntry:
    try:
        return ModelEntry(name, path, origin, card=read_header(path).card)
    except ModelError as fault:
        return ModelEntry(name, path, origin, error=str(fault))
