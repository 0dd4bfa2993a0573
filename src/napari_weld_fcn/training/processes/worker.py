"""One of the other processes of a run, as `group` starts it: RUN DATA RANK COUNT PORT."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from napari_weld_fcn.errors import WeldFcnError
from napari_weld_fcn.training.processes.group import READY, Place, end_with_the_first
from napari_weld_fcn.training.run import follow_run


def main(run: Path, data: str, place: Place) -> None:
    """Read the run, say so, and share its steps."""
    end_with_the_first()
    try:
        follow_run(run, data, place, _say_ready)
    except WeldFcnError as fault:
        sys.stderr.write(f"{fault}\n")
        sys.stderr.flush()
        os._exit(2)


def _say_ready() -> None:
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    folder, where, *numbers = sys.argv[1:]
    main(Path(folder), where, Place(*map(int, numbers)))
