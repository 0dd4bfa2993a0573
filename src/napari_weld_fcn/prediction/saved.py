"""What a call of `predict` leaves in a folder, and its summary in words, told without PyTorch.

What is marked is an indication; a film without marks has none above the threshold, which is not to say that
it has no flaw.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.radiograph.image_paths import OUTPUT_ENDINGS

#: Names that file systems take, in bytes.
_LONGEST_NAME = 255
#: What an input's entry says besides its record.
_OF_THE_RESULT = ("indications", "seconds", "warnings")


@dataclass(frozen=True)
class OutputFiles:
    """Where the files of one input are."""

    heatmap: Path
    labels: Path
    indications: Path
    overlay: Path


def output_files(folder: str | Path, name: str) -> OutputFiles:
    """Return the paths that `write_outputs` writes for an input called `name`.

    Raises
    ------
    SettingsError
        If one of them would be too long a name for a file.
    """
    names = [f"{name}{ending}" for ending in OUTPUT_ENDINGS]
    longest = max(len(os.fsencode(each)) for each in names)
    if longest > _LONGEST_NAME:
        raise SettingsError(
            f"{name[:20]}...: its name is too long by {longest - _LONGEST_NAME} bytes, for its files would "
            f"have names of {longest}; shorten it."
        )
    return OutputFiles(*(Path(folder) / each for each in names))


def records_of(text: str) -> list[dict[str, Any]]:
    """Return the records of all inputs, as `predict.from_record` takes them, from a `record.json`.

    What an input has of its own goes before what all have in common.
    """
    return [without_result(each) for each in entries_of(text)]


def entries_of(text: str) -> list[dict[str, Any]]:
    """Return the same records, each with what it says of the result: indications, seconds and warnings."""
    whole = json.loads(text)
    inputs = whole.pop("inputs")
    return [whole | each for each in inputs]


def without_result(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record in an entry of `entries_of`."""
    return {key: entry[key] for key in entry if key not in _OF_THE_RESULT}


def count_in_words(count: int, threshold: float) -> str:
    """Say how many indications lie above which threshold.

    Parameters
    ----------
    count
        Of indications.
    threshold
        0..1, of the probability.
    """
    if count == 0:
        return "no indication above the threshold"
    above = f"{threshold:.2f}" if threshold >= 0.005 else f"{threshold:.2g}"
    return f"{count} indication{'s' if count > 1 else ''} above {above}"
