"""What a command shows, where, and how it ends.

The result goes to standard output, as tables or as one JSON object; everything else (progress, messages,
faults, the log) goes to standard error. A fault that the user can mend is one sentence and exit code 2; what
nobody expected keeps its traceback and is exit code 1.
"""

from __future__ import annotations

import inspect
import json as json_format
import logging
import platform
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

import typer
from pydantic import ValidationError
from rich.console import Console

from napari_weld_fcn.cli.options import Json, Verbose, sentence
from napari_weld_fcn.errors import Stopped, WeldFcnError
from napari_weld_fcn.events import Event, Message, OnEvent, TileDone

DONE, UNEXPECTED, WRONG_INPUT = 0, 1, 2

log = logging.getLogger("napari_weld_fcn.cli")

_Given = ParamSpec("_Given")


class Terminal:
    """Where one call of a command shows things.

    Parameters
    ----------
    json
        Whether the result is one JSON object.
    """

    def __init__(self, json: bool = False) -> None:
        self.json = json
        self.errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
        self.unexpected = False

    def say(self, text: str) -> None:
        """Show a sentence on standard error, beside the progress."""
        log.info("%s", text)
        self.errors.print(text)

    def fault(self, path: Path, fault: Exception) -> dict[str, str]:
        """Tell what went wrong with one input, so that the others can be done, and return that for `--json`.

        Raises
        ------
        Stopped
            If that is what `fault` is.
        """
        if isinstance(fault, Stopped):
            raise fault
        text = str(fault)
        if isinstance(fault, MemoryError):
            text = "is too large for this computer's memory; close other programs, or cut the film."
        elif not isinstance(fault, WeldFcnError):
            self.unexpected = True
            traceback.print_exception(fault)
            text = f"a fault of this program ({type(fault).__name__}: {fault}); please report it."
        text = text if str(path) in text else f"{path}: {text}"
        self.say(text)
        return {"input": str(path), "error": text}

    def code(self, faults: Sequence[object]) -> int:
        """Return the exit code of a command that did what it could and has told these faults."""
        return UNEXPECTED if self.unexpected else WRONG_INPUT if faults else DONE

    def result(self, values: dict[str, Any], show: Callable[[Console], None]) -> None:
        """Give the result: `values` as JSON, or what `show` draws on standard output."""
        if self.json:
            sys.stdout.write(json_format.dumps(values, indent=2, allow_nan=False) + "\n")
            sys.stdout.flush()
        else:
            show(Console(soft_wrap=True, highlight=False, markup=False))

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Progress]:
        """Draw a bar on standard error, where that is a screen, while the block runs."""
        from rich import progress as rich_progress

        columns = (
            rich_progress.TextColumn("{task.description}", markup=False),
            rich_progress.BarColumn(),
            rich_progress.TaskProgressColumn(),
            rich_progress.TimeRemainingColumn(),
        )
        bar = rich_progress.Progress(
            *columns, console=self.errors, transient=True, disable=not self.errors.is_terminal
        )
        with bar:
            yield Progress(self, bar, bar.add_task(what, total=total))


class Progress:
    """A bar over several films, moved by the events of each."""

    def __init__(self, terminal: Terminal, bar: Any, task: Any) -> None:
        self._terminal, self._bar, self._task = terminal, bar, task
        self._films = 0

    def film(self, name: str) -> OnEvent:
        """Name the film that begins; return what listens to its events."""
        self._bar.update(self._task, description=name, completed=self._films)
        log.info("begin %s", name)

        def on_event(event: Event) -> None:
            if isinstance(event, TileDone):
                part = event.done / max(event.total, 1)
                self._bar.update(self._task, completed=self._films + min(part, 1.0))
            elif isinstance(event, Message):
                self._terminal.say(f"{name}: {event.text}")

        return on_event

    def film_done(self) -> None:
        """Count one film as done."""
        self._films += 1
        self._bar.update(self._task, completed=self._films)


@dataclass(frozen=True)
class Shared:
    """What was said before a sub-command's name, as in `weld-fcn models --json show default`."""

    json: bool = False
    verbose: bool = False


def guarded(command: Callable[Concatenate[Terminal, _Given], int]) -> Callable[..., None]:
    """Give a command `--json` and `--verbose`, a `Terminal` as its first argument, and an exit code.

    Both options hold as well where they stand before a sub-command's name: the group keeps them in its
    context as `Shared`.
    """

    def run(*args: Any, json: bool = False, verbose: bool = False, **kwargs: Any) -> None:
        before = kwargs.pop("context").obj or Shared()
        terminal = Terminal(json or before.json)
        with _log_written(verbose or before.verbose):
            code = _exit_code(terminal, lambda: command(terminal, *args, **kwargs))
        raise typer.Exit(code)

    signature = inspect.signature(command, eval_str=True)
    own = [parameter for name, parameter in signature.parameters.items() if name != "terminal"]
    keyword = inspect.Parameter.KEYWORD_ONLY
    shared = [
        inspect.Parameter("json", keyword, default=False, annotation=Json),
        inspect.Parameter("verbose", keyword, default=False, annotation=Verbose),
        inspect.Parameter("context", keyword, annotation=typer.Context),
    ]
    run.__signature__ = signature.replace(parameters=[*own, *shared], return_annotation=None)  # type: ignore[attr-defined]
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    return run


def _exit_code(terminal: Terminal, command: Callable[[], int]) -> int:
    try:
        return command()
    except ValidationError as fault:
        return _refused(terminal, sentence(fault))
    except WeldFcnError as fault:
        return _refused(terminal, str(fault))
    except (KeyboardInterrupt, Stopped):
        terminal.say("Stopped; what was finished is there, nothing is half written.")
    except Exception:
        traceback.print_exc()
    return UNEXPECTED


@contextmanager
def _log_written(wanted: bool) -> Iterator[None]:
    """Write the package's log to standard error while the block runs."""
    if not wanted:
        yield
        return
    package = logging.getLogger("napari_weld_fcn")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    package.addHandler(handler)
    level = package.level
    package.setLevel(logging.DEBUG)
    try:
        log.info("weld-fcn %s, Python %s, %s", _version(), platform.python_version(), platform.platform())
        log.info("arguments: %s", " ".join(sys.argv[1:]))
        yield
    finally:
        package.removeHandler(handler)
        package.setLevel(level)


def _refused(terminal: Terminal, text: str) -> int:
    terminal.say(text)
    if terminal.json:
        terminal.result({"error": text}, lambda console: None)
    return WRONG_INPUT


def _version() -> str:
    from napari_weld_fcn import __version__

    return __version__
