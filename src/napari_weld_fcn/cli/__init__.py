"""The `weld-fcn` command.

`--version` and `--help` answer before anything heavy is imported: `app` knows the names of the commands,
`commands` their options, and a command imports numpy, torch and the rooms that it needs only when it runs.
"""

from __future__ import annotations

import signal


def main() -> None:
    """Run the command that `sys.argv` names; a request to end is taken as Ctrl-C, which cleans up."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    from napari_weld_fcn.cli.app import app

    app(prog_name="weld-fcn")
