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
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from napari_weld_fcn.cli.options import Json, Verbose, fields_given, options_of, sentence
from napari_weld_fcn.errors import Stopped, WeldFcnError
from napari_weld_fcn.events import Event, JobControl, Message, ShouldStop, TileDone, never
from napari_weld_fcn.settings import Settings

DONE, UNEXPECTED, WRONG_INPUT = 0, 1, 2

log = logging.getLogger("napari_weld_fcn.cli")


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

    def say(self, *texts: str) -> None:
        """Show sentences on standard error, beside the progress."""
        for text in texts:
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

    def result(self, values: dict[str, Any], *shown: str | Table) -> None:
        """Give the result on standard output: `values` as JSON, or what is shown of them."""
        if self.json:
            sys.stdout.write(json_format.dumps(values, indent=2, allow_nan=False) + "\n")
            sys.stdout.flush()
            return
        console = Console(soft_wrap=True, highlight=False, markup=False)
        for each in shown:
            console.print(each)

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

    def film(self, name: str, should_stop: ShouldStop = never) -> JobControl:
        """Name the film that begins; return the control of its job, whose events move the bar."""
        self._bar.update(self._task, description=name, completed=self._films)
        log.info("begin %s", name)

        def on_event(event: Event) -> None:
            if isinstance(event, TileDone):
                part = event.done / max(event.total, 1)
                self._bar.update(self._task, completed=self._films + min(part, 1.0))
            elif isinstance(event, Message):
                self._terminal.say(f"{name}: {event.text}")

        return JobControl(on_event, should_stop)

    def film_done(self) -> None:
        """Count one film as done."""
        self._films += 1
        self._bar.update(self._task, completed=self._films)


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


@dataclass(frozen=True)
class Shared:
    """What was said before a sub-command's name, as in `weld-fcn models --json show default`."""

    json: bool = False
    verbose: bool = False


def guarded(
    settings: type[Settings] = Settings, leave_out: tuple[str, ...] = ()
) -> Callable[[Callable[..., int]], Callable[..., None]]:
    """Make a command of a function: options, `--json` and `--verbose`, a `Terminal`, and an exit code.

    `--json` and `--verbose` hold as well where they stand before a sub-command's name: the group keeps them
    in its context as `Shared`.

    Parameters
    ----------
    settings
        Its fields become options; the function receives what was given as its argument `given`, if it has
        one.
    leave_out
        Fields that the command takes in another way.
    """

    def with_options(command: Callable[..., int]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        own = [each for name, each in signature.parameters.items() if name not in ("terminal", "given")]
        given = [] if "given" not in signature.parameters else options_of(settings, leave_out)

        def run(json: bool, verbose: bool, context: typer.Context, **kwargs: Any) -> None:
            before = context.obj or Shared()
            terminal = Terminal(json or before.json)
            if "given" in signature.parameters:
                kwargs["given"] = fields_given(settings, given, kwargs)
            with _log_written(verbose or before.verbose):
                code = _exit_code(terminal, lambda: command(terminal, **kwargs))
            raise typer.Exit(code)

        shared = [
            inspect.Parameter("json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Json),
            inspect.Parameter("verbose", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Verbose),
            inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context),
        ]
        parameters = [*own, *given, *shared]
        run.__signature__ = signature.replace(parameters=parameters, return_annotation=None)  # type: ignore[attr-defined]
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        return run

    return with_options


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
        terminal.result({"error": text})
    return WRONG_INPUT


def _version() -> str:
    from napari_weld_fcn import __version__

    return __version__
