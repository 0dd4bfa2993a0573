"""Whatever a decoder finds wrong with a file, as one sentence.

Decoders raise errors of every type, and what they say is meant for whoever wrote them: how many bytes a
buffer lacks, or the name of a field that is not there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_weld_fcn.errors import RadiographError

#: Deflate packs at most 1032 bytes into one; the other compressions of photographs do worse.
MOST_PACKED = 1100
#: Below this size a claim is tried whatever the file's length.
HARMLESS_BYTES = 2**28
#: Errors that tell of a file that ends too early, and words of those that say so.
_TOO_SHORT, _CUT = (struct.error, EOFError), ("truncated", "incomplete", "broken png", "buffer")
#: Errors that decoders raise unawares.
_UNAWARES = (
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    SyntaxError,
    UnicodeError,
)


@contextmanager
def damage_told(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever reading a file of this kind raises into a `RadiographError`."""
    try:
        yield
    except RadiographError:
        raise
    except MemoryError as fault:
        raise RadiographError(f"{path}: is too large for this computer's memory.") from fault
    except Exception as fault:  # decoders raise whatever they like
        raise RadiographError(f"{path}: is a damaged or truncated {kind} ({reason(fault)}).") from fault


def reason(fault: Exception) -> str:
    """Return what a decoder's error means, as a clause."""
    text = " ".join(str(fault).split())
    if isinstance(fault, _TOO_SHORT) or any(word in text.lower() for word in _CUT):
        return "it ends too early"
    if isinstance(fault, _UNAWARES) or not text:
        return "its header contradicts itself"
    return text


def check_claim(path: Path, claimed_bytes: float) -> None:
    """Refuse a file that claims more pixels than any compression could have packed into its length.

    Raises
    ------
    RadiographError
        If `claimed_bytes` of pixels are impossible for the file.
    """
    size = path.stat().st_size
    if claimed_bytes > max(HARMLESS_BYTES, MOST_PACKED * size):
        raise RadiographError(
            f"{path}: is damaged (it claims {claimed_bytes:.3g} bytes of pixels, but is {size} bytes long)."
        )
