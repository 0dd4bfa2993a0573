"""The outside of a model file, read without torch and without trusting it.

A `.safetensors` file is eight bytes of length, a JSON header (names, types, shapes and places of the
tensors, and our card among its metadata), then the numbers. Reading it runs nothing that the file brings,
unlike a pickle, which is a program; a pickle is told by its first bytes, whatever it is called, and never
opened. Sizes are checked against the file before anything is read by them.

References
----------
https://huggingface.co/docs/safetensors
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from napari_weld_fcn.errors import ModelError
from napari_weld_fcn.network.card import Card
from napari_weld_fcn.network.card import parse as parse_card

SUFFIX = ".safetensors"
#: The metadata key of the card; the only key, because the order of several is not kept.
CARD_KEY = "weld_fcn_card"

_LARGEST_HEADER = 1 << 23
_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
_ONLY = f"only {SUFFIX} models are read"
_ZIP = b"PK\x03\x04"
_PICKLE = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
_PICKLE_SUFFIXES = {".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib"}


@dataclass(frozen=True)
class TensorEntry:
    """A tensor as the header announces it: type in safetensors' own words, shape, first and last byte."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Header:
    """The card, as text too, and what tensors the file holds."""

    card: Card
    card_text: str
    tensors: dict[str, TensorEntry]


def read_header(path: Path) -> Header:
    """Read and check everything but the numbers.

    Parameters
    ----------
    path
        A model file.

    Returns
    -------
    Header
        Its tensors fill the file exactly.

    Raises
    ------
    ModelError
        If it is not a whole model file of this program and this format version.
    """
    header, numbers = _read_json(path)
    metadata = header.pop("__metadata__", None)
    tensors = {name: _entry(value, path) for name, value in header.items()}
    _check_extent(tensors, numbers, path)
    card = metadata.get(CARD_KEY) if isinstance(metadata, dict) else None
    if not isinstance(card, str):
        raise ModelError(f"{path}: holds tensors but no card, so it was not written by this program.")
    return Header(parse_card(card, str(path)), card, tensors)


def _read_json(path: Path) -> tuple[dict[str, Any], int]:
    """Return the header and how many bytes of numbers follow it."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(9)
            length = int.from_bytes(start[:8], "little")
            if not start.endswith(b"{") or length > min(_LARGEST_HEADER, size - 8):
                raise ModelError(f"{path}: {_why_no_header(start, path.suffix)}.")
            header = json.loads(start[8:] + file.read(length - 1))
    except OSError as fault:
        raise ModelError(f"{path}: cannot be read ({fault.strerror or fault}).") from fault
    except (ValueError, RecursionError) as fault:
        raise ModelError(f"{path}: is not a model file (its header is not JSON).") from fault
    if not isinstance(header, dict):
        raise ModelError(f"{path}: is not a model file (its header is not a JSON object).")
    return header, size - 8 - length


def _why_no_header(start: bytes, suffix: str) -> str:
    if start.startswith(_ZIP):
        return f"is a zip archive, as torch.save writes a pickle; that could run any program, so {_ONLY}"
    if start.startswith(_PICKLE) or suffix.lower() in _PICKLE_SUFFIXES:
        return f"is a pickle, which could run any program when opened, so {_ONLY}"
    if len(start) < 9 or start.endswith(b"{"):
        return "is truncated, or not a model file (it ends before its header does)"
    return f"is not a model file (it does not begin as a {SUFFIX} file does)"


def _entry(value: Any, path: Path) -> TensorEntry:
    try:
        begin, end = value["data_offsets"]
        entry = TensorEntry(value["dtype"], tuple(value["shape"]), begin, end)
        whole = all(type(number) is int and number >= 0 for number in (*entry.shape, begin, end))
        if whole and end - begin == _BYTES[entry.dtype] * math.prod(entry.shape):
            return entry
    except (KeyError, TypeError, ValueError):
        pass
    raise ModelError(f"{path}: its header is damaged (type, shape and place of a tensor disagree).")


def _check_extent(tensors: dict[str, TensorEntry], numbers: int, path: Path) -> None:
    places = sorted((entry.begin, entry.end) for entry in tensors.values())
    last = places[-1][1] if places else 0
    if numbers < last:
        raise ModelError(f"{path}: is truncated ({numbers} of {last} bytes of weights).")
    if numbers > last or (places and places[0][0]) or any(a[1] != b[0] for a, b in pairwise(places)):
        raise ModelError(f"{path}: its tensors do not fill the file exactly, so it is damaged.")
