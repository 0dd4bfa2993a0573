"""How a child process ends with the one that it works for, even if that was killed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable


def end_after(wait: Callable[[], object], code: int = 0) -> None:
    """End this process as soon as `wait`, which runs in a thread of its own, returns."""

    def watch() -> None:
        wait()
        os._exit(code)

    threading.Thread(target=watch, daemon=True).start()
