"""Where the runs of the forms go, and what they and their models are called.

A run lies beside the user's own models and is called as its model is: by what it learned from and the date.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from napari_weld_fcn.errors import ModelError
from napari_weld_fcn.network import library

#: Environment variable with the folder that holds the runs.
FOLDER_VARIABLE = "WELD_FCN_RUNS"
#: Letters of the film's name that its model's name takes.
_LONGEST = 36


def runs_folder() -> Path:
    """Return the folder that holds the runs, which need not exist yet."""
    if override := os.environ.get(FOLDER_VARIABLE):
        return Path(override).absolute()
    return Path(platformdirs.user_data_dir("napari-weld-fcn", appauthor=False)) / "runs"


def free_name(subject: str, date: str = "") -> str:
    """Return a name that no own model has, and with a date no run, made of both.

    Parameters
    ----------
    subject
        A film, or a run; what no model may be called becomes an underscore.
    date
        Of the run that is to begin; empty for a run that is there.
    """
    plain = "".join(letter if letter.isalnum() or letter in " ._-" else "_" for letter in subject)
    stem = f"{plain.strip(' ._-')[:_LONGEST] or 'film'} {date}".strip()
    taken = {name.casefold() for name in library.own()}
    number, name = 1, stem
    while name.casefold() in taken or (date and (runs_folder() / name).exists()):
        number += 1
        name = f"{stem} {number}"
    return name


def check_name(name: str) -> None:
    """Refuse a name that an own model cannot have, or has.

    Raises
    ------
    ModelError
        In one sentence.
    """
    if fault := library.name_fault(name):
        raise ModelError(f"The model cannot be called {name!r}: {fault}.")
    if name.casefold() in {taken.casefold() for taken in library.own()}:
        raise ModelError(f"A model called {name!r} is there already; choose another name.")
