"""Ctrl-C as a wish: the first one asks a job to stop, the second ends the command."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from napari_weld_fcn.cli.terminal import Terminal
from napari_weld_fcn.events import ShouldStop


@contextmanager
def stopped_by_signals(terminal: Terminal, answer: str) -> Iterator[ShouldStop]:
    """Take the first Ctrl-C, or request to end, as a wish to stop; the second ends the command.

    Parameters
    ----------
    terminal
        Says `answer` when the wish is heard.
    answer
        What happens now.
    """
    asked: list[int] = []

    def ask(number: int, frame: Any) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        terminal.say(answer)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
