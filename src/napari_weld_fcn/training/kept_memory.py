"""Memory that a fit keeps between its steps instead of giving it back.

The C library of Linux hands every large array back to the system as soon as it is free, and asks for it anew
a moment later; the kernel then clears each page. With the arrays of a training step that took up to half of
the time. While a fit runs, freed memory is kept for the next step; afterwards it is given back, and at once
where memory lacks: pieces that lie free between others are of no use to an array larger than each of them.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager

#: Names and usual values of what `mallopt` sets, from glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_USUAL_TRIM, _USUAL_MMAPS = 128 * 1024, 65536
_NEVER_TRIM = 2**31 - 1


@contextmanager
def kept_memory() -> Iterator[None]:
    """Keep freed memory for the next arrays while the block runs; does nothing where there is no glibc."""
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    library = ctypes.CDLL(None)
    library.mallopt(_MMAP_MAX, 0)
    library.mallopt(_TRIM_THRESHOLD, _NEVER_TRIM)
    try:
        yield
    finally:
        give_back()


def give_back() -> None:
    """Keep no memory any more, and give back what lies free."""
    if platform.libc_ver()[0] != "glibc":
        return
    library = ctypes.CDLL(None)
    library.mallopt(_MMAP_MAX, _USUAL_MMAPS)
    library.mallopt(_TRIM_THRESHOLD, _USUAL_TRIM)
    library.malloc_trim(0)
